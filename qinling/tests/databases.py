# SPDX-License-Identifier: Apache-2.0
"""Databases for single tests, on every kind of server the service supports."""

import atexit
import collections
import contextlib
import datetime
import functools
import os
import pathlib
import shutil
import tempfile
import time
import unittest
import uuid

import fixtures
import sqlalchemy as sa

from qinling import conf as qinling_conf
from qinling.db import migration
from qinling.db import models
from qinling.db import session

#: Maximum wait in seconds, long enough for a slow and busy machine.
PATIENCE = 90
BACKENDS = ('sqlite', 'postgresql', 'mariadb')
#: URLs of the local servers, with the database to connect to first.
SERVERS = {
    'postgresql': 'postgresql+psycopg://postgres@127.0.0.1:5432/postgres',
    'mariadb': 'mysql+pymysql://root@127.0.0.1:3306/mysql',
}
# Test data need not survive a crash of the machine.
CREATE = {'postgresql': ('CREATE DATABASE {}',
                         'ALTER DATABASE {} SET synchronous_commit = off'),
          'mariadb': ('CREATE DATABASE {} CHARACTER SET utf8mb4',)}
DROP = {'postgresql': 'DROP DATABASE IF EXISTS {} WITH (FORCE)',
        'mariadb': 'DROP DATABASE IF EXISTS {}'}
CONNECTIONS = {
    'postgresql': 'SELECT pid FROM pg_stat_activity WHERE datname = %s',
    'mariadb': 'SELECT id FROM information_schema.processlist WHERE db = %s',
}
END = {'postgresql': 'SELECT pg_terminate_backend({})', 'mariadb': 'KILL {}'}
#: Databases with empty tables, for later tests of this process.
_unused = collections.defaultdict(list)
#: Required columns of each model.
SAMPLES = {
    models.Runtime: {'image': 'python3', 'status': 'available'},
    models.Function: {'code': {'source': 'package'}, 'entry': 'main.main',
                      'cpu': 100, 'memory_size': 33554432, 'timeout': 5},
    models.FunctionVersion: {
        'code': {'source': 'package'}, 'cpu': 100, 'memory_size': 33554432,
        'timeout': 5, 'version_number': 1},
    models.FunctionAlias: {'name': 'alias'},
    models.Execution: {'function_id': 'f', 'status': 'running'},
    models.Job: {'status': 'running'},
    models.Webhook: {},
    models.EventSource: {'kind': 'rabbitmq', 'settings': {},
                         'status': 'running'},
    models.DeadLetter: {'trigger': 'event_source', 'reason': 'Malformed.'},
    models.Delivery: {
        'webhook_id': 'w', 'status': 'accepted', 'signature': 'valid',
        'method': 'POST', 'path': '', 'query': '', 'headers': [],
        'has_body': True, 'body': b'{}', 'size': 2},
    models.Operation: {'action': 'rerun', 'filter': {}, 'status': 'running',
                       'function_version': 'original', 'total': 0,
                       'skip_reasons': {}},
    models.ReplayResult: {'source_id': 's', 'execution_id': 'e',
                          'differences': []},
    models.Failure: {
        'function_id': 'f', 'version_list': ',1,', 'reason': 'timeout',
        'message': 'It broke.', 'frames': [], 'count': 1,
        'last_seen_at': models.now(), 'last_execution_id': 'e'},
}
#: Directory in memory, and bytes that must be free.
MEMORY, MIN_MEMORY_BYTES = '/dev/shm', 1 << 30


def sample(model, **values):
    """Return the columns of a plausible row."""
    values = {'project_id': 'default', **SAMPLES[model], **values}
    if model is models.Execution and values['status'] == 'running':
        # Every running execution has a lease.
        values.setdefault('lease_until',
                          models.now() + datetime.timedelta(hours=1))
    return values


def wait_until(condition):
    """Return when the condition holds.

    :raises AssertionError: the condition does not hold in time.
    """
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise AssertionError('The condition did not become true.')
        time.sleep(0.01)


def repeat_next_write(db):
    """Run the next write twice, as if the first answer was lost."""
    write = db.write

    def twice(action, **kwargs):
        db.write = write
        write(action, **kwargs)
        return write(action, **kwargs)
    db.write = twice


class Fixture(fixtures.Fixture):
    """Fixture whose set-up may skip the test."""

    def setUp(self):
        try:
            super().setUp()
        except fixtures.MultipleExceptions as e:
            if e.args[0][0] is unittest.SkipTest:
                raise e.args[0][1]
            raise

    def getDetails(self):
        """Return the details, also of a fixture inside another fixture before
        set-up.
        """
        return {} if self._details is None else super().getDetails()


def _open(connection):
    conf = qinling_conf.load([], [])
    conf.set_override('connection', connection, group='database')
    conf.set_override('max_retries', 0, group='database')
    return session.Database(conf)


def _migrate(connection):
    db = _open(connection)
    migration.upgrade(db)
    db.close()


@functools.lru_cache(maxsize=None)
def _sqlite_file():
    """Return the bytes of an SQLite database at the newest revision."""
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory, 'template.db')
        _migrate(f'sqlite:///{path}')
        return path.read_bytes()


@functools.lru_cache(maxsize=None)
def _find_memory():
    """Return a directory in memory, where no commit waits for a disk."""
    with contextlib.suppress(OSError):
        if (os.access(MEMORY, os.W_OK)
                and shutil.disk_usage(MEMORY).free >= MIN_MEMORY_BYTES):
            return MEMORY
    return None


@functools.lru_cache(maxsize=None)
def _server(backend):
    """Return an engine on a database server, or the reason for its absence."""
    try:
        engine = sa.create_engine(
            SERVERS[backend], isolation_level='AUTOCOMMIT',
            poolclass=sa.pool.NullPool)
        engine.connect().close()
    except (ImportError, sa.exc.OperationalError) as e:
        return f'{backend} cannot be reached: {e}'
    return engine


def _on_server(backend, statement, *arguments):
    with _server(backend).connect() as connection:
        result = connection.exec_driver_sql(statement, arguments)
        return result.scalars().all() if result.returns_rows else None


def _create(backend):
    """Return the URL of a new database."""
    if isinstance(_server(backend), str):
        raise unittest.SkipTest(_server(backend))
    name = f'qinling_{os.getpid()}_{uuid.uuid4().hex[:12]}'
    for statement in CREATE[backend]:
        _on_server(backend, statement.format(name))
    return _server(backend).url.set(database=name)


def _drop(backend, url):
    _on_server(backend, DROP[backend].format(url.database))


@contextlib.contextmanager
def _lend(backend):
    """Lend the URL of a database with empty tables.

    Tests of this process use one database after another, since creating
    tables is slow.
    """
    try:
        url = _unused[backend].pop()
    except IndexError:
        url = _create(backend)
        atexit.register(_drop, backend, url)
        _migrate(url.render_as_string(hide_password=False))
    yield url
    _unused[backend].append(url)


class Database(Fixture):
    """Database of one test.

    ``connection`` is the URL, ``db`` the open database.

    :param backend: one of :data:`BACKENDS`; without the server the test is
        skipped.
    :param empty: whether to leave out the tables.
    """

    def __init__(self, backend='sqlite', empty=False):
        super().__init__()
        self._backend = backend
        self._empty = empty

    def _setUp(self):
        if self._backend == 'sqlite':
            url = self._file()
        elif self._empty:
            url = _create(self._backend)
            self.addCleanup(_drop, self._backend, url)
        else:
            lent = contextlib.ExitStack()
            self.addCleanup(lent.close)
            url = lent.enter_context(_lend(self._backend))
            self.addCleanup(self._clear)
        self.connection = url.render_as_string(hide_password=False)
        self.db = self.open()

    def _file(self):
        path = pathlib.Path(self.useFixture(fixtures.TempDir(
            rootdir=_find_memory())).path, 'qinling.db')
        if not self._empty:
            path.write_bytes(_sqlite_file())
        return sa.URL.create('sqlite', database=str(path))

    def _clear(self):
        # Statements of a killed process may still run.
        self.disconnect()
        engine = sa.create_engine(self.connection, poolclass=sa.pool.NullPool)
        with engine.begin() as connection:
            for table in reversed(models.Base.metadata.sorted_tables):
                connection.execute(table.delete())

    def open(self, connection=None):
        """Open the database as another process would."""
        db = _open(connection or self.connection)
        self.addCleanup(db.close)
        return db

    def connections(self):
        """Return the server's ids of the connections to the database."""
        return _on_server(self._backend, CONNECTIONS[self._backend],
                          sa.make_url(self.connection).database)

    def disconnect(self):
        """Have the server end every connection to the database."""
        ids = set(self.connections())
        for id in ids:
            # The connection may end by itself.
            with contextlib.suppress(sa.exc.OperationalError):
                _on_server(self._backend, END[self._backend].format(id))
        wait_until(lambda: not ids.intersection(self.connections()))
