# SPDX-License-Identifier: Apache-2.0
"""Changes of tables in use.

A change of a table waits for all transactions on the table, and later
transactions wait behind the change: one long transaction would stop the
service.  So a change waits at most a second, lets other transactions pass, and
tries again.

MariaDB and MySQL commit every change separately, so a single statement is
repeated; PostgreSQL rolls a whole migration back, which is repeated then.

A migration that was killed on MariaDB leaves its first changes behind.  The
next upgrade repeats the migration and skips these changes.
"""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import typing

from alembic import op
from oslo_log import log
import sqlalchemy as sa
import tenacity

from qinling.db import errors
from qinling import exception

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
#: Statements that return whether a lock of the session was free.
#: Seconds to wait for the lock of upgrades, and between two tries.
LOCK_SECONDS, LOCK_INTERVAL_SECONDS = 3, 0.1
_LOCK = {
    'mysql': "SELECT GET_LOCK(CONCAT('qinling.', LEFT(DATABASE(), 50)), 0)",
    'postgresql': 'SELECT pg_try_advisory_lock(20737)'}
#: Errors of MariaDB: the table, column or index exists already, or is gone.
_CHANGED = (1050, 1060, 1061, 1091)
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


@contextlib.contextmanager
def single_upgrade(engine: sa.Engine) -> Iterator[None]:
    """Hold the lock of upgrades within the ``with`` block.

    The database releases the lock of a process that dies.  SQLite upgrades
    in one transaction and needs no lock.

    :raises Unavailable: another process holds the lock.
    """
    statement = _LOCK.get(engine.dialect.name.replace('mariadb', 'mysql'))
    with engine.connect() as connection:
        if statement and not _acquire(connection, sa.text(statement)):
            raise exception.Unavailable(
                reason='another upgrade of the database is running; wait for '
                       'its end.')
        connection.commit()
        # The end of the session releases the lock.
        connection.detach()
        yield


def _acquire(connection: sa.Connection, statement: sa.TextClause) -> bool:
    """Return whether the lock could be taken.

    The server notices the end of the last upgrade's session a bit later.
    """
    return bool(tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda value: not value),
        wait=tenacity.wait_fixed(LOCK_INTERVAL_SECONDS),
        stop=tenacity.stop_after_delay(LOCK_SECONDS),
        retry_error_callback=lambda _state: False)(
            lambda: connection.execute(statement).scalar()))


def add_missing_columns(table: str, *columns: sa.Column[typing.Any]) -> None:
    """Add nullable columns, which changes no row of the table.

    A repeated migration skips the columns of the first run.
    """
    present = {column['name'] for column
               in sa.inspect(op.get_bind()).get_columns(table)}
    for column in columns:
        if column.name not in present:
            op.add_column(table, column)


def create_missing_index(name: str, table: str, columns: Sequence[str],
                         where: str | None = None, unique: bool = False
                         ) -> None:
    """Create an index while others write to the table.

    PostgreSQL needs a statement outside of a transaction, whose failure
    leaves an invalid index; the other databases do so on their own.

    :param where: rows in the index, on databases with partial indexes.
    """
    if op.get_bind().dialect.name == 'postgresql':
        with op.get_context().autocommit_block():
            # Waits behind other transactions, but blocks none.
            op.execute('SET lock_timeout = 0')
            if not _has_valid_index(op.get_bind(), name):
                op.drop_index(name, if_exists=True)
                op.create_index(
                    name, table, columns, unique=unique,
                    postgresql_concurrently=True,
                    postgresql_where=where and sa.text(where))
            op.execute(_SET_TIMEOUT['postgresql'])
        return
    indexes = sa.inspect(op.get_bind()).get_indexes(table)
    if name not in {index['name'] for index in indexes}:
        op.create_index(name, table, columns, unique=unique,
                        sqlite_where=where and sa.text(where))


def _has_valid_index(connection: sa.Connection, name: str) -> bool:
    return connection.execute(sa.text(
        'SELECT 1 FROM pg_index JOIN pg_class ON oid = indexrelid '
        'WHERE relname = :name AND indisvalid'), {'name': name}
    ).first() is not None


def drop_present_index(name: str, table: str) -> None:
    """Drop an index that a repeated migration may have dropped already."""
    indexes = sa.inspect(op.get_bind()).get_indexes(table)
    if name in {index['name'] for index in indexes}:
        op.drop_index(name, table)


def _execute(connection: sa.Connection, statement: str) -> None:
    connection.exec_driver_sql(statement)
    connection.commit()


def _execute_with_retries(cursor: typing.Any, statement: str,
                          parameters: typing.Any, _context: typing.Any
                          ) -> bool:
    if not statement.lstrip().upper().startswith(
            ('ALTER', 'CREATE', 'DROP')):
        return False
    try:
        retry(lambda: cursor.execute(statement, parameters))
    except Exception as e:
        if e.args[:1] not in [(code,) for code in _CHANGED]:
            raise
        LOG.info('Skipping a change that an interrupted upgrade has made: '
                 '%s', e)
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
    return any(
        code in _CODES for cause in errors.causes(error)
        for code in (*cause.args[:1], getattr(cause, 'sqlstate', None)))
