# SPDX-License-Identifier: Apache-2.0
"""Real servers for tests, with a client."""

import contextlib
import http.client
import io
import json
import os
import pathlib
import re
import signal
import subprocess
import time
import urllib.parse
import zipfile

import fixtures
import sqlalchemy

from qinling.tests import databases
from qinling.tests.functional import preloaded
from qinling.tests.functional import processes
from qinling.tests import virtual_hosts

#: Maximum wait in seconds, long enough for a slow and busy machine.
PATIENCE = 120
BOUNDARY = 'qinling-tests'


class Shared:
    """Mixin for test cases with one shared server."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = cls.make_server()
        try:
            cls.server.setUp()
        except fixtures.MultipleExceptions as e:
            raise e.args[0][1]
        cls.addClassCleanup(cls.server.cleanUp)
        cls.client = cls.server.client


def wait_for(condition, subject, patience=PATIENCE):
    """Return the first true value of ``condition()``.

    :raises AssertionError: the time is over.
    """
    end = time.monotonic() + patience
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f'Waited in vain for {subject}.')
        time.sleep(0.02)
    return value


class Client:
    """Client of the REST API.

    :param headers: headers of each request, for instance a token.
    """

    def __init__(self, url, headers=()):
        self.url = url.strip()
        self.headers = dict(headers)

    def request(self, method, path, body=None, headers=()):
        """Return (status, headers, body bytes) of a request."""
        parts = urllib.parse.urlsplit(self.url)
        connection = http.client.HTTPConnection(
            parts.hostname, parts.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request(
                method, path, body, {**self.headers, **dict(headers)})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

    def call(self, method, path, value=None):
        """Return (status, decoded body) of a JSON request."""
        body = None if value is None else json.dumps(value)
        status, headers, data = self.request(
            method, path, body, {'Content-Type': 'application/json'})
        if headers.get_content_type() == 'application/json' and data:
            return status, json.loads(data)
        return status, data.decode()

    def get(self, path):
        """Return the decoded body of a successful GET."""
        status, value = self.call('GET', path)
        assert status == 200, (path, status, value)
        return value

    def runtime(self, name='python3'):
        """Return the id of a runtime."""
        return next(row['id'] for row in self.get('/v1/runtimes')['runtimes']
                    if row['name'] == name)

    def create(self, code, entry='main.main', status=201, **fields):
        """Create a function from source text, or {path: text}."""
        fields.setdefault('runtime_id', self.runtime())
        # The default is short for a busy machine.
        fields.setdefault('timeout', 60)
        fields = dict(fields, code='{"source": "package"}', entry=entry)
        return self.form('POST', '/v1/functions', fields, package(code),
                         status)

    def form(self, method, path, fields, data=None, status=200):
        """Return the decoded body of a multipart request."""
        received, _, body = self.request(
            method, path, multipart(fields, data),
            {'Content-Type': f'multipart/form-data; boundary={BOUNDARY}'})
        assert received == status, (received, body)
        return json.loads(body)

    def run(self, function, input=None, **fields):
        """Run a function and return the execution, finished if synchronous."""
        fields.update(function_id=function, input=input)
        status, row = self.call('POST', '/v1/executions', fields)
        assert status == 201, (status, row)
        return row

    def wait_for_end(self, id, patience=PATIENCE):
        """Return the row of an execution after the end."""
        def poll():
            row = self.get(f'/v1/executions/{id}')
            return row['status'] != 'running' and row
        return wait_for(poll, f'the end of execution {id}', patience)

    def log(self, id):
        """Return the log of an execution."""
        return self.get(f'/v1/executions/{id}/log')


def package(code):
    """Return the bytes of a package."""
    files = {'main.py': code} if isinstance(code, str) else code
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w') as archive:
        for name, text in files.items():
            # Without times, equal files have equal bytes.
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o600 << 16
            archive.writestr(info, text)
    return buffer.getvalue()


def multipart(fields, data=None):
    """Return the body of a multipart form with a package."""
    lines = [f'--{BOUNDARY}\r\nContent-Disposition: form-data; '
             f'name="{name}"\r\n\r\n{value}\r\n'.encode()
             for name, value in fields.items()]
    if data is not None:
        lines += [f'--{BOUNDARY}\r\nContent-Disposition: form-data; '
                  'name="package"; filename="x.zip"\r\n\r\n'.encode(),
                  data, b'\r\n']
    return b''.join(lines) + f'--{BOUNDARY}--\r\n'.encode()


def output(row):
    """Return the function's result, or the error sentence."""
    return json.loads(row['result'])['output']


class Program(fixtures.Fixture):
    """Program of the project as a process, with a log for failures."""

    def __init__(self, name, *words, config=None):
        super().__init__()
        self.name = name
        self.words = words
        self.config = config or {}

    def _setUp(self):
        self.starts = 0
        self.directory = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path)
        self.log = self.directory / 'log'
        self.file = self.directory / 'qinling.conf'
        self.file.write_text(ini(self.config))
        self.addCleanup(self.kill)
        self.start()

    def start(self):
        """Start the process, also after a stop."""
        self.starts += 1
        with self.log.open('ab') as log:
            self.process = preloaded.launcher().start(
                self.name, ['--config-file', str(self.file), *self.words],
                log, dict(os.environ, TMPDIR=str(self.directory)))

    def stop(self, patience=PATIENCE):
        """Stop the process and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            self.process.wait()
            raise AssertionError(f'No end: {self.log.read_text()[-9999:]}')

    def kill(self):
        """Kill the process as a crash does."""
        self.process.kill()
        self.process.wait()

    def check_alive(self):
        """Fail if the process has died."""
        if self.process.poll() is not None:
            raise AssertionError(f'{self.name}: {self.log.read_text()}')


class Standalone(fixtures.Fixture):
    """Standalone server with a separate directory ``state``, a new one."""

    def __init__(self, **config):
        super().__init__()
        self.state = None
        self.config = with_long_timeouts({'DEFAULT': {'runtimes': 'python3'},
                                          **config})

    def _setUp(self):
        self.state = self.state or pathlib.Path(
            self.useFixture(fixtures.TempDir()).path)
        self.program = self.useFixture(Program(
            'standalone', '--state-dir', str(self.state), '--port', '0',
            config=self.config))
        self.wait_until_serving()

    def wait_until_serving(self):
        """Wait until the server serves."""
        endpoint = self.state / 'endpoint'

        def poll():
            self.program.check_alive()
            return endpoint.exists()
        wait_for(poll, 'the server')
        self.client = Client(endpoint.read_text())

    def restart(self):
        """Start the server again after a stop or a kill."""
        (self.state / 'endpoint').unlink(missing_ok=True)
        self.program.start()
        self.wait_until_serving()

    def processes(self):
        """Return the ids of all processes below the server."""
        return processes.descendants(self.program.process.pid)

    def sleepers(self):
        """Return the running functions with the program ``sleep``."""
        return processes.sleepers(self.program.process.pid)

    def packages(self):
        """Return the stored packages."""
        return sorted((self.state / 'packages').glob('??/*'))


class Cloud(fixtures.Fixture):
    """APIs and engines as daemons, over a real database and message bus.

    :param database: a server with ``url`` and ``execute``; ``bus`` is a URL.
    :param headers: headers of each request of ``client``, an administrator.
    """

    def __init__(self, engines=1, apis=1, database=None, bus=None, headers=(),
                 **config):
        super().__init__()
        self.engine_count = engines
        self.api_count = apis
        self.database = database
        self.bus = bus
        self.headers = headers
        self.config = config

    def _setUp(self):
        state = self.useFixture(fixtures.TempDir()).path
        self.database = self.database or self.useFixture(Database())
        self.bus = self.bus or self.useFixture(virtual_hosts.VirtualHost()).url
        topic = virtual_hosts.create_topic()
        config = {
            'DEFAULT': {'transport_url': self.bus, 'control_exchange': topic},
            'database': {'connection': self.database.url},
            'storage': {'file_system_dir': f'{state}/packages'},
            'api': {'host': '127.0.0.1', 'port': 0},
            'engine': {'topic': topic},
        }
        for group, options in self.config.items():
            config.setdefault(group, {}).update(options)
        with_long_timeouts(config)
        if not getattr(self.database, 'has_tables', False):
            manage = self.useFixture(
                Program('db_manage', 'upgrade', config=config))
            code = manage.process.wait(PATIENCE)
            assert code == 0, manage.log.read_text()
        self.engines, self.apis = [
            [self.program(name, config) for _ in range(count)] for name, count
            in (('engine', self.engine_count), ('api', self.api_count))]
        self.api = self.apis[0]
        self.client = self.client_of(self.api)
        status, row = self.client.call(
            'POST', '/v1/runtimes', {'image': 'python3', 'name': 'python3'})
        assert status == 201, row
        wait_for(lambda: self._available(row['id']), 'the runtime')

    def program(self, name, config):
        """Return a started program of the cloud."""
        return self.useFixture(Program(name, config=config))

    def client_of(self, api):
        """Return a client of a serving API."""
        def url():
            api.check_alive()
            urls = re.findall(r'Serving at (\S+)\.\n', api.log.read_text())
            return len(urls) == api.starts and urls[-1]
        return Client(wait_for(url, 'the API'), self.headers)

    @staticmethod
    def listening(engine):
        """Return whether an engine serves since the last start."""
        engine.check_alive()
        return re.search(rf'Listening as \S+-{engine.process.pid}-',
                         engine.log.read_text())

    def _available(self, id):
        for engine in self.engines:
            engine.check_alive()
        status = self.client.get(f'/v1/runtimes/{id}')['status']
        assert status != 'error', self.engines[0].log.read_text()
        # An engine that does not listen yet would miss broadcasts.
        return status == 'available' and all(
            'Listening as ' in daemon.log.read_text()
            for daemon in self.engines)

    def owned_by(self, engine):
        """Return the number of executions owned by an engine."""
        return self.database.execute(
            'SELECT count(*) FROM executions WHERE owner LIKE '
            f"'%%:{engine.process.pid}:%%'").scalar()


class Database(databases.Fixture):
    """Database with tables on a server of this machine."""

    has_tables = True

    def __init__(self, backend='mariadb'):
        super().__init__()
        self._backend = backend

    def _setUp(self):
        self.url = self.useFixture(
            databases.Database(self._backend)).connection

    def execute(self, statement):
        """Return the result of a committed statement."""
        engine = sqlalchemy.create_engine(
            self.url, poolclass=sqlalchemy.NullPool,
            isolation_level='AUTOCOMMIT')
        with engine.connect() as connection:
            return connection.exec_driver_sql(statement)


def with_long_timeouts(groups):
    """Return groups of options with long timeouts for slow machines."""
    groups['process'] = {'start_timeout': PATIENCE,
                         **groups.get('process', {})}
    return groups


def ini(groups):
    """Return the text of a configuration file."""
    return ''.join(
        f'[{group}]\n' + ''.join(
            f'{name} = {value}\n' for name, value in options.items())
        for group, options in groups.items())
