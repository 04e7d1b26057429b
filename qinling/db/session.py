# SPDX-License-Identifier: Apache-2.0
"""Connections for reads and writes.

Reads and writes take a function of a connection, and call the function again
after a lost connection or lock.  The function may change only the database.
"""

from collections.abc import Callable
import typing

from oslo_config import cfg
from oslo_db import exception as db_exc
from oslo_db.sqlalchemy import engines
from oslo_log import log
import sqlalchemy
from sqlalchemy import pool
import tenacity

from qinling.db import batch_writer
from qinling import exception

LOG = log.getLogger(__name__)

Connection = sqlalchemy.Connection

MAX_TRIES = 5
CONNECT_TIMEOUT_SECONDS = 5
#: Seconds that a server may be silent after a statement.
SILENCE_TIMEOUT_SECONDS = 20
SQLITE_LOCK_TIMEOUT_SECONDS = 30
DEFAULT_POOL_SIZE, DEFAULT_POOL_OVERFLOW = 5, 50
_TRANSIENT = (db_exc.DBDeadlock, db_exc.DBConnectionError,
              db_exc.RetryRequest)

_T = typing.TypeVar('_T')
Action = Callable[[Connection], _T]


class Database:
    """A database with pooled connections.

    :param conf: options with the group ``database``.
    :param patient: wait for answers without a limit, as changes of the
        schema need.
    """

    def __init__(self, conf: cfg.ConfigOpts, patient: bool = False) -> None:
        options = conf.database
        url = sqlalchemy.make_url(options.connection)
        self.is_sqlite = url.get_backend_name() == 'sqlite'
        if url.get_backend_name() == 'mysql' and 'charset' not in url.query:
            # oslo.db would choose utf8, which has no emoji.
            url = url.update_query_dict({'charset': 'utf8mb4'})
        timeouts = _timeouts(url, patient)
        self._reader = _create_engine(url, options, timeouts, reading=True)
        self.engine = _create_engine(url, options, timeouts)
        self._sqlite_writer = None
        if self.is_sqlite:
            self._sqlite_writer = _SqliteWriter(
                self.engine, options.sqlite_synchronous)
        self._batches = batch_writer.BatchWriter(
            self._sqlite_writer.commit if self._sqlite_writer
            else self._commit)

    def read(self, action: Action[_T]) -> _T:
        """Return ``action(connection)``, which must not write."""
        value: _T = _retry(self._read, action)
        return value

    def _read(self, action: Action[_T]) -> _T:
        with self._reader.connect() as connection:
            return action(connection)

    def write(self, action: Action[_T], durable: bool = True,
              batch: bool = False) -> _T:
        """Return ``action(connection)`` after the commit.

        :param durable: whether the write has to survive a power loss; other
            writes survive the end of the process, at a lower cost.  Only
            SQLite makes a difference.
        :param batch: share the transaction with concurrent writers, for
            short writes that wait for no lock.  SQLite always does.
        """
        if batch or self._sqlite_writer:
            value: _T = self._batches.submit(action, durable)
            return value
        write = batch_writer.QueuedWrite(action, durable)
        self._commit([write])
        value = write.value
        return value

    def _commit(self, writes: list[batch_writer.QueuedWrite]) -> None:
        _retry(self._run_writes, writes)

    def _run_writes(self, writes: list[batch_writer.QueuedWrite]) -> None:
        with self.engine.begin() as connection:
            batch_writer.run_writes(connection, writes)

    def ping(self) -> None:
        """Raise an error when the database does not answer."""
        self.read(lambda tx: tx.execute(sqlalchemy.select(1)))

    def close(self) -> None:
        """Finish the writes in progress and drop all connections."""
        if self._sqlite_writer:
            self._batches.close(self._sqlite_writer.close)
        self.engine.dispose()
        self._reader.dispose()


def _timeouts(url: sqlalchemy.URL, patient: bool) -> dict[str, int]:
    """Return the arguments of a driver with time limits.

    The drivers of MariaDB limit the silence of the server, the drivers of
    PostgreSQL the silence of its host.  Arguments in the URL take precedence.
    """
    driver = url.get_driver_name()
    arguments = {}
    if driver in ('pymysql', 'mysqldb'):
        arguments = {'connect_timeout': CONNECT_TIMEOUT_SECONDS}
        if not patient:
            arguments.update(read_timeout=SILENCE_TIMEOUT_SECONDS,
                             write_timeout=SILENCE_TIMEOUT_SECONDS)
    elif driver in ('psycopg', 'psycopg2'):
        interval = SILENCE_TIMEOUT_SECONDS // 4
        arguments = {'connect_timeout': CONNECT_TIMEOUT_SECONDS,
                     'keepalives_idle': interval,
                     'keepalives_interval': interval, 'keepalives_count': 3,
                     'tcp_user_timeout': SILENCE_TIMEOUT_SECONDS * 1000}
    return {name: value for name, value in arguments.items()
            if name not in url.query}


def _create_engine(url: sqlalchemy.URL, options: typing.Any,
                   timeouts: dict[str, int], reading: bool = False
                   ) -> sqlalchemy.Engine:
    """Return an engine of oslo.db with pooled, unchecked connections.

    A check of each connection before its use would cost a query per call;
    :func:`_retry` handles broken connections as well.
    """
    def create(url: sqlalchemy.URL, **kwargs: typing.Any
               ) -> tuple[sqlalchemy.Engine, sqlalchemy.Engine]:
        kwargs.update(pool_pre_ping=False, poolclass=pool.QueuePool)
        kwargs.setdefault('pool_size',
                          options.max_pool_size or DEFAULT_POOL_SIZE)
        kwargs.setdefault('max_overflow',
                          options.max_overflow or DEFAULT_POOL_OVERFLOW)
        if url.get_backend_name() == 'sqlite':
            engine = _create_sqlite_engine(url, kwargs, reading)
        else:
            # Every user of a connection ends its transaction, so nothing is
            # left to roll back.
            kwargs['pool_reset_on_return'] = None
            if reading:
                kwargs.update(isolation_level='AUTOCOMMIT',
                              skip_autocommit_rollback=True)
            kwargs['connect_args'] = {
                **kwargs.get('connect_args', {}), **timeouts}
            engine = sqlalchemy.create_engine(url, **kwargs)
        return engine, engine

    engine: sqlalchemy.Engine = engines.create_engine(
        url, sqlite_fk=True, sqlite_synchronous=options.sqlite_synchronous,
        mysql_sql_mode=options.mysql_sql_mode,
        connection_recycle_time=options.connection_recycle_time,
        max_pool_size=options.max_pool_size,
        max_overflow=options.max_overflow,
        max_retries=options.max_retries,
        retry_interval=options.retry_interval, thread_checkin=False,
        _engine_target=create)
    return engine


def _create_sqlite_engine(url: sqlalchemy.URL, kwargs: typing.Any,
                          reading: bool) -> sqlalchemy.Engine:
    kwargs['connect_args'] = {'check_same_thread': False,
                              'timeout': SQLITE_LOCK_TIMEOUT_SECONDS}
    engine = sqlalchemy.create_engine(url, **kwargs)
    sqlalchemy.event.listen(engine, 'connect', _use_wal)
    sqlalchemy.event.listen(engine, 'begin',
                            _skip_begin if reading else _begin_immediate)
    return engine


def _use_wal(connection: typing.Any, _record: typing.Any) -> None:
    """Let readers and the writer work at the same time."""
    connection.execute('PRAGMA journal_mode = WAL')


def _begin_immediate(connection: Connection) -> None:
    """Take the write lock at the start of a transaction.

    A transaction that reads first cannot wait for the lock of another
    process.  The mark tells the listener of oslo.db that the transaction has
    started.
    """
    try:
        connection.exec_driver_sql('BEGIN IMMEDIATE')
    except sqlalchemy.exc.OperationalError as e:
        raise _unavailable(e)
    connection.info['in_transaction'] = True


def _skip_begin(connection: Connection) -> None:
    """Start no transaction: a single SELECT needs none."""
    connection.info['in_transaction'] = True


def _retry(attempt: Callable[[typing.Any], _T], argument: typing.Any) -> _T:
    """Return ``attempt(argument)``, repeated after transient errors."""
    try:
        # Almost always enough, and cheaper than a retry controller.
        return attempt(argument)
    except (db_exc.DBError, sqlalchemy.exc.DBAPIError) as e:
        if not is_transient(e):
            raise
        LOG.warning('Repeating a transaction after an error: %s',
                    type(e).__name__)
    try:
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception(is_transient),
            stop=tenacity.stop_after_attempt(MAX_TRIES - 1),
            before_sleep=_log_retry, reraise=True)(attempt, argument)
    except (db_exc.DBError, sqlalchemy.exc.DBAPIError) as e:
        if is_transient(e):
            raise _unavailable(e)
        raise


def _log_retry(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    LOG.warning('Repeating a transaction after an error: %s',
                type(error).__name__)


def _unavailable(error: Exception) -> exception.Unavailable:
    LOG.error('Could not reach the database: %s', error)
    return exception.Unavailable(
        reason='the database does not answer; try again later.')


def is_transient(error: BaseException) -> bool:
    """Return whether a transaction may succeed when repeated.

    A lock or connection was lost, or no connection was free.  oslo.db
    classifies the errors of the drivers with filters, SQLAlchemy the others.
    """
    return isinstance(error, _TRANSIENT) or (
        isinstance(error, sqlalchemy.exc.DBAPIError)
        and (error.connection_invalidated or error.statement is None))


class _SqliteWriter:
    """The single writing connection that SQLite needs."""

    def __init__(self, engine: sqlalchemy.Engine, synchronous: bool) -> None:
        self._connection = engine.connect()
        self._durable_mode = 'FULL' if synchronous else 'NORMAL'

    def commit(self, writes: list[batch_writer.QueuedWrite]) -> None:
        """Run writes in a transaction."""
        self._set_synchronous(any(write.durable for write in writes))
        with self._connection.begin():
            batch_writer.run_writes(self._connection, writes)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _set_synchronous(self, durable: bool) -> None:
        """Choose whether the next commit waits for the disk.

        Such a commit makes all earlier commits durable as well.
        """
        connection: typing.Any = self._connection.connection.dbapi_connection
        mode = self._durable_mode if durable else 'NORMAL'
        connection.execute(f'PRAGMA synchronous = {mode}')
