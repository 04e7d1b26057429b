# SPDX-License-Identifier: Apache-2.0
"""Errors of every database, for users."""

from collections.abc import Iterator

from oslo_log import log

from qinling import exception

LOG = log.getLogger(__name__)

#: Error codes of a full disk or table.
_SQLITE_FULL, _MARIADB_FULL, _POSTGRESQL_FULL = 13, (1021, 1114), '53100'


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


def is_full(error: BaseException) -> bool:
    """Return whether an error, or its cause, is a full disk."""
    return any(
        getattr(cause, 'sqlite_errorcode', None) == _SQLITE_FULL
        or getattr(cause, 'sqlstate', None) == _POSTGRESQL_FULL
        or cause.args[:1] in ((code,) for code in _MARIADB_FULL)
        for cause in causes(error))
