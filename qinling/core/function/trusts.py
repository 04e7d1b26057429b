# SPDX-License-Identifier: Apache-2.0
"""Trusts: how a function acts for its owner.

A trust is made with the caller's own token, before the row that holds its
id; it is deleted after that row is.  What a process that died leaves behind,
or Keystone did not delete, is for the sweep.  A trust bears the mark of the
database whose functions it is for, so that no service ever deletes those of
another that has the same account.
"""

import contextlib

from oslo_log import log

from qinling.db import crud
from qinling.db import models
from qinling import exception

LOG = log.getLogger(__name__)

#: Seconds that a trust may be without a row: its function is being written.
GRACE = 3600


class Trusts:
    """Makes and deletes trusts.

    :param keystone: a :class:`qinling.external.keystone.Keystone`; ``None``
        when callers are not known to Keystone.
    """

    def __init__(self, conf, db, keystone):
        self._options = conf.keystone
        self._db = db
        self._keystone = keystone

    def auth(self, ctx):
        """A keystoneauth plugin that speaks for the caller, or ``None``."""
        if self._keystone is None or not ctx.auth_token:
            return None
        return self._keystone.caller(ctx.auth_token)

    def wanted(self, ctx, given, source):
        """Whether a function shall have a trust.

        :param given: what its owner says, or ``None``.
        :param source: its :class:`qinling.sources.base.Source`.
        :raises Invalid: it cannot be as he says.
        """
        can = self.auth(ctx) is not None and source.has_package
        if given and not can:
            raise exception.Invalid(
                'This function can have no trust: it needs callers who are '
                'known to Keystone, and a source other than image.')
        if source.fetches and given is False:
            raise exception.Invalid(
                'This function cannot be without a trust: its code is '
                'fetched with it.')
        if given is None:
            return can and (source.fetches or self._options.function_tokens)
        return given

    def change(self, ctx, row, fields, source, rebuilt):
        """What a change of a function does to its trust: ``True`` for
        another one, ``False`` for none, ``None`` to keep it.

        Whoever changes the code is whom it acts for from then on.

        :param rebuilt: whether the code or how it is run changes.
        """
        given, own = fields.get('trust'), row.project_id == ctx.project_id
        if given is None:
            renewed = (rebuilt and own and row.trust_id is not None
                       and self.auth(ctx) is not None)
            return True if renewed else None
        if given and not own:
            raise exception.Forbidden(
                reason=f'function {row.id} belongs to another project.')
        return self.wanted(ctx, given, source)

    @contextlib.contextmanager
    def made(self, ctx, wanted):
        """The id of a new trust if one is wanted, else ``None``.  If what
        is done with it fails, it is deleted again."""
        id = self._make(ctx) if wanted else None
        try:
            yield id
        except BaseException:
            self.drop(id)
            raise

    def _make(self, ctx):
        roles = [name for name in self._options.trust_roles
                 if name in ctx.roles]
        if not roles:
            raise exception.Forbidden(
                'Trust creation failed for function: you have none of the '
                'roles that functions get, '
                f'{", ".join(self._options.trust_roles)}. To have a '
                'function without a trust, say trust=false.')
        try:
            return self._keystone.create_trust(ctx, roles, self._mark())
        except exception.PermanentError as e:
            raise exception.Forbidden(
                f'Trust creation failed for function: {e}. To have a '
                'function without a trust, say trust=false.') from e
        except exception.TemporaryError as e:
            LOG.error('A trust was not made: %s', e)
            raise exception.Unavailable(
                'Trust creation failed for function: Keystone does not '
                'answer; try again.') from e

    def _mark(self):
        """The id of the database."""
        with contextlib.suppress(crud.DuplicateEntry):
            if not self._db.read(_installation):
                self._db.write(lambda tx: crud.insert(
                    tx, models.Installation, number=1))
        return self._db.read(_installation)[0].id

    def drop(self, id):
        """Delete a trust that no row has any more; ``None`` is ignored.  It
        never fails: what the user asked for is done already."""
        if id is None or self._keystone is None:
            return
        try:
            self._keystone.delete_trust(id)
        except exception.TemporaryError as e:
            LOG.warning('Trust %s is left to the sweep: %s', id, e)
        except exception.PermanentError as e:
            LOG.info('Trust %s gives nothing any more, and is left to '
                     'expire: %s', id, e)

    def sweep(self, older_than=GRACE):
        """Delete the trusts that were lost; returns how many were tried."""
        if self._keystone is None:
            return 0
        # In this order: a trust that is listed has its row by now.
        listed = self._keystone.trusts(self._mark(), older_than)
        used = self._db.read(lambda tx: crud.values(
            tx, models.Function.trust_id,
            models.Function.trust_id.is_not(None)))
        lost = set(listed) - set(used)
        for id in lost:
            LOG.warning('Trust %s belongs to nothing and is deleted.', id)
            self.drop(id)
        return len(lost)


def _installation(tx):
    return crud.find(tx, models.Installation)
