# SPDX-License-Identifier: Apache-2.0
"""SQLite: connections, and the single writer."""

import fcntl
import typing

import sqlalchemy

from qinling.db import batch_writer
from qinling.db import errors

LOCK_TIMEOUT_SECONDS = 30
#: Mark of a connection whose transactions the driver begins.
_HAS_BEGUN = 'qinling.has_begun'


def create_engine(url: sqlalchemy.URL, kwargs: typing.Any,
                  reading: bool) -> sqlalchemy.Engine:
    """Return an engine for one file.

    :param kwargs: arguments of :func:`sqlalchemy.create_engine`.
    :param reading: no transaction writes.
    """
    kwargs['connect_args'] = {'check_same_thread': False,
                              'timeout': LOCK_TIMEOUT_SECONDS}
    engine = sqlalchemy.create_engine(url, **kwargs)
    sqlalchemy.event.listen(engine, 'connect', _use_wal)
    sqlalchemy.event.listen(engine, 'begin',
                            _skip_begin if reading else _begin_immediate)
    return engine


def _use_wal(connection: typing.Any, _record: typing.Any) -> None:
    """Let readers and the writer work at the same time."""
    connection.execute('PRAGMA journal_mode = WAL')


def _begin_immediate(connection: sqlalchemy.Connection) -> None:
    """Take the write lock at the start of a transaction.

    A transaction that reads first cannot wait for the lock of another
    process.  The mark tells the listener of oslo.db that the transaction has
    started.
    """
    if _HAS_BEGUN not in connection.info:
        try:
            connection.exec_driver_sql('BEGIN IMMEDIATE')
        except sqlalchemy.exc.OperationalError as e:
            raise errors.unavailable(e)
    connection.info['in_transaction'] = True


def _skip_begin(connection: sqlalchemy.Connection) -> None:
    """Start no transaction: a single SELECT needs none."""
    connection.info['in_transaction'] = True


class Writer(batch_writer.BatchWriter):
    """The single writing connection that SQLite needs.

    Begin and commit run on the driver: SQLAlchemy would take 120 calls.

    :param lock_path: file that several writing processes lock in turns.  The
        lock of SQLite itself has no queue: a process that meets the lock
        sleeps, up to 0.1 s at a time.
    """

    def __init__(self, engine: sqlalchemy.Engine, synchronous: bool,
                 lock_path: str | None = None) -> None:
        super().__init__()
        self._connection = engine.connect()
        self._driver: typing.Any = (
            self._connection.connection.dbapi_connection)
        self._connection.info[_HAS_BEGUN] = True
        self._durable_mode = 'FULL' if synchronous else 'NORMAL'
        self._mode: str | None = None
        self._lock = open(lock_path, 'ab') if lock_path else None

    def commit(self, writes: list[batch_writer.QueuedWrite]) -> None:
        """Run writes in a transaction."""
        if self._lock is None:
            self._run(writes)
            return
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        try:
            self._run(writes)
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def _run(self, writes: list[batch_writer.QueuedWrite]) -> None:
        durable = False
        for write in writes:
            durable |= write.durable
        self._set_synchronous(durable)
        try:
            self._driver.execute('BEGIN IMMEDIATE')
        except self._driver.OperationalError as e:
            raise errors.unavailable(e)
        try:
            batch_writer.run_writes(self._connection, writes)
            self._commit()
        except BaseException:
            self._driver.rollback()
            self._connection.rollback()
            raise

    def _commit(self) -> None:
        try:
            self._driver.commit()
        except self._driver.OperationalError as e:
            raise errors.unavailable(e)
        if self._connection.in_transaction():
            # Ends the bookkeeping of SQLAlchemy.
            self._connection.commit()

    def close(self) -> None:
        """Close the connection after the last commit.

        SQLite would crash if a write used a connection that another thread
        closes.
        """
        super().close()
        self._connection.close()
        if self._lock is not None:
            self._lock.close()

    def _set_synchronous(self, durable: bool) -> None:
        """Choose whether the next commit waits for the disk.

        Such a commit makes all earlier commits durable as well.
        """
        mode = self._durable_mode if durable else 'NORMAL'
        if mode != self._mode:
            self._driver.execute(f'PRAGMA synchronous = {mode}')
            self._mode = mode
