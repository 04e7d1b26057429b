# SPDX-License-Identifier: Apache-2.0
"""Trusts: how a function acts for its owner.

The token of the caller creates a trust before the row with its id is written;
the trust is deleted after the row.  The sweep deletes trusts left
behind by dead processes or by Keystone, and those that an update has replaced:
executions that started before the update use them to their end.  A trust
carries the id of the database, so services with one account never delete each
other's trusts.
"""

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import contextlib
import datetime
import typing

from oslo_config import cfg
from oslo_log import log

from qinling import context
from qinling.db import crud
from qinling.db import models
from qinling.db import session
from qinling import exception
from qinling.sources import base as sources

if typing.TYPE_CHECKING:
    from qinling.external import keystone as keystone_module

LOG = log.getLogger(__name__)

#: Seconds that a trust may be without a row, while its function is written or
#: executions of an earlier state of the function run.
GRACE_SECONDS = 3600

_REPLACED = models.ReplacedTrust


class Trusts:
    """Creates and deletes trusts.

    :param keystone: ``None`` without Keystone authentication.
    """

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database,
                 keystone: 'keystone_module.Keystone | None') -> None:
        self._options = conf.keystone
        self._db = db
        self._keystone = keystone

    def auth(self, ctx: context.RequestContext) -> typing.Any:
        """Return a keystoneauth plugin of the caller, or ``None``."""
        if self._keystone is None or not ctx.auth_token:
            return None
        return self._keystone.caller_plugin(ctx.auth_token)

    def plan_create(self, ctx: context.RequestContext,
                    requested: bool | None, source: sources.Source) -> bool:
        """Return whether a function gets a trust.

        :param requested: the choice of the owner, or ``None``.
        :raises Invalid: the choice is impossible.
        """
        is_possible = self.auth(ctx) is not None and source.has_package
        if requested and not is_possible:
            raise exception.Invalid(
                'This function can have no trust: it needs callers who are '
                'known to Keystone, and a source other than image.')
        if source.fetches and requested is False:
            raise exception.Invalid(
                'This function cannot be without a trust: its code is '
                'fetched with it.')
        if requested is None:
            return is_possible and (
                source.fetches or self._options.function_tokens)
        return requested

    def plan_update(self, ctx: context.RequestContext, row: typing.Any,
                    fields: Mapping[str, typing.Any],
                    source: sources.Source, reloads: bool) -> bool | None:
        """Return the effect of an update on the trust of a function.

        A function acts for the last user with a change of the code.

        :param reloads: code or environment change.
        :returns: ``True`` for a new trust, ``False`` for none, ``None`` to
            keep the trust.
        """
        requested = fields.get('trust')
        is_owner = row.project_id == ctx.project_id
        if requested is None:
            is_renewed = (reloads and is_owner and row.trust_id is not None
                          and self.auth(ctx) is not None)
            return True if is_renewed else None
        if requested and not is_owner:
            raise exception.Forbidden(
                reason=f'function {row.id} belongs to another project.')
        return self.plan_create(ctx, requested, source)

    @contextlib.contextmanager
    def created(self, ctx: context.RequestContext, is_wanted: bool | None
                ) -> Iterator[str | None]:
        """Yield the id of a new trust, ``None`` if not wanted.

        Delete the trust when the ``with`` block fails.
        """
        id = self._create(ctx) if is_wanted else None
        try:
            yield id
        except BaseException:
            self.drop(id)
            raise

    def _create(self, ctx: context.RequestContext) -> str:
        assert self._keystone is not None
        roles = [name for name in self._options.trust_roles
                 if name in ctx.roles]
        if not roles:
            raise exception.Forbidden(
                'Trust creation failed for function: you have none of the '
                'roles that functions get, '
                f'{", ".join(self._options.trust_roles)}. To have a '
                'function without a trust, say trust=false.')
        try:
            caller: typing.Any = ctx
            return self._keystone.create_trust(caller, roles,
                                               self._database_id())
        except exception.PermanentError as e:
            raise exception.Forbidden(
                f'Trust creation failed for function: {e}. To have a '
                'function without a trust, say trust=false.') from e
        except exception.TemporaryError as e:
            LOG.error('Could not create a trust: %s', e)
            raise exception.Unavailable(
                'Trust creation failed for function: Keystone does not '
                'answer; try again.') from e

    def _database_id(self) -> str:
        """Return the id that marks trusts of this database."""
        with contextlib.suppress(crud.DuplicateEntry):
            if not self._db.read(_read_installation):
                self._db.write(lambda tx: crud.insert(
                    tx, models.Installation, number=1))
        return str(self._db.read(_read_installation)[0].id)

    def drop(self, id: str | None) -> None:
        """Delete a trust without a row; ``None`` is ignored.

        Never raise an error: the request of the user has succeeded already.
        """
        if id is None or self._keystone is None:
            return
        try:
            self._keystone.delete_trust(id)
        except exception.TemporaryError as e:
            LOG.warning('Could not delete trust %s; the next sweep will: %s',
                        id, e)
        except exception.PermanentError as e:
            LOG.info('Could not delete trust %s, which is useless and '
                     'expires: %s', id, e)

    def sweep(self, older_than: float = GRACE_SECONDS) -> int:
        """Delete orphaned trusts.

        :returns: the number of deletions tried.
        """
        if self._keystone is None:
            return 0
        self._db.write(lambda tx: crud.delete_all(
            tx, _REPLACED, _REPLACED.replaced_at
            <= models.now() - datetime.timedelta(seconds=older_than)))
        # In this order, every listed trust has its row by now.
        trusts = self._keystone.list_trusts(self._database_id(), older_than)
        orphans = set(trusts) - set(self._db.read(_read_used))
        for id in orphans:
            LOG.warning('Deleting orphaned trust %s.', id)
            self.drop(id)
        return len(orphans)


def replace(tx: session.Connection, function: typing.Any) -> None:
    """Leave the trust of a function, if any, to a later sweep."""
    if function.trust_id is not None:
        crud.insert(tx, _REPLACED, id=function.trust_id,
                    function_id=function.id)


def release(tx: session.Connection, function: typing.Any) -> list[str | None]:
    """Return the trusts of a deleted function, and delete their rows."""
    is_former = _REPLACED.function_id == function.id
    former = crud.select_values(tx, _REPLACED.id, is_former)
    crud.delete_all(tx, _REPLACED, is_former)
    return [function.trust_id, *former]


def _read_used(tx: session.Connection) -> list[str]:
    function = models.Function
    return [*crud.select_values(tx, function.trust_id,
                                function.trust_id.is_not(None)),
            *crud.select_values(tx, _REPLACED.id)]


def _read_installation(tx: session.Connection) -> Sequence[typing.Any]:
    return crud.select(tx, models.Installation)
