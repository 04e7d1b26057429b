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

"""What tests build upon: configurations, databases, cores and APIs of their
own, made in a moment and gone with the test."""

import functools
import io
import json
import os
import pathlib
import tempfile
import unittest
import uuid
import zipfile

import fixtures
import sqlalchemy
import webob

from qinling.api import app
from qinling import conf as qinling_conf
from qinling import context
from qinling.core import executions
from qinling.core import services
from qinling.db import migration
from qinling.db import models
from qinling.db import query
from qinling.db import session
from qinling import policy
from qinling.states import ExecutionStatus

#: The databases that the service runs on.
BACKENDS = ('sqlite', 'postgresql', 'mariadb')
#: Where the servers of this machine are, and the database to begin in.
SERVERS = {
    'postgresql': 'postgresql+psycopg://postgres@127.0.0.1:5432/postgres',
    'mariadb': 'mysql+pymysql://root@127.0.0.1:3306/mysql',
}
DROP = {'postgresql': 'DROP DATABASE IF EXISTS {} WITH (FORCE)',
        'mariadb': 'DROP DATABASE IF EXISTS {}'}
PROJECT = 'default'
JSON = 'application/json'
#: What a row of each model needs at least.
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
}


def sample(model, **values):
    """The columns of a row that could be."""
    return {'project_id': PROJECT, **SAMPLES[model], **values}


def caller(project=PROJECT, *roles, enforcer=None):
    """Somebody of a project, who may do whatever the enforcer lets him, or
    everything without one."""
    return context.RequestContext(
        project_id=project, user_id=f'user of {project}', roles=list(roles),
        enforcer=enforcer)


def archive(files):
    """The bytes of a ZIP file of {path: text or bytes}."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w', zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            made.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


#: A package that could be run.
PACKAGE = archive({'main.py': 'def main(**kwargs):\n    return 1\n'})


class Fixture(fixtures.Fixture):
    """A fixture whose set-up may skip the test."""

    def setUp(self):
        try:
            super().setUp()
        except fixtures.MultipleExceptions as e:
            if e.args[0][0] is unittest.SkipTest:
                raise e.args[0][1]
            raise


class Conf(Fixture):
    """A configuration, ``conf``, that no other test knows.

    :param groups: group -> {option: value}.
    """

    def __init__(self, **groups):
        super().__init__()
        self._groups = groups

    def _setUp(self):
        self.conf = qinling_conf.load([], [])
        for group, values in self._groups.items():
            for name, value in values.items():
                self.set(group, name, value)

    def set(self, group, name, value):
        """Give an option a value."""
        self.conf.set_override(name, value, group=group)


@functools.lru_cache(maxsize=None)
def _sqlite_file():
    """The bytes of an SQLite database at the newest revision."""
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory, 'template.db')
        made = session.Database(_database_conf(f'sqlite:///{path}'))
        migration.upgrade(made)
        made.close()
        return path.read_bytes()


def _database_conf(connection):
    conf = qinling_conf.load([], [])
    conf.set_override('connection', connection, group='database')
    conf.set_override('max_retries', 0, group='database')
    return conf


@functools.lru_cache(maxsize=None)
def _server(backend):
    """An engine on a database server, or the reason why there is none."""
    engine = sqlalchemy.create_engine(
        SERVERS[backend], isolation_level='AUTOCOMMIT',
        poolclass=sqlalchemy.pool.NullPool)
    try:
        engine.connect().close()
    except (ImportError, sqlalchemy.exc.OperationalError) as e:
        return f'{backend} cannot be reached: {e}'
    return engine


class Database(Fixture):
    """A database of one test.

    :param backend: one of :data:`BACKENDS`; the test is skipped when its
        server is not there.
    :param empty: whether it has no tables yet.

    ``connection`` is its URL, ``db`` the open database.
    """

    def __init__(self, backend='sqlite', empty=False):
        super().__init__()
        self._backend = backend
        self._empty = empty

    def _setUp(self):
        if self._backend == 'sqlite':
            self._make_file()
        else:
            self._make_on_server()
        self.db = self.open()
        if not self._empty:
            migration.upgrade(self.db)

    def _make_file(self):
        path = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path, 'qinling.db')
        self.connection = f'sqlite:///{path}'
        if not self._empty:
            path.write_bytes(_sqlite_file())

    def _make_on_server(self):
        server = _server(self._backend)
        if isinstance(server, str):
            raise unittest.SkipTest(server)
        name = f'qinling_{os.getpid()}_{uuid.uuid4().hex[:12]}'
        self._on_server(f'CREATE DATABASE {name}')
        self.addCleanup(
            self._on_server, DROP[self._backend].format(name))
        self.connection = server.url.set(
            database=name).render_as_string(hide_password=False)

    def _on_server(self, statement):
        with _server(self._backend).connect() as connection:
            return connection.exec_driver_sql(statement)

    def open(self, connection=None):
        """One more process, so to speak, that uses the database."""
        db = session.Database(_database_conf(connection or self.connection))
        self.addCleanup(db.close)
        return db

    def disconnect(self):
        """Have the server end every connection to the database."""
        url = sqlalchemy.make_url(self.connection)
        with _server(self._backend).connect() as connection:
            if self._backend == 'postgresql':
                connection.exec_driver_sql(
                    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity '
                    'WHERE datname = %s', (url.database,))
                return
            found = connection.exec_driver_sql(
                'SELECT id FROM information_schema.processlist '
                'WHERE db = %s', (url.database,)).scalars().all()
            for id in found:
                connection.exec_driver_sql(f'KILL {id}')


class FakeEngine:
    """An engine client that does what it is told.

    ``calls`` has each verb with its arguments, in their order.  ``answers``
    has what a verb returns: a value, an exception to raise, or a function of
    the arguments.
    """

    owner = None

    def __init__(self):
        self.calls = []
        self.answers = {'workers': [], 'workers_of': False}

    def verbs(self):
        """The verbs that were called."""
        return [call[0] for call in self.calls]

    def _do(self, verb, *arguments):
        self.calls.append((verb, *arguments))
        answer = self.answers.get(verb)
        if isinstance(answer, Exception):
            raise answer
        return answer(*arguments) if callable(answer) else answer

    def run(self, row, target):
        return self._do('run', row, target)

    def start(self, row, target):
        return self._do('start', row, target)

    def ensure_runtime(self, id, previous_image=None):
        return self._do('ensure_runtime', id, previous_image)

    def delete_runtime(self, id):
        return self._do('delete_runtime', id)

    def pool(self, id):
        return self._do('pool', id)

    def workers(self, function_id, version):
        return self._do('workers', function_id, version)

    def workers_of(self, runtime_id):
        return self._do('workers_of', runtime_id)

    def scale_up(self, target, count):
        return self._do('scale_up', target, count)

    def scale_down(self, target, count):
        return self._do('scale_down', target, count)

    def detach(self, function_id, version):
        return self._do('detach', function_id, version)


class Core(Fixture):
    """A core, ``services``, over a database, a storage and a fake engine,
    whose executions succeed at once.

    :param backend: see :class:`Database`.
    :param groups: options, see :class:`Conf`.
    """

    def __init__(self, backend='sqlite', **groups):
        super().__init__()
        self._backend = backend
        self._groups = groups

    def _setUp(self):
        self.directory = self.useFixture(fixtures.TempDir()).path
        self.conf = self.useFixture(Conf(**self._groups)).conf
        self.conf.set_override(
            'file_system_dir', self.directory, group='storage')
        self.database = self.useFixture(Database(self._backend))
        self.db = self.database.db
        self.engine = FakeEngine()
        self.engine.answers['run'] = self.succeed
        self.code = services.code(self.conf, self.db)
        self.services = services.build(
            self.conf, self.db, self.engine, self.code)

    def succeed(self, row, _target, result='{"output": 1}', logs='a log'):
        """What the engine does with an execution."""
        return executions.finish(self.db, row['id'], executions.Outcome(
            ExecutionStatus.SUCCESS, result, logs))

    def insert(self, model, **values):
        """The id of a new row."""
        return self.db.write(
            lambda tx: query.insert(tx, model, **sample(model, **values)))

    def row(self, model, id):
        """A row of any project, or ``None``."""
        return self.db.read(
            lambda tx: query.get(tx, context.admin(), model, id=id))

    def packages(self):
        """The names of the stored packages."""
        return sorted(path.name for path in pathlib.Path(
            self.directory).rglob('*') if path.is_file())

    def runtime(self, **values):
        """The id of a runtime."""
        return self.insert(models.Runtime, **values)

    def function(self, ctx=None, package=PACKAGE, **fields):
        """A function that was created as users do."""
        if 'runtime_id' not in fields:
            fields['runtime_id'] = self.runtime()
        fields.setdefault('code', {'source': 'package'})
        return self.services.functions.create(
            ctx or caller(), fields, io.BytesIO(package))


def identify_by_headers(enforcer):
    """A way to identify callers in tests: by ``X-Project-Id`` and
    ``X-Roles``."""
    def identify(environ):
        roles = environ.get('HTTP_X_ROLES', '')
        return caller(environ.get('HTTP_X_PROJECT_ID', PROJECT),
                      *filter(None, roles.split(',')), enforcer=enforcer)
    return identify


class Api(Core):
    """The API, ``app``, over a :class:`Core`.

    :param enforcing: whether policies are enforced; see
        :func:`identify_by_headers`.
    """

    def __init__(self, backend='sqlite', enforcing=False, **groups):
        super().__init__(backend, **groups)
        self._enforcing = enforcing

    def _setUp(self):
        super()._setUp()
        identify = None
        if self._enforcing:
            self.enforcer = policy.enforcer(self.conf)
            identify = identify_by_headers(self.enforcer)
        self.app = app.make(self.services, identify)

    def request(self, method, path, body=None, kind=JSON, **headers):
        """The answer to a request.

        :param body: bytes to send as ``kind``, or what becomes JSON.
        :param headers: with underscores for dashes.
        """
        request = webob.Request.blank(path, method=method)
        if body is not None:
            request.body = (body if isinstance(body, bytes)
                            else json.dumps(body).encode())
            request.content_type = kind
        request.headers.update({name.replace('_', '-'): value
                                for name, value in headers.items()})
        return request.get_response(self.app)
