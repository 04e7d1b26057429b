# SPDX-License-Identifier: Apache-2.0
"""Rehearsals: writes with all their checks, and nothing stays."""

from collections.abc import Callable
import typing

from qinling.db import session

_T = typing.TypeVar('_T')
_P = typing.ParamSpec('_P')


class Rehearsal(session.Database):
    """Database within a transaction that is rolled back at the end.

    A failed write leaves the transaction usable.
    """

    def __init__(self, tx: session.Connection, is_sqlite: bool) -> None:
        self._tx = tx
        self.is_sqlite = is_sqlite

    def read(self, action: Callable[
            typing.Concatenate[session.Connection, _P], _T],
            *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Return ``action(connection, *args, **kwargs)``.

        The action sees the writes so far.
        """
        return action(self._tx, *args, **kwargs)

    def write(self, action: session.Action[_T], durable: bool = True,
              batch: bool = False) -> _T:
        """Return ``action(connection)``."""
        with self._tx.begin_nested():
            return action(self._tx)


class _End(Exception):
    """End of a rehearsal, which rolls the transaction back."""

    def __init__(self, value: typing.Any) -> None:
        super().__init__()
        self.value = value


def rehearse(db: session.Database, action: Callable[[Rehearsal], _T]) -> _T:
    """Return ``action(database)``, whose writes are rolled back."""
    def run(tx: session.Connection) -> None:
        raise _End(action(Rehearsal(tx, db.is_sqlite)))
    try:
        db.write(run, durable=False)
    except _End as end:
        value: _T = end.value
        return value
    raise AssertionError('A rehearsal ends with an exception.')
