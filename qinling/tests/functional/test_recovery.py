# SPDX-License-Identifier: Apache-2.0
"""Tests of stopped, killed and restarted servers."""

import contextlib
import http.client
import subprocess
import sys
import threading

import fixtures
from oslotest import base

from qinling.tests.functional import base as servers
from qinling.tests.functional import loads
from qinling.tests.functional import processes

SLEEPER = ('import time\n\n\ndef main(seconds, **kwargs):\n'
           '    time.sleep(seconds)\n    return seconds\n')
FINAL = {'success', 'failed', 'error'}


class TestStandalone(base.BaseTestCase):
    """Tests of stopping and killing the standalone server."""

    def setUp(self):
        super().setUp()
        self.server = self.useFixture(servers.Standalone())
        self.client = self.server.client

    def test_stop_is_clean(self):
        function = self.client.create(loads.WAITER, timeout=300)['id']
        rows = []

        def run():
            with contextlib.suppress(OSError, http.client.HTTPException):
                rows.append(self.client.run(function, {'seconds': 290}))
        waiting = threading.Thread(target=run)
        waiting.start()
        servers.wait_for(self.server.sleepers, 'the function')
        execution = self.client.run(function, {'seconds': 0.5}, sync=False)
        workers = self.server.processes()
        self.assertEqual(0, self.server.program.stop())
        waiting.join(servers.PATIENCE)
        self.assertEqual(['error'], [row['status'] for row in rows], rows)
        self.assertIn('stopped', servers.output(rows[0]))
        self.assertFalse([pid for pid in workers if processes.alive(pid)])
        self.assertFalse((self.server.state / 'endpoint').exists())
        self.server.restart()
        row = self.server.client.wait_for_end(execution['id'])
        self.assertEqual('success', row['status'], row)

    def test_more_executions_than_the_memory_of_the_queue(self):
        server = self.useFixture(servers.Standalone(engine={
            'queue_size': 1, 'threads': 1, 'sweep_interval': 1}))
        client = server.client
        function = client.create(SLEEPER, timeout=300)['id']
        first = client.run(function, {'seconds': 290}, sync=False)
        rows = [client.run(function, {'seconds': 0, 'rest': 'x' * 400000},
                           sync=False) for _ in range(6)]
        client.call('POST', f'/v1/executions/{first["id"]}/cancel')
        for row in rows:
            row = client.wait_for_end(row['id'])
            self.assertEqual('success', row['status'], row)
        self.assertIn('which no engine had claimed',
                      server.program.log.read_text())

    def test_kill_in_mid_load_loses_nothing(self):
        function = self.client.create(SLEEPER)['id']
        accepted, lock = {}, threading.Lock()

        def load(sync):
            with contextlib.suppress(OSError, http.client.HTTPException,
                                     AssertionError):
                while True:
                    row = self.client.run(
                        function, {'seconds': 0.05}, sync=sync)
                    with lock:
                        accepted[row['id']] = sync
        threads = [threading.Thread(target=load, args=(sync,))
                   for sync in (True, True, False)]
        for thread in threads:
            thread.start()
        servers.wait_for(lambda: len(accepted) > 60, 'load')
        workers = self.server.processes()
        self.server.program.kill()
        for thread in threads:
            thread.join(servers.PATIENCE)
        servers.wait_for(
            lambda: not [pid for pid in workers if processes.alive(pid)],
            'the end of all workers')
        self.server.restart()
        client = self.server.client

        def rows():
            return client.get('/v1/executions')['executions']
        servers.wait_for(
            lambda: all(row['status'] in FINAL for row in rows()),
            'the end of all executions')
        by_id = {row['id']: row for row in rows()}
        self.assertLessEqual(set(accepted), set(by_id))
        for row in by_id.values():
            if not row['sync']:
                self.assertEqual('success', row['status'], row)
            if row['status'] == 'error':
                self.assertIn('died', servers.output(row))

    def test_second_start_is_refused(self):
        second = subprocess.run(
            [sys.executable, '-c', 'from qinling.cmd import standalone; '
             'standalone.main()', '--state-dir', str(self.server.state),
             '--port', '0'], capture_output=True, text=True,
            timeout=servers.PATIENCE)
        self.assertEqual(1, second.returncode)
        self.assertIn('Another qinling-standalone uses the state directory',
                      second.stderr)
        self.assertNotIn('Traceback', second.stderr)
        self.assertEqual(200, self.client.call('GET', '/v1')[0])

    def test_port_in_use_is_explained(self):
        port = self.client.url.rpartition(':')[2]
        state = self.useFixture(fixtures.TempDir()).path
        second = self.useFixture(servers.Program(
            'standalone', '--state-dir', state, '--port', port))
        self.assertEqual(1, second.process.wait(servers.PATIENCE))
        self.assertIn('Choose another port', second.log.read_text())

    def test_unusable_state_directory(self):
        second = self.useFixture(servers.Program(
            'standalone', '--state-dir', '/dev/null/x', '--port', '0'))
        self.assertEqual(1, second.process.wait(servers.PATIENCE))
        text = second.log.read_text()
        self.assertIn('Choose another with --state-dir', text)
        self.assertNotIn('Traceback', text)

    def test_state_survives_a_restart(self):
        function = self.client.create(SLEEPER)['id']
        row = self.client.run(function, {'seconds': 0})
        self.assertEqual(0, self.server.program.stop())
        self.server.restart()
        client = self.server.client
        self.assertEqual(row, client.get(f'/v1/executions/{row["id"]}'))
        self.assertEqual(
            'success', client.run(function, {'seconds': 0})['status'])
        self.assertEqual(1, len(client.get('/v1/runtimes')['runtimes']))


class TestCloud(base.BaseTestCase):
    """Tests of killed engines in a cloud deployment."""

    def test_another_engine_takes_over(self):
        server = self.useFixture(servers.Cloud(
            engines=2, engine={'lease': 3, 'sweep_interval': 1,
                               'max_attempts': 10}))
        function = server.client.create(SLEEPER, timeout=60)['id']
        rows = [server.client.run(function, {'seconds': 3}, sync=False)
                for _ in range(6)]
        # The bus may give all executions to one engine.
        owners = []

        def find_owners():
            owners[:] = filter(server.owned_by, server.engines)
            return owners
        servers.wait_for(find_owners, 'work')
        owners[0].kill()
        for row in rows:
            ended = server.client.wait_for_end(row['id'])
            self.assertEqual('success', ended['status'], ended)
