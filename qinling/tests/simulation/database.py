# SPDX-License-Identifier: Apache-2.0
"""The database of a simulation: a file of SQLite with a log of changes.

Another thread may continue at each statement and each commit of a process.
"""

import contextlib
import fcntl as real_fcntl
import sqlite3
import types
import weakref

import sqlalchemy

from qinling.db import session
from qinling.tests.simulation import threads

_create_engine = session._create_engine
#: Log of the changes of executions that matter.
LOG = """
CREATE TABLE simulated_log (
    number INTEGER PRIMARY KEY, id TEXT, kind TEXT, old_status TEXT,
    status TEXT, old_owner TEXT, owner TEXT, attempt INTEGER, writer TEXT,
    running INTEGER, sync INTEGER);
CREATE TRIGGER simulated_insert AFTER INSERT ON executions BEGIN
    INSERT INTO simulated_log VALUES (
        NULL, NEW.id, 'insert', NULL, NEW.status, NULL, NEW.owner,
        NEW.attempt, simulated_writer(), (
            SELECT count(*) FROM executions WHERE status = 'running'),
        NEW.sync);
END;
CREATE TRIGGER simulated_update AFTER UPDATE ON executions
WHEN OLD.status != NEW.status OR OLD.owner IS NOT NEW.owner
    OR OLD.result IS NOT NEW.result BEGIN
    INSERT INTO simulated_log VALUES (
        NULL, NEW.id, 'update', OLD.status, NEW.status, OLD.owner, NEW.owner,
        NEW.attempt, simulated_writer(), NULL, NEW.sync);
END;
CREATE TRIGGER simulated_delete AFTER DELETE ON executions BEGIN
    INSERT INTO simulated_log VALUES (
        NULL, OLD.id, 'delete', OLD.status, NULL, OLD.owner, NULL,
        OLD.attempt, simulated_writer(), NULL, OLD.sync);
END;
"""


class Cursor(sqlite3.Cursor):
    """Cursor that lets others continue before each statement."""

    def execute(self, sql, parameters=()):
        """Run a statement."""
        threads.current().pause(sql)
        return super().execute(sql, parameters)


class Connection:
    """Connection of a process, in place of :class:`sqlite3.Connection`.

    The end of the process releases the connection of SQLite for another
    process: each new one would read the schema and compile all statements.
    """

    def __init__(self, real):
        self._real = real
        self._cursors = weakref.WeakSet()

    def __getattr__(self, name):
        if self._real is None:
            raise sqlite3.ProgrammingError('simulated: no connection')
        return getattr(self._real, name)

    @property
    def isolation_level(self):
        """Control of transactions by the driver."""
        return self._real.isolation_level

    @isolation_level.setter
    def isolation_level(self, value):
        self._real.isolation_level = value

    def cursor(self):
        """Return a cursor."""
        cursor = self._real.cursor(Cursor)
        self._cursors.add(cursor)
        return cursor

    def execute(self, sql, parameters=()):
        """Run a statement of the single writer."""
        if not sql.startswith('PRAGMA'):
            threads.current().pause(sql)
        return self._real.execute(sql, parameters)

    def commit(self):
        """Commit, unless a fault prevents that, or its answer."""
        if not self._real.in_transaction:
            return
        scheduler = threads.current()
        scheduler.pause('COMMIT')
        fate = FILE.fate(scheduler.current)
        if fate == 'refused':
            raise sqlite3.OperationalError('simulated: no commit')
        self._real.commit()
        scheduler.pause('committed')
        if fate == 'unanswered':
            raise sqlite3.OperationalError('simulated: no answer')

    def close(self):
        """Roll back, and release the connection of SQLite."""
        real, self._real = self._real, None
        if real is not None:
            for cursor in list(self._cursors):
                cursor.close()
            real.rollback()
            FILE.free.append(real)


def _writer():
    task = threads.current().current
    return task and (task.process.owner or task.process.name)


class File:
    """The file, with the connections of the processes by slot."""

    def __init__(self):
        self.path = None
        self._admin = None
        self._rows = {}
        self._engines = {}
        self._connections = {}
        self.fate = lambda task: None
        self._writer = None
        self._waiters = []
        #: Connections of SQLite that no process has.
        self.free = []

    def create(self, path, metadata):
        """Create the file."""
        self.path = path
        engine = sqlalchemy.create_engine(f'sqlite:///{path}')
        metadata.create_all(engine)
        engine.dispose()
        self._admin = sqlite3.connect(path, isolation_level=None)
        self._admin.row_factory = sqlite3.Row
        self._admin.create_function('simulated_writer', 0, lambda: 'admin')
        self._admin.execute('PRAGMA journal_mode = WAL')
        self._admin.execute('PRAGMA synchronous = OFF')
        self._admin.executescript(LOG)

    def close(self):
        """Close all connections."""
        for connection in (self._admin, *self.free):
            connection.close()

    def select(self, sql, *parameters):
        """Return rows outside of the simulation."""
        return self._admin.execute(sql, parameters).fetchall()

    def change(self, sql, *parameters):
        """Change rows outside of the simulation."""
        self._admin.execute(sql, parameters)

    @contextlib.contextmanager
    def weakened(self, table, constraint):
        """Leave out a constraint of a table."""
        sql = self.select("SELECT sql FROM sqlite_master WHERE name = ?",
                          table)[0]['sql']
        rest = [row['sql'] for row in self.select(
            'SELECT sql FROM sqlite_master WHERE tbl_name = ? '
            'AND name != ? AND sql IS NOT NULL', table, table)]
        if constraint not in sql:
            raise AssertionError(f'{table} has no {constraint}.')
        self._recreate(table, sql.replace(constraint, 'CHECK (1)'), rest)
        try:
            yield
        finally:
            self._recreate(table, sql, rest)

    def _recreate(self, table, sql, rest):
        self._admin.execute(f'DROP TABLE {table}')
        for statement in (sql, *rest):
            self._admin.execute(statement)
        for row in self._rows[table]:
            marks = ', '.join('?' * len(row))
            self._admin.execute(f'INSERT INTO {table} VALUES ({marks})', row)

    def keep(self):
        """Make the present rows those of each start."""
        names = [row[0] for row in self.select(
            "SELECT name FROM sqlite_master WHERE type = 'table' "
            "AND name NOT LIKE 'sqlite_%'")]
        self._rows = {name: [tuple(row) for row in self.select(
            f'SELECT * FROM {name}')] for name in names}

    def reset(self):
        """Restore the rows of the start, and the indexes."""
        self._writer, self._waiters = None, []
        self.fate = lambda task: None
        admin = self._admin
        admin.execute('BEGIN IMMEDIATE')
        for name, rows in self._rows.items():
            admin.execute(f'DELETE FROM {name}')
            if rows:
                marks = ', '.join('?' * len(rows[0]))
                admin.executemany(
                    f'INSERT INTO {name} VALUES ({marks})', rows)
        admin.execute('DELETE FROM simulated_log')
        admin.execute('COMMIT')

    def create_engine(self, url, options, timeouts, reading=False):
        """Return the engine of the running process."""
        slot = threads.current().current.process.slot
        key = slot, reading
        if key not in self._engines:
            engine = _create_engine(url, options, timeouts, reading)
            engine.dispose()
            sqlalchemy.event.listen(engine, 'do_connect', self._connect)
            self._engines[key] = engine
        return self._engines[key]

    def _connect(self, _dialect, _record, _args, _kwargs):
        connection = Connection(self.free.pop() if self.free
                                else self._open())
        slot = threads.current().current.process.slot
        self._connections.setdefault(slot, []).append(connection)
        return connection

    def _open(self):
        connection = sqlite3.connect(
            self.path, check_same_thread=False, timeout=0,
            cached_statements=512)
        connection.create_function('simulated_writer', 0, _writer)
        return connection

    def end(self, process):
        """Roll back and drop the connections of a process."""
        if self._writer is not None and self._writer.process is process:
            self._unlock()
        for connection in self._connections.pop(process.slot, ()):
            connection.close()
        for reading in (False, True):
            if engine := self._engines.get((process.slot, reading)):
                engine.dispose(close=False)

    def lock(self, _file, operation):
        """Lock or unlock the file for a writer, in place of fcntl.flock."""
        scheduler = threads.current()
        if operation == real_fcntl.LOCK_UN:
            self._unlock()
            return
        while self._writer is not None:
            self._waiters.append(scheduler.current)
            scheduler.park()
        self._writer = scheduler.current

    def _unlock(self):
        self._writer = None
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            threads.current().wake(waiter)


FILE = File()
fcntl = types.SimpleNamespace(
    LOCK_EX=real_fcntl.LOCK_EX, LOCK_UN=real_fcntl.LOCK_UN,
    flock=lambda *args: FILE.lock(*args))
