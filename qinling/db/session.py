#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

"""Connections: one door for reading and one for writing.

Both take a function of a connection, so that what failed because a
connection broke or a lock was lost is simply done again.  The function must
touch nothing but the database.
"""

import concurrent.futures
import queue
import threading

from oslo_db import exception as db_exc
from oslo_db.sqlalchemy import engines
from oslo_log import log
import sqlalchemy
from sqlalchemy import pool

from qinling import exception

LOG = log.getLogger(__name__)

RETRIES = 5
_TRANSIENT = (db_exc.DBDeadlock, db_exc.DBConnectionError,
              db_exc.RetryRequest)


class Database:
    """A database, with connections that are kept.

    :param conf: a ``ConfigOpts`` with the group ``database``.
    """

    def __init__(self, conf):
        options = conf.database
        url = sqlalchemy.make_url(options.connection)
        self.is_sqlite = url.get_backend_name() == 'sqlite'
        if url.get_backend_name() == 'mysql' and 'charset' not in url.query:
            # oslo.db would take utf8, which has no emoji.
            url = url.update_query_dict({'charset': 'utf8mb4'})
        self._reading = _engine(url, options, reading=True)
        self.engine = _engine(url, options)
        self._writer = _Writer(self.engine) if self.is_sqlite else None

    def read(self, action):
        """What ``action(connection)`` returns; it must not write."""
        return _again(self._read, action)

    def _read(self, action):
        with self._reading.connect() as connection:
            return action(connection)

    def write(self, action):
        """What ``action(connection)`` returns, once it is committed."""
        if self._writer:
            return self._writer.submit(action)
        return _again(self._write, action)

    def _write(self, action):
        with self.engine.begin() as connection:
            return action(connection)

    def close(self):
        """Finish what is being written and drop all connections."""
        if self._writer:
            self._writer.close()
        self.engine.dispose()
        self._reading.dispose()


def _engine(url, options, reading=False):
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
            if reading:
                # Nothing is pending on a connection that commits by itself.
                kwargs.update(isolation_level='AUTOCOMMIT',
                              pool_reset_on_return=None)
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
    connection.exec_driver_sql('BEGIN IMMEDIATE')
    connection.info['in_transaction'] = True


def _ignore(connection):
    """A single SELECT needs no transaction around it."""
    connection.info['in_transaction'] = True


def _again(attempt, action):
    for left in range(RETRIES, 0, -1):
        try:
            return attempt(action)
        except _TRANSIENT as e:
            if left == 1:
                LOG.error('The database does not answer: %s', e)
                raise exception.Unavailable(
                    reason='the database does not answer; try again later.')
            LOG.warning('Database trouble, trying again: %s',
                        type(e).__name__)


class _Writer:
    """The one thread that writes to SQLite.

    What has gathered while it wrote becomes one transaction (a group
    commit); each action has a savepoint of its own, and each caller waits
    for the commit.
    """

    def __init__(self, engine):
        self._engine = engine
        self._queue = queue.SimpleQueue()
        self._thread = threading.Thread(
            target=self._run, name='db-writer', daemon=True)
        self._thread.start()

    def submit(self, action):
        done = concurrent.futures.Future()
        self._queue.put((action, done))
        return done.result()

    def close(self):
        self._queue.put(None)
        self._thread.join()

    def _run(self):
        with self._engine.connect() as connection:
            batch = self._gather()
            while batch:
                try:
                    outcomes = self._commit(connection, batch)
                except Exception as e:
                    outcomes = [(None, e)] * len(batch)
                for (_action, done), (value, error) in zip(batch, outcomes):
                    if error is None:
                        done.set_result(value)
                    else:
                        done.set_exception(error)
                batch = self._gather()

    def _gather(self):
        """The actions that wait, at least one; none means: stop."""
        batch = [self._queue.get()]
        while batch[-1] is not None and not self._queue.empty():
            batch.append(self._queue.get())
        if batch[-1] is None:
            batch.pop()
            if batch:
                self._queue.put(None)
        return batch

    def _commit(self, connection, batch):
        with connection.begin():
            if len(batch) == 1:
                return [(batch[0][0](connection), None)]
            return [self._one(connection, action) for action, _ in batch]

    def _one(self, connection, action):
        try:
            with connection.begin_nested():
                return action(connection), None
        except Exception as e:
            return None, e
