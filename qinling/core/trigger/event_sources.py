# SPDX-License-Identifier: Apache-2.0
"""Event sources: places from which engines read events for functions.

:mod:`.events` creates executions of the events, and
:mod:`qinling.engine.periodic.event_sources` reads them.
"""

from collections.abc import Mapping
import functools
import json
import pkgutil
import typing

from oslo_config import cfg

from qinling import context
from qinling.core import collection
from qinling.core import idempotency
from qinling.core import preconditions
from qinling.core import quotas as quotas_module
from qinling.core import secrets as secrets_module
from qinling.core import targets
from qinling.core.trigger import event_filters
from qinling.core import validation
from qinling.db import crud
from qinling.db import models
from qinling.db import session
from qinling import drivers
from qinling import event_sources as drivers_package
from qinling.event_sources import addresses
from qinling.event_sources import base
from qinling.event_states import EventSourceState
from qinling.event_states import EventSourceStatus
from qinling import exception

_MODEL = models.EventSource
FAMILY = 'event_sources'
#: Modules of the drivers that are no kinds.
_SHARED_MODULES = ('addresses', 'amqp', 'base', 'kafka_client',
                   'kafka_codecs', 'web')
_TARGET_FIELDS = ('function_id', 'function_version', 'function_alias')
#: Most seconds to wait for a full batch, and characters of a credential.
MAX_WINDOW_SECONDS, MAX_CREDENTIAL_LENGTH = 300, 4096
#: Columns of a source that no engine reads.
UNREAD: Mapping[str, typing.Any] = {
    'state': EventSourceState.WAITING.value, 'state_reason': None,
    'lag': None, 'lag_seconds': None, 'measured_at': None, 'owner': None,
    'lease_until': None}

_Values = Mapping[str, typing.Any]


@functools.cache
def list_kinds() -> list[str]:
    """Return the kinds of event sources."""
    return sorted(module.name for module in pkgutil.iter_modules(
        drivers_package.__path__) if module.name not in _SHARED_MODULES)


def load_driver(kind: typing.Any) -> type[base.Driver]:
    """Return the driver of a kind.

    :raises Invalid: there is no such kind.
    """
    if kind not in list_kinds():
        raise exception.Invalid(
            f'kind must be one of: {", ".join(list_kinds())}.')
    driver: type[base.Driver] = drivers.load(FAMILY, kind)
    return driver


def create_guard(conf: cfg.ConfigOpts) -> addresses.Guard:
    """Return the guard of the addresses of the sources.

    :raises ValueError: an option is wrong.
    """
    options = conf.event_sources
    return addresses.Guard(options.allowed_networks, options.denied_networks,
                           conf.api.auth_strategy == 'noauth')


class EventSources(collection.Collection):
    """Operations on event sources."""

    model = _MODEL
    not_found = exception.EventSourceNotFound

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database,
                 secrets: secrets_module.Secrets,
                 quotas: quotas_module.Quotas) -> None:
        super().__init__(db)
        self._options = conf.event_sources
        self._secrets = secrets
        self._quotas = quotas
        create_guard(conf)

    def create(self, ctx: context.RequestContext, values: _Values,
               request: idempotency.IdempotentRequest | None = None
               ) -> typing.Any:
        """Create an event source.

        :param values: ``kind``, ``settings``, and ``function_id`` and
            ``function_version`` or ``function_alias``; optional ``name``,
            ``credentials``, ``filter``, ``batch_size`` and
            ``batch_window``.
        :param request: key of a request that must not repeat.
        :raises Invalid, QuotaExceeded, NotFound: the source is not valid.
        """
        if not self._options.enabled:
            raise exception.EventSourcesDisabled()
        columns = self._parse(values.get('kind'), {
            'settings': {}, **values})
        target = _create_target(values)
        guard = self._quotas.guard(ctx.project_id, event_sources=1)

        def insert(tx: session.Connection) -> str:
            guard(tx)
            targets.lock_reference(tx, ctx, **target)
            id = crud.insert(
                tx, _MODEL, project_id=ctx.project_id, kind=values['kind'],
                status=EventSourceStatus.RUNNING.value, **columns, **target)
            idempotency.reserve(tx, request, id)
            return id
        return self.get(ctx, idempotency.run(
            self._db, request, lambda: self._db.write(insert), str))

    def update(self, ctx: context.RequestContext, id: str, values: _Values,
               match: preconditions.Match = None) -> typing.Any:
        """Change an event source; the engine opens a new connection.

        :raises Invalid: a value is wrong, or a new URL would get the
            credentials of the present one.
        """
        def change(tx: session.Connection) -> None:
            row = self._lock(tx, ctx, id, match)
            if values.get('kind', row.kind) != row.kind:
                raise exception.Invalid('The kind of an event source cannot '
                                        'change; create another source.')
            columns = self._parse(row.kind, values)
            if 'settings' in columns:
                _check_credentials(row, columns)
                if columns['settings'] != row.settings:
                    columns['position'] = None
            if set(_TARGET_FIELDS) & set(values):
                target = _create_target({
                    'function_id': row.function_id, **values})
                targets.lock_reference(
                    tx, context.project_owner(row.project_id), **target)
                columns.update(target)
            if columns:
                crud.update(tx, _MODEL, id, columns)
        self._db.write(change)
        return self.get(ctx, id)

    def set_status(self, ctx: context.RequestContext, id: str,
                   status: EventSourceStatus,
                   match: preconditions.Match = None) -> typing.Any:
        """Pause or resume an event source."""
        def change(tx: session.Connection) -> None:
            row = self._lock(tx, ctx, id, match)
            if row.status != status:
                crud.change_status(tx, _MODEL, id, status.value, **UNREAD)
        self._db.write(change)
        return self.get(ctx, id)

    def delete(self, ctx: context.RequestContext, id: str,
               match: preconditions.Match = None) -> None:
        """Delete an event source; its dead letters stay."""
        self._delete_row(ctx, id, match)

    def _parse(self, kind: typing.Any, values: _Values
               ) -> dict[str, typing.Any]:
        """Return the columns of values of a user, without the target."""
        driver = load_driver(kind)
        validation.text('name', values.get('name'))
        columns = {}
        if 'name' in values:
            columns['name'] = values['name']
        if 'settings' in values:
            columns['settings'] = _parse_settings(driver, values['settings'])
        if 'credentials' in values:
            columns['credentials'] = self._encrypt(
                driver, values['credentials'])
        if 'filter' in values:
            columns['filter'] = event_filters.parse(values['filter'])
        for name, minimum, maximum in (
                ('batch_size', 1, self._options.max_batch_size),
                ('batch_window', 0, MAX_WINDOW_SECONDS)):
            if name in values:
                columns[name] = _check_number(
                    name, values[name], minimum, maximum)
        return columns

    def _encrypt(self, driver: type[base.Driver], value: typing.Any
                 ) -> str | None:
        """Return credentials as they are stored; never repeat a value."""
        names = driver.CREDENTIALS
        if not (isinstance(value, dict) and set(value) <= set(names)
                and all(isinstance(text, str)
                        and len(text) <= MAX_CREDENTIAL_LENGTH
                        for text in value.values())):
            raise exception.Invalid(
                'credentials must be a JSON object of texts with '
                f'{" and ".join(names)}.' if names else
                'A source of this kind has no credentials.')
        return self._secrets.encrypt(json.dumps(value)) if value else None


def _parse_settings(driver: type[base.Driver], settings: typing.Any
                    ) -> dict[str, typing.Any]:
    if not isinstance(settings, dict):
        raise exception.Invalid('settings must be a JSON object.')
    try:
        return driver.parse(settings)
    except ValueError as e:
        raise exception.Invalid(str(e))


def _check_credentials(row: typing.Any, columns: _Values) -> None:
    """Refuse to send stored credentials to another server.

    The sender of the update may not know them.
    """
    if (row.credentials and 'credentials' not in columns
            and columns['settings'].get('url') != row.settings.get('url')):
        raise exception.Invalid('A new url in settings needs the credentials '
                                'again; send both.')


def _check_number(name: str, value: int, minimum: int, maximum: int) -> int:
    if not minimum <= value <= maximum:
        raise exception.Invalid(
            f'{name} must be a whole number from {minimum} to {maximum}.')
    return value


def _create_target(values: _Values) -> dict[str, typing.Any]:
    """Return the columns of a target; an alias wins over a function."""
    alias = values.get('function_alias')
    if alias:
        validation.text('function_alias', alias)
        return {'function_id': None, 'function_version': 0,
                'function_alias': alias}
    if not values.get('function_id'):
        raise exception.Invalid(
            'Either function_alias or function_id must be provided.')
    return {'function_id': values['function_id'], 'function_alias': None,
            'function_version': values.get('function_version') or 0}
