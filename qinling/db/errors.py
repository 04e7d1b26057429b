# SPDX-License-Identifier: Apache-2.0
"""Errors of every database, for users."""

from collections.abc import Iterator

from oslo_db import exception as db_exc
from oslo_log import log
import sqlalchemy

from qinling import exception

LOG = log.getLogger(__name__)

_TRANSIENT = (db_exc.DBDeadlock, db_exc.DBConnectionError,
              db_exc.RetryRequest, sqlalchemy.exc.TimeoutError)

#: Text of SQLAlchemy about a connection that broke while it was set up.
_CLOSED = 'This Connection is closed'
#: Error codes of a full disk or table.
_SQLITE_FULL, _MARIADB_FULL, _POSTGRESQL_FULL = 13, (1021, 1114), '53100'
#: Error codes of a lock that other processes hold too long, and of a race
#: for the log of a file, for instance after a writer was killed.
_SQLITE_BUSY, _SQLITE_PROTOCOL = 5, 15


def unavailable(error: BaseException) -> exception.Unavailable:
    """Return the error for users after an error of the database."""
    LOG.error('Could not reach the database: %s', error)
    return exception.Unavailable(
        reason='the database does not answer; try again later.')


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and its causes, down to the error of the driver."""
    while error is not None:
        yield error
        error = error.__cause__ or getattr(error, 'orig', None)


def describe(error: BaseException) -> str:
    """Return the text of the driver in one line."""
    return ' '.join(str(list(causes(error))[-1]).split())


def is_locked(error: BaseException) -> bool:
    """Return whether a file of SQLite was locked until a time limit."""
    return _has_sqlite_code(error, _SQLITE_BUSY)


def is_race(error: BaseException) -> bool:
    """Return whether processes opened a file of SQLite at the same time."""
    return _has_sqlite_code(error, _SQLITE_PROTOCOL)


def _has_sqlite_code(error: BaseException, code: int) -> bool:
    # The lowest byte is the kind of the error.
    return any(getattr(cause, 'sqlite_errorcode', 0) & 0xff == code
               for cause in causes(error))


def is_full(error: BaseException) -> bool:
    """Return whether an error, or its cause, is a full disk."""
    return any(
        getattr(cause, 'sqlite_errorcode', None) == _SQLITE_FULL
        or getattr(cause, 'sqlstate', None) == _POSTGRESQL_FULL
        or cause.args[:1] in ((code,) for code in _MARIADB_FULL)
        for cause in causes(error))


def is_transient(error: BaseException) -> bool:
    """Return whether a transaction may succeed when repeated.

    A lock or connection was lost, or no connection was free.  oslo.db
    classifies the errors of the drivers with filters, SQLAlchemy the others.
    """
    return isinstance(error, _TRANSIENT) or (
        isinstance(error, sqlalchemy.exc.DBAPIError)
        and (error.connection_invalidated or error.statement is None)
    ) or is_locked(error) or is_race(error) or (
        isinstance(error, sqlalchemy.exc.ResourceClosedError)
        and str(error) == _CLOSED)


def timed_out(error: BaseException | None) -> bool:
    """Return whether a time limit caused an error.

    The database is silent, or the statement slow: another try would take as
    long, and load the database again.
    """
    if error is not None and is_locked(error):
        return True
    while error is not None:
        if isinstance(error, TimeoutError | sqlalchemy.exc.TimeoutError):
            return True
        error = error.__cause__ or error.__context__
    return False
