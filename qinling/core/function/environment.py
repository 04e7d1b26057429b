# SPDX-License-Identifier: Apache-2.0
"""Environment variables and secrets of functions.

A function or version refers to an immutable row, so a version keeps the
environment, and a worker with the loaded row is up to date.  The row is
deleted with the last reference.  A version with a ``latest`` reference to a
changed secret gets another row.
"""

from collections.abc import Iterable
from collections.abc import Mapping
import re
import typing

from oslo_config import cfg

from qinling.core.function import secret_references
from qinling.core import secrets as secrets_module
from qinling.db import crud
from qinling.db import models
from qinling.db import queries
from qinling.db import session
from qinling import exception
from qinling.sources import base as sources

_MODEL = models.FunctionSettings
_VERSION = models.FunctionVersion
FIELDS = ('environment', 'secrets', 'secret_modes')
NAME = re.compile('[A-Za-z_][A-Za-z0-9_]*')
MAX_NAME_LENGTH = 255
#: Names that every worker sets.
RESERVED_NAMES = ('HOME', 'LANG', 'PATH', 'TMPDIR')
#: Prefixes of names that change how programs start.
UNSAFE_PREFIXES = ('GLIBC_TUNABLES', 'LD_', 'NODE_OPTIONS', 'PYTHON',
                   'QINLING_')

_Texts = Mapping[str, str]
_Json = dict[str, typing.Any]


class Environments:
    """Plans, reads and decrypts environments."""

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database,
                 secrets: secrets_module.Secrets) -> None:
        self._options = conf.resource_limits
        self._db = db
        self._secrets = secrets

    def read(self, rows: Iterable[typing.Any]) -> dict[str, typing.Any]:
        """Return the environments of functions or versions, by id."""
        ids = {row.settings_id for row in rows} - {None}
        if not ids:
            return {}
        return {row.id: row for row in self._db.read(
            crud.select, _MODEL, _MODEL.id.in_(ids))}

    def plan(self, row: typing.Any, fields: Mapping[str, typing.Any],
             source: sources.Source) -> _Json | None:
        """Return the columns of a new environment.

        ``environment`` replaces the present environment.  ``secrets`` adds to
        the present secrets and removes secrets with the value ``null``, since
        users cannot read, and so not repeat, their secrets; ``secret_modes``
        changes the modes of some secrets.

        :param row: the function, ``None`` for a new one.
        :returns: ``None`` to keep the present environment.
        :raises Invalid: the fields are not valid.
        """
        values = {name: fields[name] for name in FIELDS
                  if fields.get(name) is not None}
        if not values:
            return None
        if any(values.values()) and not source.has_package:
            raise exception.Invalid(
                'An image function has neither environment nor secrets: '
                'its image brings what it needs.')
        stored = self.read([row]).get(row.settings_id) if row else None
        present = stored.environment if stored else {}
        environment = _validate('environment', values.get(
            'environment', present))
        present_secrets = secret_references.load(stored)
        secrets = self._change_secrets(
            row, present_secrets, values.get('secrets', {}))
        secrets = secret_references.set_modes(
            secrets, values.get('secret_modes', {}))
        if (environment, secrets) == (present, present_secrets):
            return None
        duplicates = sorted(set(environment) & set(secrets))
        if duplicates:
            raise exception.Invalid(
                f'{duplicates[0]} cannot be in both environment and '
                'secrets.')
        self._check_sizes(environment, secrets)
        return {'environment': environment,
                'secrets': secret_references.dump(secrets)}

    def _change_secrets(self, row: typing.Any,
                        present: secret_references.References,
                        values: Mapping[str, str | None]
                        ) -> secret_references.References:
        """Return the present secrets with new values, encrypted."""
        texts = _validate('secrets', {
            name: value for name, value in values.items()
            if value is not None})
        numbers = self._last_numbers(row) if texts else {}
        secrets = {name: reference for name, reference in present.items()
                   if values.get(name, '') is not None}
        for name, text in texts.items():
            mode = (present[name].mode if name in present
                    else secret_references.PINNED)
            secrets[name] = secret_references.SecretReference(
                name, numbers.get(name, 0) + 1, mode, models.now(),
                len(text.encode()), self._secrets.encrypt(text))
        return secrets

    def _last_numbers(self, row: typing.Any) -> dict[str, int]:
        """Return the highest numbers of the secrets of a function.

        A version may refer to a secret that the function has no longer.
        """
        if row is None:
            return {}
        versions = self._db.read(crud.select, _VERSION,
                                 _VERSION.function_id == row.id,
                                 only=(_VERSION.settings_id,))
        numbers: dict[str, int] = {}
        for stored in self.read([row, *versions]).values():
            for name, reference in secret_references.load(stored).items():
                numbers[name] = max(numbers.get(name, 0), reference.number)
        return numbers

    def _check_sizes(self, environment: _Texts,
                     secrets: secret_references.References) -> None:
        limit = self._options.max_environment
        if len(environment) + len(secrets) > limit:
            raise exception.Invalid(
                f'environment and secrets have {len(environment)} and '
                f'{len(secrets)} names, at most {limit} are allowed '
                'together.')
        size = sum(len(name) + len(value.encode())
                   for name, value in environment.items())
        size += sum(len(name) + reference.size
                    for name, reference in secrets.items())
        limit = self._options.max_environment_size
        if size > limit:
            raise exception.Invalid(
                f'environment and secrets have {size} bytes, at most {limit} '
                'are allowed together.')

    def decrypt(self, id: str | None) -> dict[str, str]:
        """Return the whole environment of a function, secrets included.

        :raises TemporaryError: the database does not answer.
        :raises TargetReplaced: the row is gone.
        :raises PermanentError: the row cannot be decrypted.
        """
        if id is None:
            return {}
        try:
            rows = self._db.read(crud.select, _MODEL, _MODEL.id == id)
        except exception.Unavailable as e:
            raise exception.TemporaryError(str(e)) from e
        if not rows:
            raise exception.TargetReplaced('its settings are gone')
        try:
            return dict(rows[0].environment, **{
                name: self._secrets.decrypt(value['sealed'])
                for name, value in rows[0].secrets.items()})
        except exception.Unavailable as e:
            raise exception.PermanentError(
                f'its secrets cannot be read: {e}') from e


def insert(tx: session.Connection, project_id: str, columns: _Json
           ) -> str | None:
    """Write an environment; return its id, ``None`` if empty."""
    if not any(columns.values()):
        return None
    numbers = {name: value['number']
               for name, value in columns['secrets'].items()}
    return crud.insert(tx, _MODEL, project_id=project_id,
                       secret_numbers=numbers or None, **columns)


def follow_secrets(tx: session.Connection, function_id: str,
                   settings_id: str | None) -> list[int]:
    """Replace the environments of versions with old ``latest`` secrets.

    :param settings_id: the new environment of the function.
    :returns: the numbers of the changed versions.
    """
    current = {reference.name: reference for stored in crud.select(
        tx, _MODEL, _MODEL.id == settings_id)
        for reference in secret_references.load(stored).values()}
    numbers, replaced = [], {}
    versions = current and queries.lock_version_settings(tx, function_id)
    for row in versions or ():
        references = secret_references.load(row)
        secrets = secret_references.follow(references, current)
        if secrets == references:
            continue
        if row.id not in replaced:
            replaced[row.id] = insert(tx, row.project_id, {
                'environment': row.environment,
                'secrets': secret_references.dump(secrets)})
        crud.update(tx, _VERSION, row.version_id,
                    {'settings_id': replaced[row.id]})
        numbers.append(row.version_number)
    drop(tx, *replaced)
    return numbers


def drop(tx: session.Connection, *ids: str | None) -> None:
    """Delete the environments without references."""
    queries.delete_unused_settings(
        tx, {id for id in ids if id is not None})


def _validate(field: str, values: _Texts) -> _Texts:
    """Return names and texts, after a check.

    :raises Invalid: with the reason, and never with a value.
    """
    for name, value in values.items():
        if not NAME.fullmatch(name) or len(name) > MAX_NAME_LENGTH:
            raise exception.Invalid(
                f'{name!r} cannot be a name in {field}: one has at most '
                f'{MAX_NAME_LENGTH} letters, digits and underscores, and '
                'does not begin with a digit.')
        if name in RESERVED_NAMES:
            raise exception.Invalid(
                f'{name} cannot be in {field}: the runtime sets it.')
        if name.startswith(UNSAFE_PREFIXES):
            raise exception.Invalid(
                f'{name} cannot be in {field}: it would change how the '
                'programs of the runtime start.')
        if not _is_storable(value):
            raise exception.Invalid(
                f'The value of {name} in {field} must be text without a NUL '
                'character.')
    return values


def _is_storable(value: typing.Any) -> bool:
    try:
        return isinstance(value, str) and b'\0' not in value.encode()
    except UnicodeEncodeError:
        return False
