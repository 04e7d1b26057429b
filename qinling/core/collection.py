# SPDX-License-Identifier: Apache-2.0
"""Operations that all nouns with a table of their own share."""

from collections.abc import Sequence
import typing

from qinling import context
from qinling.core import preconditions
from qinling.db import crud
from qinling.db import filtering
from qinling.db import session
from qinling import exception


class Collection:
    """Reads, locks and deletions of the rows of one table."""

    model: typing.ClassVar[typing.Any]
    not_found: typing.ClassVar[type[exception.NotFound]]

    def __init__(self, db: session.Database) -> None:
        self._db = db

    def get(self, ctx: context.RequestContext, id: str) -> typing.Any:
        """Return a row.

        :raises NotFound: the caller sees no such row.
        """
        return self._db.read(self._find, ctx, id)

    def list(self, ctx: context.RequestContext, filters: filtering.Texts,
             page: crud.Page) -> Sequence[typing.Any]:
        """Return a page of rows.

        :param filters: see :func:`qinling.db.filtering.parse`.
        """
        conditions = filtering.list_conditions(self.model, filters)
        return self._db.read(crud.select_page, ctx, self.model, conditions,
                             page)

    def _find(self, tx: session.Connection, ctx: context.RequestContext,
              id: str, lock: bool = False) -> typing.Any:
        row = crud.get(tx, ctx.visible_scope(), self.model, lock=lock, id=id)
        if row is None:
            raise self.not_found(id=id)
        return row

    def _lock(self, tx: session.Connection, ctx: context.RequestContext,
              id: str, match: preconditions.Match) -> typing.Any:
        """Return a row locked until the end of the transaction.

        :raises NotFound, PreconditionFailed: see :mod:`.preconditions`.
        """
        row = self._find(tx, ctx, id, lock=True)
        preconditions.check(row, match)
        return row

    def _delete_row(self, ctx: context.RequestContext, id: str,
                    match: preconditions.Match) -> None:
        """Delete a row without references."""
        def delete(tx: session.Connection) -> None:
            self._lock(tx, ctx, id, match)
            crud.delete(tx, self.model, id)
        self._db.write(delete)
