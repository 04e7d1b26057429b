# SPDX-License-Identifier: Apache-2.0
"""Connections: one door for reading and one for writing.

Both take a function of a connection, so that what failed because a
connection broke or a lock was lost is simply done again.  The function must
touch nothing but the database.
"""

from oslo_db import exception as db_exc
from oslo_db.sqlalchemy import engines
from oslo_log import log
import sqlalchemy
from sqlalchemy import pool

from qinling.db import batch_writer
from qinling import exception

LOG = log.getLogger(__name__)

RETRIES = 5
#: Seconds for a connection to be made.
CONNECT = 5
#: Seconds in which a server that got a statement must say something.
ANSWER = 20
_TRANSIENT = (db_exc.DBDeadlock, db_exc.DBConnectionError,
              db_exc.RetryRequest)


class Database:
    """A database, with connections that are kept.

    :param conf: a ``ConfigOpts`` with the group ``database``.
    :param patient: wait for an answer as long as it takes, as changes of the
        schema may.
    """

    def __init__(self, conf, patient=False):
        options = conf.database
        url = sqlalchemy.make_url(options.connection)
        self.is_sqlite = url.get_backend_name() == 'sqlite'
        if url.get_backend_name() == 'mysql' and 'charset' not in url.query:
            # oslo.db would take utf8, which has no emoji.
            url = url.update_query_dict({'charset': 'utf8mb4'})
        limits = _limits(url, patient)
        self._reading = _engine(url, options, limits, reading=True)
        self.engine = _engine(url, options, limits)
        self._alone = None
        if self.is_sqlite:
            self._alone = _Alone(self.engine, options.sqlite_synchronous)
        self._group = batch_writer.Group(self._alone or self._commit)

    def read(self, action):
        """What ``action(connection)`` returns; it must not write."""
        return _again(self._read, action)

    def _read(self, action):
        with self._reading.connect() as connection:
            return action(connection)

    def write(self, action, durable=True, together=False):
        """What ``action(connection)`` returns, once it is committed.

        :param durable: whether it must survive a power loss; what is not
            durable survives the end of this process, which costs less.
            Only SQLite makes the difference.
        :param together: share a transaction with others who write at the
            same time; for what is short and waits for nobody's lock.  With
            SQLite all do.
        """
        if together or self._alone:
            return self._group.submit(action, durable)
        item = batch_writer.Item(action, durable)
        self._commit([item])
        return item.value

    def _commit(self, items):
        _again(self._write, items)

    def _write(self, items):
        with self.engine.begin() as connection:
            batch_writer.perform(connection, items)

    def ping(self):
        """Raise when the database does not answer."""
        self.read(lambda tx: tx.execute(sqlalchemy.select(1)))

    def close(self):
        """Finish what is being written and drop all connections."""
        if self._alone:
            self._group.close(self._alone.close)
        self.engine.dispose()
        self._reading.dispose()


def _limits(url, patient):
    """What tells a driver not to wait for ever: for MariaDB's drivers how
    long a server may be silent, for PostgreSQL's how long its host may be.
    What the URL says goes before."""
    driver = url.get_driver_name()
    if driver in ('pymysql', 'mysqldb'):
        found = {'connect_timeout': CONNECT}
        if not patient:
            found.update(read_timeout=ANSWER, write_timeout=ANSWER)
    elif driver in ('psycopg', 'psycopg2'):
        found = {'connect_timeout': CONNECT, 'keepalives_idle': ANSWER // 4,
                 'keepalives_interval': ANSWER // 4, 'keepalives_count': 3,
                 'tcp_user_timeout': ANSWER * 1000}
    else:
        found = {}
    return {name: value for name, value in found.items()
            if name not in url.query}


def _engine(url, options, limits, reading=False):
    """An engine as oslo.db makes it, but with connections that are kept and
    not asked whether they live before each use: that would cost a query for
    every call, and :func:`_again` does as well."""
    def target(url, **kwargs):
        kwargs.update(pool_pre_ping=False, poolclass=pool.QueuePool)
        kwargs.setdefault('pool_size', options.max_pool_size or 5)
        kwargs.setdefault('max_overflow', options.max_overflow or 50)
        if url.get_backend_name() == 'sqlite':
            made = _sqlite(url, kwargs, reading)
        else:
            # Whoever has a connection ends what it began, so that nothing is
            # left to roll back when it is given back.
            kwargs['pool_reset_on_return'] = None
            if reading:
                kwargs.update(isolation_level='AUTOCOMMIT',
                              skip_autocommit_rollback=True)
            kwargs['connect_args'] = {
                **kwargs.get('connect_args', {}), **limits}
            made = sqlalchemy.create_engine(url, **kwargs)
        return made, made

    return engines.create_engine(
        url, sqlite_fk=True, sqlite_synchronous=options.sqlite_synchronous,
        mysql_sql_mode=options.mysql_sql_mode,
        connection_recycle_time=options.connection_recycle_time,
        max_pool_size=options.max_pool_size,
        max_overflow=options.max_overflow,
        max_retries=options.max_retries,
        retry_interval=options.retry_interval, thread_checkin=False,
        _engine_target=target)


def _sqlite(url, kwargs, reading):
    kwargs['connect_args'] = {'check_same_thread': False, 'timeout': 30}
    made = sqlalchemy.create_engine(url, **kwargs)
    sqlalchemy.event.listen(made, 'connect', _use_wal)
    sqlalchemy.event.listen(made, 'begin', _ignore if reading else _lock)
    return made


def _use_wal(connection, _record):
    """Readers and the writer do not wait for each other."""
    connection.execute('PRAGMA journal_mode = WAL')


def _lock(connection):
    """Take the lock at once: a transaction that reads first and writes then
    cannot wait for the lock of another process.  The mark tells oslo.db's
    own listener that the transaction has begun."""
    try:
        connection.exec_driver_sql('BEGIN IMMEDIATE')
    except sqlalchemy.exc.OperationalError as e:
        raise _unavailable(e)
    connection.info['in_transaction'] = True


def _ignore(connection):
    """A single SELECT needs no transaction around it."""
    connection.info['in_transaction'] = True


def _again(attempt, action):
    for left in range(RETRIES, 0, -1):
        try:
            return attempt(action)
        except (db_exc.DBError, sqlalchemy.exc.DBAPIError) as e:
            if not is_transient(e):
                raise
            if left == 1:
                raise _unavailable(e)
            LOG.warning('Database trouble, trying again: %s',
                        type(e).__name__)


def _unavailable(error):
    LOG.error('The database does not answer: %s', error)
    return exception.Unavailable(
        reason='the database does not answer; try again later.')


def is_transient(error):
    """Whether another try may go well: a lock or a connection was lost, or
    there was no connection to be had.  oslo.db knows what the drivers that
    it has filters for say; of others, SQLAlchemy tells."""
    return isinstance(error, _TRANSIENT) or (
        isinstance(error, sqlalchemy.exc.DBAPIError)
        and (error.connection_invalidated or error.statement is None))


class _Alone:
    """The one connection that writes to SQLite, which wants one writer."""

    def __init__(self, engine, safe):
        self._connection = engine.connect()
        self._safe = 'FULL' if safe else 'NORMAL'

    def __call__(self, items):
        self._set_safety(any(item.durable for item in items))
        with self._connection.begin():
            batch_writer.perform(self._connection, items)

    def close(self):
        self._connection.close()

    def _set_safety(self, durable):
        """Whether the next commit waits until it is on the disk, and with it
        all that were before."""
        self._connection.connection.dbapi_connection.execute(
            f'PRAGMA synchronous = {self._safe if durable else "NORMAL"}')
