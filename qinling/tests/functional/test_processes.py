# SPDX-License-Identifier: Apache-2.0
"""A standalone server of several processes."""

import concurrent.futures
import contextlib
import http.client
import itertools
import json
import os
import pathlib
import signal
import threading
import urllib.request

import bcrypt
from oslotest import base

from qinling.tests.functional import base as servers
from qinling.tests.functional import processes
from qinling.tests.functional import test_http_basic
from qinling.tests import ports

PROCESSES = 3
ECHO = 'def main(value=None, **kwargs):\n    return value\n'
#: Clients that are connected at the same time, more than the main process
#: keeps.
CLIENTS = 8


def children(server):
    """Return the processes of a server by name: main, and the list of APIs.

    The main process is the parent of all workers.
    """
    pids = processes.children(server.program.process.pid)
    mains = [pid for pid in pids if processes.children(pid)]
    assert len(mains) == 1, (pids, mains)
    return mains[0], [pid for pid in pids if pid != mains[0]]


class Connection:
    """Client that keeps one connection."""

    def __init__(self, server, headers=()):
        url = urllib.parse.urlsplit(server.client.url)
        self._headers = {'Content-Type': 'application/json', **dict(headers)}
        self._connection = http.client.HTTPConnection(
            url.hostname, url.port, timeout=servers.PATIENCE)
        self._connection.connect()
        self.close = self._connection.close

    def call(self, method, path, value=None):
        """Return status and decoded body."""
        self._connection.request(
            method, path, None if value is None else json.dumps(value),
            self._headers)
        answer = self._connection.getresponse()
        return answer.status, json.loads(answer.read() or 'null')

    def run(self, function, value, **fields):
        """Return status and row of an execution."""
        return self.call('POST', '/v1/executions', {
            'function_id': function, 'input': json.dumps({'value': value}),
            **fields})


class Load:
    """Executions from several clients at the same time.

    :ivar accepted: execution -> value that it returns.
    :ivar refused: status and body of other answers.
    """

    def __init__(self, server, function):
        self._server = server
        self._function = function
        self._stop = threading.Event()
        self.accepted, self.refused = {}, []

    @contextlib.contextmanager
    def running(self):
        """Run executions during a block."""
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
            clients = [pool.submit(self._run, number)
                       for number in range(CLIENTS)]
            try:
                yield
            finally:
                self._stop.set()
        for client in clients:
            client.result()

    def wait_for_more(self):
        """Wait until further executions were accepted."""
        count = len(self.accepted)
        servers.wait_for(lambda: len(self.accepted) > count + 100,
                         'executions')

    def _run(self, number):
        connection = None
        for count in itertools.count():
            if self._stop.is_set():
                break
            try:
                connection = connection or Connection(self._server)
                self._run_one(connection, f'{number}-{count}',
                              bool(count % 2))
            except (OSError, http.client.HTTPException):
                # The process was killed, or closed an idle connection.
                connection = None
        if connection is not None:
            connection.close()

    def _run_one(self, connection, value, sync):
        status, row = connection.run(self._function, value, sync=sync)
        if status == 201:
            self.accepted[row['id']] = value
        else:
            self.refused.append((status, row))


class ProcessesTest(base.BaseTestCase):
    def start(self, **config):
        self.server = self.useFixture(servers.Standalone(
            DEFAULT={'runtimes': 'python3', 'processes': PROCESSES},
            **config))
        self.client = self.server.client
        return self.server

    def connect_all(self, headers=()):
        """Return clients of all processes."""
        connections = [Connection(self.server, headers)
                       for _ in range(CLIENTS)]
        for connection in connections:
            self.addCleanup(connection.close)
        return connections


class TestProcesses(ProcessesTest):
    def setUp(self):
        super().setUp()
        self.start()

    def test_every_process_does_everything(self):
        for number, connection in enumerate(self.connect_all()):
            function = self.client.create(ECHO)['id']
            for fields in ({}, {'sync': False}):
                status, row = connection.run(function, number, **fields)
                self.assertEqual(201, status, row)
                row = self.client.wait_for_end(row['id'])
                self.assertEqual(number, servers.output(row))
            path = f'/v1/functions/{function}'
            self.assertEqual(202, connection.call(
                'POST', f'{path}/scale_up', {'count': 1})[0])
            servers.wait_for(lambda: len(connection.call(
                'GET', f'{path}/workers')[1]['workers']) == 2, 'the worker')
            self.assertEqual(202, connection.call(
                'POST', f'{path}/detach')[0])
            status, version = connection.call(
                'POST', f'{path}/versions', {})
            self.assertEqual(201, status, version)
            status, row = connection.run(function, 'x', function_version=1)
            self.assertEqual('x', servers.output(row))

    def test_a_change_is_seen_by_all_at_once(self):
        function = self.client.create(ECHO)['id']
        path = f'/v1/functions/{function}/versions'
        for _ in range(2):
            self.assertEqual(201, self.client.call('POST', path, {})[0])
        self.client.call('POST', '/v1/aliases', {
            'name': 'prod', 'function_id': function, 'function_version': 1})
        connections = self.connect_all()
        for turn in range(20):
            version = 1 + turn % 2
            status, _ = connections[turn % CLIENTS].call(
                'PUT', '/v1/aliases/prod', {'function_version': version})
            self.assertEqual(200, status)
            for connection in connections:
                _, row = connection.call('POST', '/v1/executions', {
                    'function_alias': 'prod'})
                self.assertEqual(version, row['function_version'], row)

    def test_quotas_hold_over_all_processes(self):
        self.assertEqual(200, self.client.call(
            'PUT', '/v1/quotas/default', {'concurrent_executions': 0})[0])
        function = self.client.create(ECHO)['id']
        for connection in self.connect_all():
            self.assertEqual(403, connection.run(function, 1)[0])

    def test_killed_processes_lose_no_accepted_execution(self):
        load = Load(self.server, self.client.create(ECHO)['id'])
        with load.running():
            for kind in ('api', 'main', 'api', 'main'):
                load.wait_for_more()
                main, apis = children(self.server)
                self.kill(main if kind == 'main' else apis[0])
            load.wait_for_more()
        # 503 while the engine restarts, 500 if it died with an execution of
        # which nothing is stored.
        for status, body in load.refused:
            self.assertIn(status, (500, 503))
            if status == 500:
                self.assertIn('may have started', body['faultstring'])
        for id, value in load.accepted.items():
            row = self.client.wait_for_end(id)
            if row['status'] == 'success':
                self.assertEqual(value, servers.output(row))
            else:
                # The engine died with a synchronous execution.
                self.assertEqual(('error', True),
                                 (row['status'], row['sync']), row)

    def kill(self, pid):
        """Kill a process, and wait for its successor."""
        os.kill(pid, signal.SIGKILL)
        servers.wait_for(lambda: not processes.alive(pid), 'the end')
        servers.wait_for(lambda: len(processes.children(
            self.server.program.process.pid)) == PROCESSES, 'the restart')

    def test_a_stop_refuses_no_request(self):
        load = Load(self.server, self.client.create(ECHO)['id'])
        with load.running():
            load.wait_for_more()
            self.assertEqual(0, self.server.program.stop())
        self.assertEqual([], load.refused)

    def test_a_killed_supervisor_ends_all(self):
        main, apis = children(self.server)
        self.server.program.kill()
        for pid in (main, *apis):
            servers.wait_for(lambda: not processes.alive(pid), 'the end')
        self.server.restart()
        self.assertEqual(200, self.server.client.call('GET', '/v1')[0])


class TestCounts(ProcessesTest):
    def test_wrong_passwords_count_in_all_processes(self):
        hashed = bcrypt.hashpw(b'right', bcrypt.gensalt(4)).decode()
        path = self.create_tempfiles([('htpasswd', f'ada:{hashed}\n')], '')[0]
        server = servers.Standalone(
            DEFAULT={'runtimes': 'python3', 'processes': PROCESSES},
            api={'auth_strategy': 'http_basic'},
            http_basic={'user_file': path})
        self.server = self.useFixture(server)
        right = self.connect_all(test_http_basic.header('ada', 'right'))
        statuses = [connection.call('GET', '/v1/functions')[0]
                    for connection in right]
        self.assertEqual([200] * CLIENTS, statuses)
        statuses = [connection.call('GET', '/v1/functions')[0] for connection
                    in self.connect_all(
                        test_http_basic.header('ada', 'wrong'))]
        # Five failures of a name are free.
        self.assertEqual([401] * 5 + [429] * (CLIENTS - 5), [
            401 if status == 401 else status for status in statuses])

    def test_deliveries_count_in_all_processes(self):
        self.start(webhooks={'rate_limit': '5/hour'})
        function = self.client.create(ECHO)['id']
        _, webhook = self.client.call('POST', '/v1/webhooks',
                                      {'function_id': function})
        path = f'/v1/webhooks/{webhook["id"]}/invoke'
        statuses = [connection.call('POST', path, {})[0]
                    for connection in self.connect_all()]
        self.assertEqual([202] * 5 + [429] * (CLIENTS - 5), statuses)

    def test_metrics_are_sums(self):
        port = ports.free()
        self.start(metrics={'api_port': port})
        function = self.client.create(ECHO)['id']
        for connection in self.connect_all():
            self.assertEqual(201, connection.run(function, 1)[0])
        with urllib.request.urlopen(
                f'http://127.0.0.1:{port}/metrics') as answer:
            lines = answer.read().decode().splitlines()
        counts = [line for line in lines if line.startswith(
            'qinling_api_request_duration_seconds_count')
            and 'route="/v1/executions"' in line and '"POST"' in line]
        self.assertEqual(CLIENTS, sum(
            float(line.rpartition(' ')[2]) for line in counts), lines)
        self.assertTrue(pathlib.Path(
            self.server.state / 'metrics').is_dir())
