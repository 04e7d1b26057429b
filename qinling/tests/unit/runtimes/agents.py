# SPDX-License-Identifier: Apache-2.0
"""Real agent without a sandbox, and a raw client."""

import io
import json
import os
import socket
import subprocess
import sys
import time
import zipfile

import fixtures

from qinling import runtimes

DIRECTORY = os.path.dirname(runtimes.__file__)
FUNCTIONS = os.path.join(os.path.dirname(os.path.dirname(
    os.path.dirname(__file__))), 'functions')
MIB = 1 << 20
PATIENCE = 90  # seconds, for a slow and busy machine, too

LOAD = {'function_id': 'f', 'function_version': 0, 'entry': 'main.main',
        'memory_size': 64 * MIB, 'slots': 3, 'max_log_size': MIB,
        'max_result_size': MIB, 'max_unpacked_size': 64 * MIB,
        'environment': {}}


def package(name):
    """Return the ZIP of a module or a directory of qinling/tests/functions."""
    directory = os.path.join(FUNCTIONS, name)
    if not os.path.isdir(directory):
        with open(directory + '.py', 'rb') as source:
            return zipped({'main.py': source.read()})
    files = {}
    for parent, _directories, names in os.walk(directory):
        for file_name in names:
            path = os.path.join(parent, file_name)
            if file_name.endswith('.py'):
                with open(path, 'rb') as source:
                    files[os.path.relpath(path, directory)] = source.read()
    return zipped(files)


def zipped(files):
    """Return the ZIP of ``{name or ZipInfo: content}``."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, 'w', zipfile.ZIP_DEFLATED) as target:
        for name, content in files.items():
            target.writestr(name, content)
    return archive.getvalue()


def wait_until(condition, patience=PATIENCE):
    """Wait for a condition without an event; return whether the condition
    held."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def alive(pid):
    """Return whether a process runs; zombies do not."""
    try:
        with open('/proc/%d/stat' % pid) as stat:
            return stat.read().rpartition(')')[2].split()[0] not in 'ZX'
    except (FileNotFoundError, ProcessLookupError):
        return False


class Reply:
    def __init__(self, status, body):
        self.status = status
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)


class Client:
    """Connection to an agent."""

    def __init__(self, address, secret):
        self.secret = secret
        self.socket = socket.socket(
            socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(address)
        self._buffer = b''

    def close(self):
        self.socket.close()

    def call(self, method, path, body=b'', **headers):
        headers = {'X_Qinling_Secret': self.secret,
                   'Content_Length': len(body), **headers}
        lines = ['%s %s HTTP/1.1' % (method, path)]
        lines += ['%s: %s' % (name.replace('_', '-'), value)
                  for name, value in headers.items() if value is not None]
        return self.send('\r\n'.join(lines).encode() + b'\r\n\r\n' + body)

    def send(self, data):
        self.socket.sendall(data)
        return self.receive()

    def receive(self):
        head = self._read_until(b'\r\n\r\n')
        lines = head.decode().split('\r\n')
        size = int(dict(line.lower().split(': ') for line in lines[1:])[
            'content-length'])
        while len(self._buffer) < size:
            self._receive()
        body, self._buffer = self._buffer[:size], self._buffer[size:]
        return Reply(int(lines[0].split()[1]), body)

    def stream(self, path, body):
        """Return the lines of a streamed answer."""
        self.socket.sendall((
            'POST %s HTTP/1.1\r\nX-Qinling-Secret: %s\r\n'
            'Content-Length: %d\r\n\r\n' % (
                path, self.secret, len(body))).encode() + body)
        head = self._read_until(b'\r\n\r\n')
        assert b'chunked' in head, head
        data = b''
        while size := int(self._read_until(b'\r\n'), 16):
            while len(self._buffer) < size + 2:
                self._receive()
            data += self._buffer[:size]
            self._buffer = self._buffer[size + 2:]
        self._read_until(b'\r\n')
        return [json.loads(line) for line in data.splitlines()]

    def _read_until(self, end):
        while end not in self._buffer:
            self._receive()
        head, _end, self._buffer = self._buffer.partition(end)
        return head

    def _receive(self):
        data = self.socket.recv(1 << 20)
        if not data:
            raise ConnectionResetError('the agent closed the connection')
        self._buffer += data

    def is_closed(self):
        """Wait for the end of the connection."""
        return self.socket.recv(1) == b''

    def load(self, archive, **settings):
        line = json.dumps(dict(LOAD, **settings)).encode() + b'\n'
        return self.call('POST', '/load', line + archive)

    def execute(self, *args, **kwargs):
        """Execute the function, expect status 200, and return the outcome."""
        reply = self.try_execute(*args, **kwargs)
        if reply.status != 200:
            raise AssertionError('%d %s' % (reply.status, reply.body))
        return reply.json

    def try_execute(self, *args, timeout=PATIENCE, execution_id='e',
                    context=None, **kwargs):
        return self.call('POST', '/execute', json.dumps({
            'execution_id': execution_id, 'args': args, 'kwargs': kwargs,
            'context': context or {}, 'timeout': timeout}).encode())

    def status(self):
        return self.call('GET', '/status').json


class Agent(fixtures.Fixture):
    """Agent on a Unix socket; keywords override the default settings."""

    def __init__(self, interpreter=sys.executable, **settings):
        self.interpreter = os.path.realpath(interpreter)
        self.settings = settings

    def _setUp(self):
        self.directory = self.useFixture(fixtures.TempDir()).path
        self.address = os.path.join(self.directory, 'socket')
        self.code = os.path.join(self.directory, 'code')
        os.mkdir(self.code)
        self.complaints = os.path.join(self.directory, 'stderr')
        settings = dict({
            'secret': 'the secret', 'code': self.code, 'processes': 0,
            'bootstrap': [self.interpreter, '-I', '-S', '-u',
                          os.path.join(DIRECTORY, 'python.py')],
        }, **self.settings)
        self.secret = settings['secret']
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self.address)
            listener.listen(100)
            settings.setdefault('listen', 'fd:%d' % listener.fileno())
            with open(self.complaints, 'wb') as complaints:
                self.process = subprocess.Popen(
                    [self.interpreter, '-I', '-S',
                     os.path.join(DIRECTORY, 'agent.py')],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                    stderr=complaints, pass_fds=[listener.fileno()], env={},
                    start_new_session=True)
        self.addCleanup(self.stop)
        self.output_lines = [self.process.stdout.readline()]
        os.write(self.process.stdin.fileno(),
                 json.dumps(settings).encode() + b'\n')
        self.output_lines.append(self.process.stdout.readline())

    def stop(self):
        """Cut the lifeline; return the exit status."""
        self.process.stdin.close()
        status = self.process.wait(PATIENCE)
        self.process.stdout.close()
        return status

    def complaint(self):
        with open(self.complaints) as source:
            return source.read()

    def connect(self):
        client = Client(self.address, self.secret)
        self.addCleanup(client.close)
        return client

    def loaded(self, name, entry='main', **settings):
        """Return a client for the function ``entry`` of a module in the
        package ``name``."""
        client = self.connect()
        if '.' not in entry:
            entry = 'main.' + entry
        reply = client.load(package(name), entry=entry, **settings)
        if reply.status != 200:
            raise AssertionError('%d %s' % (reply.status, reply.body))
        return client

    def executors(self, client):
        return [executor['pid'] for executor in client.status()['executors']]
