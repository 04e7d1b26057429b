# SPDX-License-Identifier: Apache-2.0
"""Tests of several engines, and of slow functions."""

import os
import signal
import threading

from oslotest import base

from qinling.tests.functional import base as servers
from qinling.tests.functional import processes

SLEEPER = ('import time\n\n\ndef main(seconds=0, **kwargs):\n'
           '    time.sleep(seconds)\n    return seconds\n')


class TestEngines(base.BaseTestCase):
    """Tests of two engines with separate workers."""

    def test_answers_are_combined(self):
        cloud = self.useFixture(servers.Cloud(
            engines=2, process={'pool_size': 2}, engine={'threads': 12}))
        client = cloud.client
        function = client.create(SLEEPER, timeout=60)['id']
        pool = f'/v1/runtimes/{client.runtime()}/pool'

        def capacity():
            return client.get(pool)['capacity']
        servers.wait_for(lambda: capacity() == {
            'total': 4, 'available': 4}, 'both pools')
        for _ in range(20):
            # An API prefers one engine until that has eight.
            client.run(function, {'seconds': 6}, sync=False)
        servers.wait_for(lambda: all(map(cloud.owned_by, cloud.engines)),
                         'work of both engines')
        path = f'/v1/functions/{function}'

        def workers():
            return len(client.get(f'{path}/workers')['workers'])
        servers.wait_for(lambda: workers() >= 4, 'workers')

        def scale_down():
            # Executions that still wait may start further workers.
            client.call('POST', f'{path}/scale_down', {'count': 9})
            return workers() == 1
        servers.wait_for(scale_down, 'one worker')
        self.check_bad_image(client)
        servers.wait_for(lambda: capacity() == {
            'total': 5, 'available': 4}, 'the worker beside both pools')
        cloud.engines[0].stop()
        servers.wait_for(lambda: capacity() == {
            'total': 2 + workers(), 'available': 2}, 'one pool')

    def check_bad_image(self, client):
        """Check that an image which no engine has changes nothing."""
        runtime = f'/v1/runtimes/{client.runtime()}'
        image = client.get(runtime)['image']
        self.assertEqual(200, client.call(
            'PUT', runtime, {'image': 'python3.99'})[0])

        def row():
            present = client.get(runtime)
            return present['status'] == 'available' and present
        present = servers.wait_for(row, 'the earlier image')
        self.assertEqual(image, present['image'])
        self.assertIn('python3.99', present['status_reason'])


class TestWorkers(base.BaseTestCase):
    """Tests of several engines of one program."""

    def test_dead_engines_are_restarted(self):
        cloud = self.useFixture(servers.Cloud(
            engine={'workers': 2, 'lease': 3, 'sweep_interval': 1},
            process={'pool_size': 1}))
        program = cloud.engines[0]

        def engines():
            return set(cloud.database.execute(
                'SELECT id FROM engines WHERE seen_at > '
                'utc_timestamp() - INTERVAL 3 SECOND').scalars())
        first = servers.wait_for(
            lambda: len(engines()) == 2 and engines(), 'two engines')
        function = cloud.client.create(SLEEPER, timeout=60)['id']
        cloud.client.run(function, {'seconds': 0})
        children = processes.children(program.process.pid)
        program.process.send_signal(signal.SIGHUP)
        servers.wait_for(
            lambda: program.log.read_text().count(
                'Reloaded the configuration') == 2,
            'both to read the configuration')
        self.assertEqual([], [pid for pid in children
                              if not processes.alive(pid)])
        victim = sorted(first)[0]
        os.kill(int(victim.split('-')[-2]), signal.SIGKILL)
        servers.wait_for(
            lambda: len(engines()) == 2 and victim not in engines(),
            'another engine')
        row = cloud.client.run(function, {'seconds': 0}, sync=False)
        self.assertEqual(
            'success', cloud.client.wait_for_end(row['id'])['status'])
        children = processes.descendants(program.process.pid)
        self.assertEqual(0, program.stop())
        self.assertFalse([pid for pid in children if processes.alive(pid)])
        self.assertEqual(set(), engines())


class TestSlowFunction(base.BaseTestCase):
    """Tests of a flood of one function beside another function."""

    def setUp(self):
        super().setUp()
        self.cloud = self.useFixture(servers.Cloud(
            api={'threads': 12}, engine={'threads': 12}))
        self.client = self.cloud.client
        self.slow = self.client.create(SLEEPER, timeout=60)['id']
        self.quick = self.client.create(
            'def main(**kwargs): return "quick"\n')['id']

    def is_quick(self):
        for sync in (True, False):
            row = self.client.run(self.quick, sync=sync)
            row = self.client.wait_for_end(row['id'])
            self.assertEqual('success', row['status'], row)

    def test_asynchronous(self):
        rows = [self.client.run(self.slow, {'seconds': 3}, sync=False)
                for _ in range(40)]
        servers.wait_for(lambda: self.cloud.owned_by(
            self.cloud.engines[0]) == 8, 'work')
        self.is_quick()
        # Some of the slow ones still wait, and all of them come to an end.
        self.assertEqual('running', self.client.get(
            f'/v1/executions/{rows[-1]["id"]}')['status'])
        for row in rows:
            self.assertEqual(
                'success', self.client.wait_for_end(row['id'])['status'])

    def test_synchronous(self):
        answers = []

        def call():
            answers.append(self.client.call('POST', '/v1/executions', {
                'function_id': self.slow, 'input': {'seconds': 5}}))
        threads = [threading.Thread(target=call) for _ in range(12)]
        for thread in threads:
            thread.start()
        # More than its share is refused at once.
        servers.wait_for(lambda: len(answers) >= 4, 'refusals')
        self.assertEqual([429] * 4, [status for status, _ in answers[:4]])
        self.is_quick()
        for thread in threads:
            thread.join()
        self.assertEqual(8, sum(
            status == 201 and row['status'] == 'success'
            for status, row in answers))
