# SPDX-License-Identifier: Apache-2.0
"""Server of a benchmark, and a client that adds little to the times."""

from collections.abc import Iterator
from collections.abc import Mapping
import contextlib
import dataclasses
import io
import json
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import typing
import urllib.parse
import zipfile

HELLO = """
def hello(name):
    print('hello', name)
    return 'Hello, %s' % name
"""
BOUNDARY = 'qinling-bench'


class Client:
    """One kept-alive connection to the REST API."""

    def __init__(self, url: str) -> None:
        parts = urllib.parse.urlsplit(url)
        self._socket = socket.create_connection(
            (str(parts.hostname), parts.port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile('rb')

    def call(self, method: str, path: str, body: bytes = b'',
             content_type: str = 'application/json', headers: str = ''
             ) -> tuple[int, bytes]:
        """Send a request.

        :param headers: further lines of the head.
        :returns: (status, body).
        """
        self._socket.sendall(
            f'{method} {path} HTTP/1.1\r\nHost: bench\r\n{headers}'
            f'Content-Type: {content_type}\r\n'
            f'Content-Length: {len(body)}\r\n\r\n'.encode() + body)
        status = int(self._file.readline().split()[1])
        length = 0
        while (line := self._file.readline()) != b'\r\n':
            name, _, value = line.partition(b':')
            if name.lower() == b'content-length':
                length = int(value)
        return status, self._file.read(length)

    def json(self, method: str, path: str, value: object = None
             ) -> typing.Any:
        """Return the decoded answer to a request that must succeed."""
        status, body = self.call(method, path, json.dumps(value).encode())
        if status >= 300:
            raise RuntimeError(f'{method} {path}: {status} {body!r}')
        return json.loads(body)

    def run(self, body: bytes) -> None:
        """Run a function; the execution must succeed."""
        status, answer = self.call('POST', '/v1/executions', body)
        if status != 201 or b'"status":"success"' not in answer:
            raise RuntimeError(f'{status} {answer!r}')

    def send(self, body: bytes) -> None:
        """Create an execution."""
        status, answer = self.call('POST', '/v1/executions', body)
        if status != 201:
            raise RuntimeError(f'{status} {answer!r}')

    def find_runtime(self) -> str:
        """Return the id of the first runtime."""
        return self.json('GET', '/v1/runtimes')['runtimes'][0]['id']

    def create_function(self, runtime: str, code: str = HELLO) -> str:
        """Create a function ``hello``, and return the id."""
        return self.upload('POST', '/v1/functions', {'main.py': code}, {
            'runtime_id': runtime, 'code': '{"source": "package"}',
            'name': 'hello', 'entry': 'main.hello'})

    def upload(self, method: str, path: str, files: Mapping[str, str],
               fields: Mapping[str, str]) -> str:
        """Send a form with a package, and return the id of the function.

        :param files: texts by name in the package.
        """
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, 'w') as archive:
            for name, text in files.items():
                archive.writestr(name, text)
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name='
        parts = ''.join(f'{head}"{name}"\r\n\r\n{value}\r\n'
                        for name, value in fields.items())
        body = (f'{parts}{head}"package"; filename="hello.zip"\r\n\r\n'
                .encode() + packed.getvalue()
                + f'\r\n--{BOUNDARY}--\r\n'.encode())
        status, answer = self.call(
            method, path, body, f'multipart/form-data; boundary={BOUNDARY}')
        if status >= 300:
            raise RuntimeError(answer)
        return json.loads(answer)['id']

    def get_capacity(self, runtime: str) -> dict[str, int]:
        """Return ``{"total", "available"}`` of a pool."""
        return self.json('GET', f'/v1/runtimes/{runtime}/pool')['capacity']

    def wait_for_pool(self, runtime: str, workers: int) -> None:
        """Wait for idle workers in a pool."""
        while self.get_capacity(runtime)['available'] < workers:
            time.sleep(0.01)


def build_request(function: str, **fields: object) -> bytes:
    """Return the body that runs the function ``hello``."""
    return json.dumps({'function_id': function, 'input': '{"name": "Bench"}',
                       **fields}).encode()


@dataclasses.dataclass
class Server:
    """Running qinling-standalone."""

    pid: int
    url: str
    #: State directory.
    directory: str


@contextlib.contextmanager
def run_server(config: str = '', prelude: str = '') -> Iterator[Server]:
    """Run a server during a ``with`` statement.

    :param config: text of a configuration file.
    :param prelude: code to run in the process before the server.
    """
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory, 'bench.conf')
        path.write_text(config)
        code = (f'{prelude}\nfrom qinling.cmd import standalone\n'
                'standalone.main()')
        process = subprocess.Popen(
            [sys.executable, '-c', code, '--state-dir', directory, '--port',
             '0', '--runtimes', 'python3', '--config-file', str(path)],
            stderr=subprocess.PIPE)
        try:
            yield Server(process.pid, _wait_for_url(process, directory),
                         directory)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def _wait_for_url(process: 'subprocess.Popen[bytes]', directory: str) -> str:
    log: list[bytes] = []
    assert process.stderr is not None
    reader = threading.Thread(
        target=log.extend, args=(process.stderr,), daemon=True)
    reader.start()
    endpoint = pathlib.Path(directory, 'endpoint')
    while not endpoint.exists():
        if process.poll() is not None:
            reader.join()
            sys.exit(b''.join(log).decode())
        time.sleep(0.02)
    return endpoint.read_text().strip()
