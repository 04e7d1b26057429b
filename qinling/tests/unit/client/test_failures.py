# SPDX-License-Identifier: Apache-2.0
"""Tests of the commands for failures."""

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
        self.assertIn('"function": "main"', out.replace("'", '"'))
        self.assertIn('Next: qinling function execution list --filter '
                      f'fingerprint={ID}', self.errors)
