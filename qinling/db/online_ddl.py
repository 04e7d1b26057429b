# SPDX-License-Identifier: Apache-2.0
"""Changes of tables in use.

A change of a table waits for all transactions on the table, and later
transactions wait behind the change: one long transaction would stop the
service.  So a change waits at most a second, lets other transactions pass, and
tries again.

MariaDB and MySQL commit every change separately, so a single statement is
repeated; PostgreSQL rolls a whole migration back, which is repeated then.
"""

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import typing

from oslo_log import log
import sqlalchemy as sa
import tenacity

LOG = log.getLogger(__name__)

#: Seconds that other transactions may wait behind a change.
LOCK_TIMEOUT_SECONDS = 1
#: Seconds between two tries.
PAUSE_SECONDS = 2
MAX_TRIES = 200
_SET_TIMEOUT = {
    'mysql': f'SET SESSION lock_wait_timeout = {LOCK_TIMEOUT_SECONDS}',
    'postgresql': f"SET lock_timeout = '{LOCK_TIMEOUT_SECONDS}s'"}
_RESET_TIMEOUT = {'mysql': 'SET SESSION lock_wait_timeout = DEFAULT',
                  'postgresql': 'RESET lock_timeout'}
#: Lock timeouts: error of MariaDB, SQLSTATE.
_CODES = (1205, '55P03')

_T = typing.TypeVar('_T')


@contextlib.contextmanager
def short_lock_timeout(connection: sa.Connection) -> Iterator[None]:
    """Limit the lock waits of changes within the ``with`` block."""
    name = connection.dialect.name.replace('mariadb', 'mysql')
    if name not in _SET_TIMEOUT:
        yield
        return
    _execute(connection, _SET_TIMEOUT[name])
    listener = connection.engine, 'do_execute', _execute_with_retries
    if name == 'mysql':
        sa.event.listen(*listener)
    try:
        yield
    finally:
        if name == 'mysql':
            sa.event.remove(*listener)
        connection.rollback()
        _execute(connection, _RESET_TIMEOUT[name])


def _execute(connection: sa.Connection, statement: str) -> None:
    connection.exec_driver_sql(statement)
    connection.commit()


def _execute_with_retries(cursor: typing.Any, statement: str,
                          parameters: typing.Any, _context: typing.Any
                          ) -> bool:
    if not statement.lstrip().upper().startswith(('ALTER', 'CREATE')):
        return False
    retry(lambda: cursor.execute(statement, parameters))
    return True


def retry(action: Callable[[], _T], tries: int = MAX_TRIES) -> _T:
    """Call ``action`` until it gets its locks."""
    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(is_lock_timeout),
        wait=tenacity.wait_fixed(PAUSE_SECONDS),
        stop=tenacity.stop_after_attempt(tries),
        before_sleep=_log_retry, reraise=True)(action)


def _log_retry(_state: tenacity.RetryCallState) -> None:
    LOG.info('Could not change a table that is in use; trying again in %s '
             'seconds.', PAUSE_SECONDS)


def is_lock_timeout(error: BaseException | None) -> bool:
    """Return whether an error, or its cause, is a lock timeout."""
    while error is not None:
        codes = {error.args[0] if error.args else None,
                 getattr(error, 'sqlstate', None)}
        if codes & set(_CODES):
            return True
        error = error.__cause__ or getattr(error, 'orig', None)
    return False
