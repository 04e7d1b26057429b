# SPDX-License-Identifier: Apache-2.0
"""Tests of the commands for rollouts."""

import json

from qinling.tests.unit.client import stub
from qinling.tests.unit.client import test_runs

ID = '11111111-2222-4333-8444-555555555555'


def rollout(**fields):
    """Return a rollout."""
    return {'id': ID, 'alias': 'prod', 'function_id': ID, 'from_version': 1,
            'function_version': 2, 'status': 'running',
            'status_reason': None, 'step': 1, 'step_executions': 20,
            'step_started_at': '2026-01-01T00:00:00Z',
            'created_at': '2026-01-01T00:00:00Z',
            'steps': [
                {'weight': 0.25, 'min_executions': 50, 'min_time': 60},
                {'weight': 0.5, 'min_executions': 50, 'min_time': 60}],
            'guards': {'errors': {}}, 'on_breach': 'rollback',
            'errors': {'old': {'count': 60, 'hits': 0},
                       'new': {'count': 20, 'hits': 1}},
            'latency': None, **fields}


class TestRollouts(test_runs.Case):
    def test_start(self):
        out = self.run_command(
            'function rollout start prod --to 2 --weight 0.25 --weight 0.5 '
            '--min-time 2m --on-breach pause --guards {"errors":{}}',
            rollout())
        self.assertEqual(
            {'function_version': 2, 'on_breach': 'pause',
             'guards': {'errors': {}},
             'steps': [{'weight': 0.25, 'min_time': 120},
                       {'weight': 0.5, 'min_time': 120}]}, self.body())
        self.assertEqual(
            'prod: version 1 to 2, running, step 1 of 2\n'
            f'  version 1    {"#" * 30}            75%  0.0% failed of 60 '
            'executions\n'
            f'  version 2    {"#" * 10}                                25%  '
            '5.0% failed of 20 executions\n'
            'The next step needs 30 more executions of version 2.\n',
            out.replace('█', '#'))
        self.assertIn('Next: qinling function rollout show prod',
                      self.errors)

    def test_defaults_are_those_of_the_server(self):
        self.run_command('function rollout start prod --to 2', rollout())
        self.assertEqual({'function_version': 2}, self.body())
        self.run_command(
            'function rollout start prod --to 2 --min-executions 9',
            rollout())
        self.assertEqual({'min_executions': 9}, self.body()['steps'])

    def test_gate(self):
        for words, fields in (
                ('--requires-replay', {'requires_replay': True}),
                (f'--requires-replay {ID} --max-differences 3',
                 {'requires_replay': ID, 'max_differences': 3})):
            self.run_command(f'function rollout start prod --to 2 {words}',
                             rollout())
            self.assertEqual({'function_version': 2, **fields}, self.body())

    def test_wait(self):
        reason = 'The guard of errors does not hold: failures.'
        out = self.run_command(
            'function rollout start prod --to 2 --wait', rollout(),
            rollout(step=2),
            rollout(status='rolled_back', status_reason=reason), code=1)
        self.assertIn('Step 2 of 2: 50% of the executions run version 2.',
                      self.errors)
        self.assertIn(f'The rollout is rolled_back: {reason}', self.errors)
        self.assertIn('100%  0.0% failed', out)

    def test_changes(self):
        for verb, status in (('pause', 'paused'), ('resume', 'running'),
                             ('promote', 'succeeded'),
                             ('abort', 'aborted')):
            out = self.run_command(f'function rollout {verb} prod',
                                   rollout(status=status))
            self.assertEqual([f'POST /v1/aliases/prod/rollout/{verb}'],
                             self.paths)
            self.assertIn(status, out)

    def test_show(self):
        row = json.loads(self.run_command(
            'function rollout show prod -f json', rollout()))
        self.assertEqual('running', row['status'])
        self.assertEqual(2, len(row['steps']))
        out = self.run_command('function rollout show prod',
                               rollout(status='superseded'))
        self.assertNotIn('%', out)

    def test_alias_shows_its_rollout(self):
        alias = {'name': 'prod', 'function_id': ID, 'function_version': 1}
        function = {'id': ID, 'name': 'greeter'}
        out = self.run_command('function alias show prod', alias, function,
                               rollout())
        self.assertIn(f'greeter ({ID})', out)
        self.assertIn('prod: version 1 to 2, running', out)
        for answer in (stub.answer(404), rollout(status='succeeded')):
            out = self.run_command('function alias show prod', alias,
                                   function, answer)
            self.assertNotIn('version 1 to 2', out)
        self.run_command('function alias show prod -f json', alias)

    def test_difference_of_versions(self):
        out = self.run_command(
            f'function version diff {ID} 1', {
                'settings': {'timeout': {'old': 5, 'new': 7}},
                'files': [
                    {'path': 'main.py', 'change': 'changed', 'old_size': 2,
                     'new_size': 2, 'diff': '--- old/main.py\n-a\n+b\n'},
                    {'path': 'data', 'change': 'changed', 'old_size': 2048,
                     'new_size': 1, 'diff': None}],
                'truncated': True})
        self.assertIn('from=1&to=0', self.paths[0])
        self.assertEqual('timeout:\n- 5s\n+ 7s\nmain.py: changed\n'
                         '--- old/main.py\n-a\n+b\n'
                         'data: changed (2KiB to 1B)\n', out)
        self.assertIn('More files changed', self.errors)
