# SPDX-License-Identifier: Apache-2.0
"""Tests of the commands for replays."""

from qinling.tests.unit.client import test_operations
from qinling.tests.unit.client import test_runs

ID = test_runs.ID
RESULT = {'id': test_runs.OTHER, 'source_id': test_runs.OTHER,
          'execution_id': ID, 'different': True, 'duration_ratio': 1.5,
          'differences': [{'path': '/output/a', 'old': '1', 'new': None}]}


def replay(**fields):
    """Return the operation of a replay."""
    return test_operations.operation(**{
        'action': 'replay', 'different': 0, 'total': 2, 'done': 2, **fields})


class TestReplays(test_runs.Case):
    def test_start(self):
        self.run_command(
            'function replay prod --version 7 --last 9 --filter '
            'reason=timeout --ignore /output/a --rate 5 --network', replay())
        self.assertEqual(['POST /v1/aliases/prod/replay'], self.paths)
        self.assertEqual(
            {'function_version': 7, 'last': 9, 'network': True, 'rate': 5.0,
             'filter': {'reason': ['timeout']}, 'ignore': ['/output/a']},
            self.body())
        self.assertIn(f'Next: qinling function operation show {ID}',
                      self.errors)

    def test_equal(self):
        self.run_command('function replay prod --version 7 --wait',
                         replay(), replay(status='done'))
        self.assertEqual({'function_version': 7, 'network': False},
                         self.body())

    def test_different(self):
        self.run_command(
            'function replay prod --version 7 --wait', replay(),
            replay(status='done', different=1), {'results': [RESULT]},
            code=1)
        self.assertIn('different=True', self.paths[2])
        self.assertIn(
            '1 of 2 executions are different.\n'
            f'Execution {test_runs.OTHER}:\n  /output/a: 1 -> (missing)\n'
            f'Show all: qinling operation result list {ID} --different',
            self.errors)

    def test_results(self):
        out = self.run_command(f'operation result list {ID} --different',
                               {'results': [RESULT]})
        self.assertIn('/output/a: 1 -> (missing)', out)
        self.assertIn(f'GET /v1/operations/{ID}/results', self.paths[0])
        self.run_command(f'operation result list {ID} -f json',
                         {'results': [RESULT]})
        self.assertNotIn('different', self.paths[0])
