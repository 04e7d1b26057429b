# SPDX-License-Identifier: Apache-2.0
"""Tests of the commands for failures."""

from qinling.tests.unit.client import stub
from qinling.tests.unit.client import test_runs

ID = '0123456789abcdef'


def failure(**fields):
    """Return a failure."""
    return {'id': ID, 'function_id': test_runs.ID, 'function_versions': [1, 2],
            'reason': 'user_error', 'exception_type': 'ValueError',
            'message': 'it broke\nat once', 'count': 1700,
            'frames': [{'file': 'main.py', 'line': 8, 'function': 'main'}],
            'created_at': '2026-01-01T00:00:00Z',
            'last_seen_at': '2026-01-01T00:00:00Z',
            'last_execution_id': test_runs.OTHER, **fields}


class TestFailures(test_runs.Case):
    def test_list(self):
        out = self.run_command(
            f'failure list {test_runs.ID} --since 2026-01-01',
            {'failures': [failure(), failure(frames=[], message='m' * 99)]},
            {'id': test_runs.ID, 'name': 'greeter'})
        for text in (ID, '1700', 'greeter:2', 'ValueError: it broke ',
                     'main.py:8', f'ValueError: {"m" * 45}...'):
            self.assertIn(text, out)
        for text in ('sort_key=last_seen_at', 'sort_dir=desc',
                     f'function_id={test_runs.ID}', 'last_seen_at=gte'):
            self.assertIn(text, self.paths[0])

    def test_show(self):
        out = self.run_command(f'failure show {ID}', failure(),
                               {'id': test_runs.ID, 'name': 'greeter'})
        self.assertIn(f'greeter ({test_runs.ID})', out)
        self.assertIn('"function": "main"', out)
        self.assertIn('Next: qinling function execution list --filter '
                      f'fingerprint={ID}', self.errors)

    def test_sentences_name_commands(self):
        row = failure(reason='dependencies', message='No worker; GET '
                      f'/v1/functions/{test_runs.ID}/build says more')
        out = self.run_command(f'failure show {ID}', row,
                               {'id': test_runs.ID, 'name': 'greeter'})
        self.assertIn(f'; qinling function build log show {test_runs.ID} '
                      'says more', out)

    def test_deliveries(self):
        id, webhook = test_runs.ID, test_runs.OTHER
        fault = stub.answer(502, {
            'faultstring': f'Execution {id} has failed.'})
        failed = test_runs.execution(
            status='failed', reason='user_error',
            result='{"output": "it broke"}')
        log = stub.answer(200, 'ValueError: it broke\n')
        sentence = (f'Execution {id} has failed. (HTTP 502)\n'
                    'ValueError: it broke\n'
                    f'Execution {id}; show the log: qinling function '
                    f'execution log show {id}\n')
        self.run_command(f'webhook invoke {webhook}', fault, failed, log,
                         code=1)
        self.assertEqual(sentence, self.errors)
        self.run_command(
            f'webhook send {webhook} /dev/null',
            {'id': webhook, 'webhook_url': 'http://h/w'}, fault, failed, log,
            code=1)
        self.assertEqual(sentence, self.errors)
        self.run_command(
            f'webhook invoke {webhook}', fault,
            stub.answer(404, {'faultstring': 'No execution.'}), code=1)
        self.assertIn('has failed. (HTTP 502)', self.errors)
