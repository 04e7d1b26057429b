# SPDX-License-Identifier: Apache-2.0
"""Tests of guarded rollouts on a real server."""

import threading

from oslotest import base

from qinling.tests.functional import base as servers
from qinling.tests.functional import shells

BAD = ('import random\n'
       'def main(**kwargs):\n'
       '    if random.random() < 0.5:\n'
       '        raise ValueError("the new code fails")\n')


class TestRollouts(shells.Case):
    def create(self, name, new_code):
        """Create an alias at version 1 of a function with two versions."""
        directory = self.directory / name
        directory.mkdir()
        (directory / 'main.py').write_text('def main(**kwargs): return 1\n')
        self.shell.run('function create', '--name', name, '--runtime',
                       'python3', '--file', name)
        self.shell.run('function version create', name)
        (directory / 'main.py').write_text(new_code)
        self.shell.run('function update', name, '--file', name)
        self.shell.run('function version create', name)
        self.shell.run('function alias create', name, '--function', name,
                       '--function-version', 1)

    def call_until(self, stopped, name):
        while not stopped.is_set():
            self.client.call('POST', '/v1/executions', {
                'function_alias': name, 'sync': True})

    def roll_out(self, name, *words, code):
        """Start a rollout to version 2 under load, and wait for its end."""
        stopped = threading.Event()
        caller = threading.Thread(target=self.call_until,
                                  args=(stopped, name))
        caller.start()
        try:
            return self.shell.run(
                'function rollout start', name, '--to', 2, '--weight', 0.5,
                '--min-time', '1s', '--wait', *words, code=code)
        finally:
            stopped.set()
            caller.join()

    def test_bad_version(self):
        self.create('bad', BAD)
        out = self.roll_out('bad', '--min-executions', 1_000_000, code=1)
        self.assertIn('rolled_back', out)
        self.assertIn('The guard of errors does not hold',
                      self.shell.errors)
        alias = self.shell.json('function alias show', 'bad')
        self.assertEqual((1, None), (alias['function_version'],
                                     alias['routing']))
        self.assertIn('The guard of errors', self.shell.run(
            'function alias history', 'bad'))

    def test_good_version(self):
        self.create('good', 'def main(**kwargs): return 2\n')
        out = self.roll_out('good', '--min-executions', 20, '--guards',
                            '{"errors": {}}', code=0)
        self.assertIn('succeeded', out)
        alias = self.shell.json('function alias show', 'good')
        self.assertEqual(2, alias['function_version'])

    def test_decisions(self):
        self.create('decided', 'def main(**kwargs): return 2\n')

        def status(command, *words):
            return self.shell.json(command, 'decided', *words)['status']
        start = 'function rollout start', '--to', 2
        self.assertEqual('running', status(*start))
        self.assertEqual('paused', status('function rollout pause'))
        self.assertEqual('running', status('function rollout resume'))
        self.assertIn('decided: version 1 to 2, running', self.shell.run(
            'function alias show', 'decided'))
        self.assertEqual('aborted', status('function rollout abort'))
        self.assertEqual('running', status(*start))
        self.assertEqual('succeeded', status('function rollout promote'))
        self.assertEqual('succeeded', status('function rollout show'))
        self.assertIn('is succeeded', self.shell.fails(
            'function rollout abort', 'decided'))


class TestKilledServer(base.BaseTestCase):
    """Test of a rollout whose server is killed."""

    def setUp(self):
        super().setUp()
        self.server = self.useFixture(servers.Standalone())
        self.client = self.server.client
        function = self.client.create('def main(**kwargs): return 1\n')['id']
        for _ in range(2):
            self.post(f'/v1/functions/{function}/versions', {})
        self.post('/v1/aliases', {'name': 'prod', 'function_id': function,
                                  'function_version': 1})

    def post(self, path, value):
        status, answer = self.client.call('POST', path, value)
        self.assertEqual(201, status, answer)
        return answer

    def run_until(self, condition):
        """Run executions until a condition holds for the rollout."""
        def run():
            self.post('/v1/executions', {'function_alias': 'prod'})
            rollout = self.client.get('/v1/aliases/prod/rollout')
            return condition(rollout) and rollout
        return servers.wait_for(run, 'the rollout')

    def test_rollout_continues_after_a_kill(self):
        self.post('/v1/aliases/prod/rollout', {
            'function_version': 2, 'steps': [
                {'weight': weight, 'min_executions': 5, 'min_time': 1}
                for weight in (0.3, 0.6)]})
        before = self.run_until(lambda rollout: rollout['step'] >= 2)
        self.server.program.kill()
        self.server.restart()
        self.client = self.server.client
        after = self.client.get('/v1/aliases/prod/rollout')
        self.assertGreaterEqual(after['step'], before['step'])
        for version in ('old', 'new'):
            self.assertGreaterEqual(after['errors'][version]['count'],
                                    before['errors'][version]['count'])
        self.run_until(lambda rollout: rollout['status'] == 'succeeded')
        self.assertEqual(2, self.client.get('/v1/aliases/prod')[
            'function_version'])
        # Each step was taken once.
        self.assertEqual(
            ['succeeded', 'step 2 of 2', 'step 1 of 2'],
            [entry['reason'].split('.')[0].split(', ')[1]
             for entry in self.client.get('/v1/aliases/prod/history')[
                 'history'] if entry['reason']])
