# SPDX-License-Identifier: Apache-2.0
"""Count the function calls of a synchronous execution.

Times depend on the machine and its load; the number of calls, of Python and
of C, does not.  One thread runs the whole service of ``qinling-standalone``
without the web server: the API, the engine and the database.  The worker is
another process, and does not count.  With ``--direct``, the API reaches the
engine over a socket, as the further processes of a server do; the calls of
both sides count.  With ``--password``, the caller has a name and a password,
and policies are checked.  With ``--webhook``, a delivery to a synchronous
webhook runs the function.

Exit with code 1 if an execution takes more calls than ``--max``.
"""

import argparse
import base64
import cProfile
import http
import io
import json
import math
import pathlib
import pstats
import socket
import sys
import tempfile
import threading
import typing
import zipfile

import bcrypt
from oslo_config import cfg
import webob

from qinling.api import app
from qinling.cmd import process
from qinling.cmd import standalone
from qinling.core import engine_client
from qinling.core import services
from qinling.db import migration
from qinling.db import session
from qinling.engine import endpoint
from qinling.engine import service
from qinling import policy
from qinling.rpc import direct as direct_module
from qinling.rpc import direct_server

WARM_UP_EXECUTIONS, EXECUTIONS = 20, 50
#: Calls with API and engine in one process, and over a socket.
BUDGET, DIRECT_BUDGET = 495, 550
#: Further calls with a password.
PASSWORD_BUDGET = 60
#: Calls of a delivery to a webhook.
WEBHOOK_BUDGET = 1020
USER = PASSWORD = 'bench'
BOUNDARY = 'boundary'
SOURCE = 'def main(name="", **_):\n    return f"hello {name}"\n'


class Service:
    """API and engine of one process, in a temporary directory.

    :param direct: the API reaches the engine over a socket.
    :param password: callers need a password.
    """

    def __init__(self, state: pathlib.Path, direct: bool, password: bool
                 ) -> None:
        conf = process.configure([], 'qinling-standalone', '',
                                 standalone.OPTS)
        for group, name, value in (
                ('database', 'connection', f'sqlite:///{state}/qinling.db'),
                ('storage', 'file_system_dir', str(state / 'packages'))):
            conf.set_override(name, value, group=group)
        self._authorization = ''
        if password:
            self._authorization = _require_password(conf, state)
        db = session.Database(conf)
        migration.upgrade(db)
        backends = services.create_backends(conf, db)
        workers = state / 'workers'
        workers.mkdir(mode=0o700)
        self.engine = service.Engine(
            conf, db, process.create_orchestrator(conf, str(workers)),
            backends)
        client: engine_client.EngineClient = self.engine
        if direct:
            client = _connect(state, self.engine)
        core = process.create_services(conf, db, client, backends)
        core.runtimes.register({'python3': 'python3'})
        self.app = app.create_app(core, process.load_strategy(
            conf, conf.host, '--host'))
        self.engine.start_service(alone=True)

    def request(self, method: str, path: str, body: bytes = b'',
                content_type: str = 'application/json') -> typing.Any:
        """Return the JSON answer to a request."""
        request = webob.Request.blank(path, method=method, body=body,
                                      content_type=content_type)
        request.headers['Authorization'] = self._authorization
        response = request.get_response(self.app)
        if response.status_int >= http.HTTPStatus.BAD_REQUEST:
            sys.exit(f'{method} {path}: {response.text}')
        return response.json

    def create_function(self) -> str:
        """Return the id of a new function."""
        runtime = self.request('GET', '/v1/runtimes')['runtimes'][0]['id']
        package = io.BytesIO()
        with zipfile.ZipFile(package, 'w') as archive:
            archive.writestr('main.py', SOURCE)
        parts = [('"runtime_id"', runtime.encode()),
                 ('"code"', b'{"source": "package"}'),
                 ('"package"; filename="p.zip"', package.getvalue())]
        body = b''.join(
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name={name}'
            '\r\n\r\n'.encode() + value + b'\r\n' for name, value in parts)
        id: str = self.request(
            'POST', '/v1/functions', body + f'--{BOUNDARY}--\r\n'.encode(),
            f'multipart/form-data; boundary={BOUNDARY}')['id']
        return id

    def create_webhook(self, function: str) -> str:
        """Return the path of a new webhook."""
        id: str = self.request('POST', '/v1/webhooks', json.dumps(
            {'function_id': function, 'sync': True}).encode())['id']
        return f'/v1/webhooks/{id}/invoke'

    def execute(self, body: bytes, path: str) -> None:
        """Run an execution as the web server would."""
        statuses: list[str] = []
        environ: typing.Any = {
            'REQUEST_METHOD': 'POST', 'PATH_INFO': path,
            'QUERY_STRING': '', 'CONTENT_TYPE': 'application/json',
            'CONTENT_LENGTH': str(len(body)), 'HTTP_HOST': 'localhost',
            'SERVER_NAME': 'localhost', 'SERVER_PORT': '7070',
            'SCRIPT_NAME': '', 'wsgi.url_scheme': 'http',
            'HTTP_AUTHORIZATION': self._authorization,
            'wsgi.input': io.BytesIO(body)}

        def start_response(status: str, _headers: typing.Any,
                           _error: typing.Any = None) -> typing.Any:
            statuses.append(status)
        b''.join(self.app(environ, start_response))
        if not statuses[0].startswith('20'):
            sys.exit(f'The execution ended with status {statuses[0]}.')


def _require_password(conf: cfg.ConfigOpts, state: pathlib.Path) -> str:
    """Return the header of the only user.

    No decision of a policy expires, so the count does not depend on time.
    """
    policy.DECISION_SECONDS = math.inf
    users = state / 'users'
    users.write_bytes(b'%b:%b\n' % (USER.encode(), bcrypt.hashpw(
        PASSWORD.encode(), bcrypt.gensalt(4))))
    users.chmod(0o600)
    conf.set_override('auth_strategy', 'http_basic', group='api')
    conf.set_override('user_file', str(users), group='http_basic')
    return 'Basic ' + base64.b64encode(
        f'{USER}:{PASSWORD}'.encode()).decode()


def _connect(state: pathlib.Path, engine: service.Engine
             ) -> direct_module.EngineClient:
    """Return a client of an engine that listens at a socket."""
    path = str(state / 'engine.sock')
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    direct_server.Server(listener, endpoint.Endpoint(engine, None),
                         engine.owner).start()
    return direct_module.EngineClient(path)


class EngineThreads:
    """Count of the calls in threads of an engine behind a socket.

    The threads must start during the block.
    """

    def __init__(self) -> None:
        self.calls = 0
        self.is_counting = False

    def __enter__(self) -> 'EngineThreads':
        threading.setprofile(self._count)
        return self

    def __exit__(self, *_error: object) -> None:
        threading.setprofile(None)

    def _count(self, _frame: object, event: str, _value: object) -> None:
        if (self.is_counting and event in ('call', 'c_call')
                and threading.current_thread().name == direct_server.THREAD):
            self.calls += 1


def count_calls(running: Service, webhook: bool) -> float:
    """Return the number of calls of one warm execution.

    :param webhook: a webhook runs the function.
    """
    function, values = running.create_function(), {'name': 'you'}
    with EngineThreads() as threads:
        if webhook:
            return _count_calls(running, threads,
                                running.create_webhook(function), values)
        return _count_calls(running, threads, '/v1/executions', {
            'function_id': function, 'input': values})


def _count_calls(running: Service, threads: EngineThreads, path: str,
                 values: dict[str, typing.Any]) -> float:
    body = json.dumps(values).encode()
    for _ in range(WARM_UP_EXECUTIONS):
        running.execute(body, path)
    profile = cProfile.Profile()
    threads.is_counting = True
    profile.enable()
    for _ in range(EXECUTIONS):
        running.execute(body, path)
    profile.disable()
    threads.is_counting = False
    statistics: typing.Any = pstats.Stats(profile)
    calls: float = (statistics.total_calls + threads.calls) / EXECUTIONS
    return calls


def main() -> None:
    """Print the number of calls; compare it with the budget."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--max', type=int,
                        help='calls that an execution may take')
    parser.add_argument('--direct', action='store_true',
                        help='reach the engine over a socket')
    parser.add_argument('--password', action='store_true',
                        help='check a password and policies')
    parser.add_argument('--webhook', action='store_true',
                        help='run the function by a webhook')
    arguments = parser.parse_args()
    budget = arguments.max or (
        (WEBHOOK_BUDGET if arguments.webhook
         else DIRECT_BUDGET if arguments.direct else BUDGET)
        + (PASSWORD_BUDGET if arguments.password else 0))
    with tempfile.TemporaryDirectory() as directory:
        running = Service(pathlib.Path(directory), arguments.direct,
                          arguments.password)
        try:
            calls = count_calls(running, arguments.webhook)
        finally:
            running.engine.stop_service()
    print(f'{calls:.0f} calls per execution, at most {budget} allowed')
    sys.exit(calls > budget)


if __name__ == '__main__':
    main()
