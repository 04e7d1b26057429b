# SPDX-License-Identifier: Apache-2.0
"""Connections for reads and writes.

Reads and writes take a function of a connection, and call the function again
after a lost connection or lock.  The function may change only the database.
"""

import collections
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
from qinling.db import errors
from qinling.db import first_connection
from qinling.db import idle_limit
from qinling.db import postgresql
from qinling.db import sqlite

LOG = log.getLogger(__name__)

Connection = sqlalchemy.Connection

MAX_TRIES = 5
#: Seconds after the first error in which another try begins.
MAX_RETRY_SECONDS = 5
CONNECT_TIMEOUT_SECONDS = 5
#: Seconds that a server may be silent after a statement.
SILENCE_TIMEOUT_SECONDS = 10
DEFAULT_POOL_SIZE, DEFAULT_POOL_OVERFLOW = 5, 50
MAX_IDLE_READERS = 5

_T = typing.TypeVar('_T')
_P = typing.ParamSpec('_P')
Action = Callable[[Connection], _T]


class Database:
    """A database with pooled connections.

    :param conf: options with the group ``database``.
    :param patient: wait for answers without a limit, as changes of the
        schema need.
    :param shared: several processes write to a file of SQLite.
    :raises ValueError, Unavailable: see :func:`.first_connection.wait`.
    """

    def __init__(self, conf: cfg.ConfigOpts, patient: bool = False,
                 shared: bool = False) -> None:
        self._conf = conf
        options = conf.database
        if not options.connection:
            raise ValueError('There is no [database] connection; give a file '
                             'with one as --config-file.')
        url = sqlalchemy.make_url(options.connection)
        self.is_sqlite = url.get_backend_name() == 'sqlite'
        if url.get_backend_name() == 'mysql' and 'charset' not in url.query:
            # oslo.db would choose utf8, which has no emoji.
            url = url.update_query_dict({'charset': 'utf8mb4'})
        timeouts = _timeouts(url, patient)
        self._reader = _create_engine(url, options, timeouts, reading=True)
        #: Connections of :attr:`_reader` that no thread uses.
        self._idle_readers = collections.deque[Connection]()
        self.engine = _create_engine(url, options, timeouts)
        if url.get_driver_name() == 'psycopg' and not patient:
            for engine in (self._reader, self.engine):
                postgresql.limit_silence(engine, SILENCE_TIMEOUT_SECONDS)
        idle_limit.end_idle_transactions(self.engine, patient)
        for engine in (self._reader, self.engine):
            first_connection.wait(options, engine)
        self._batches: batch_writer.BatchWriter = sqlite.Writer(
            self.engine, options.sqlite_synchronous,
            f'{url.database}-lock' if shared else None
            ) if self.is_sqlite else _PooledWriter(self.engine)

    def separate(self) -> 'Database':
        """Return the database with connections of its own.

        Its users wait for no other user.  SQLite has one writer, whose
        transactions are short, and returns itself.
        """
        return self if self.is_sqlite else Database(self._conf)

    def read(self, action: Callable[typing.Concatenate[Connection, _P], _T],
             *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Return ``action(connection, *args, **kwargs)``.

        The action must not write.
        """
        value: _T = _retry(self._read, action, args, kwargs)
        return value

    def _read(self, action: Callable[..., _T], args: tuple[typing.Any, ...],
              kwargs: dict[str, typing.Any]) -> _T:
        """Read with a kept connection.

        A checkout from the pool costs more calls than a read.
        """
        try:
            connection = self._idle_readers.pop()
        except IndexError:
            connection = self._reader.connect()
        try:
            value = action(connection, *args, **kwargs)
        except BaseException:
            connection.close()
            raise
        if connection.in_transaction():
            # Reads commit themselves, so this ends only the bookkeeping.
            connection.rollback()
        if len(self._idle_readers) < MAX_IDLE_READERS:
            self._idle_readers.append(connection)
        else:
            connection.close()
        return value

    def write(self, action: Action[_T], durable: bool = True,
              batch: bool = False) -> _T:
        """Return ``action(connection)`` after the commit.

        :param durable: whether the write has to survive a power loss; other
            writes survive the end of the process, at a lower cost.  Only
            SQLite makes a difference.
        :param batch: share the transaction with concurrent writers, for
            short writes that wait for no lock.  SQLite always does.
        """
        try:
            if batch or self.is_sqlite:
                value: _T = self._batches.submit(action, durable)
                return value
            write = batch_writer.QueuedWrite(action, durable)
            self._batches.commit([write])
        except Exception as e:
            if errors.is_full(e):
                raise errors.unavailable(e)
            raise
        value = write.value
        return value

    def ping(self) -> None:
        """Raise an error when the database does not answer."""
        self.read(Connection.execute, sqlalchemy.select(1))

    def close(self) -> None:
        """Finish the writes in progress and drop all connections."""
        if self.is_sqlite:
            self._batches.close()
        while self._idle_readers:
            self._idle_readers.pop().close()
        self.engine.dispose()
        self._reader.dispose()


class _PooledWriter(batch_writer.BatchWriter):
    """Writer that takes a connection of the pool for each transaction."""

    def __init__(self, engine: sqlalchemy.Engine) -> None:
        super().__init__()
        self._engine = engine

    def commit(self, writes: list[batch_writer.QueuedWrite]) -> None:
        """Run writes in a transaction, again after transient errors."""
        _retry(self._run, writes)

    def _run(self, writes: list[batch_writer.QueuedWrite]) -> None:
        with self._engine.begin() as connection:
            batch_writer.run_writes(connection, writes)


def _timeouts(url: sqlalchemy.URL, patient: bool) -> dict[str, int]:
    """Return the arguments of a driver with time limits.

    The drivers of MariaDB limit the silence of the server, the driver of
    PostgreSQL the silence of its host; see :mod:`.postgresql`.  Arguments in
    the URL take precedence.
    """
    driver = url.get_driver_name()
    arguments = {}
    if driver in ('pymysql', 'mysqldb'):
        arguments = {'connect_timeout': CONNECT_TIMEOUT_SECONDS}
        if not patient:
            arguments.update(read_timeout=SILENCE_TIMEOUT_SECONDS,
                             write_timeout=SILENCE_TIMEOUT_SECONDS)
    elif driver == 'psycopg':
        interval = max(1, SILENCE_TIMEOUT_SECONDS // 4)
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
            engine = sqlite.create_engine(url, kwargs, reading)
        else:
            # Every user of a connection ends its transaction, so nothing is
            # left to roll back.
            kwargs['pool_reset_on_return'] = None
            if reading:
                kwargs.update(isolation_level='AUTOCOMMIT',
                              skip_autocommit_rollback=True)
            else:
                # The default of MariaDB freezes what a transaction sees at
                # its first read, so a check behind a lock would miss what
                # the previous owner of the lock wrote.
                kwargs['isolation_level'] = 'READ COMMITTED'
            kwargs['connect_args'] = {
                **kwargs.get('connect_args', {}), **timeouts}
            engine = sqlalchemy.create_engine(url, **kwargs)
        return engine, engine

    engine: sqlalchemy.Engine = engines.create_engine(
        url, sqlite_fk=True, sqlite_synchronous=options.sqlite_synchronous,
        mysql_sql_mode=options.mysql_sql_mode,
        connection_recycle_time=options.connection_recycle_time,
        max_pool_size=options.max_pool_size,
        max_overflow=options.max_overflow, thread_checkin=False,
        max_retries=0,  # see first_connection
        _engine_target=create)
    return engine


def _retry(attempt: Callable[..., _T], *args: typing.Any) -> _T:
    """Return ``attempt(*args)``, repeated after transient errors.

    :raises Unavailable: the database is down, or silent.
    """
    try:
        # Almost always enough, and cheaper than a retry controller.
        return attempt(*args)
    except (db_exc.DBError, sqlalchemy.exc.SQLAlchemyError) as e:
        _check_retry(e)
    try:
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception(_may_succeed),
            stop=(tenacity.stop_after_attempt(MAX_TRIES - 1)
                  | tenacity.stop_after_delay(MAX_RETRY_SECONDS)),
            before_sleep=_log_retry, reraise=True)(attempt, *args)
    except (db_exc.DBError, sqlalchemy.exc.SQLAlchemyError) as e:
        if errors.is_transient(e):
            raise errors.unavailable(e)
        raise


def _check_retry(error: Exception) -> None:
    """Raise the final error unless a retry may succeed."""
    if not errors.is_transient(error):
        raise error
    if errors.timed_out(error):
        raise errors.unavailable(error)
    LOG.warning('Repeating a transaction after an error: %s',
                type(error).__name__)


def _may_succeed(error: BaseException) -> bool:
    return errors.is_transient(error) and not errors.timed_out(error)


def _log_retry(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    LOG.warning('Repeating a transaction after an error: %s',
                type(error).__name__)
