# SPDX-License-Identifier: Apache-2.0
"""Tests of failures and operations on a real server."""

from qinling.tests import databases
from qinling.tests.functional import shells

#: Executions that fail, in each test.
COUNT = 5


class TestOperations(shells.Case):
    def fail(self, name):
        """Create a function whose executions have failed."""
        directory = self.directory / name
        directory.mkdir()
        (directory / 'main.py').write_text(
            'def main(**kwargs):\n    raise KeyError("nothing")\n')
        self.shell.run('function create', '--name', name, '--runtime',
                       'python3', '--file', name)
        (self.directory / 'inputs').write_text('{}\n' * COUNT)
        self.shell.run('function execution create', '--function', name,
                       '--batch', 'inputs', '--wait', code=1)

    def statuses(self, *words):
        return self.shell.run('function execution list', *words, '-f',
                              'value', '-c', 'Status').split()

    def test_failures(self):
        self.fail('failing')

        def list_failures():
            return self.shell.json('function failure list', 'failing')
        databases.wait_until(lambda: sum(
            row['Count'] for row in list_failures()) == COUNT)
        row, = list_failures()
        self.assertEqual(('KeyError', [0]), (
            row['Exception_type'], row['Function_versions']))
        failure = self.shell.json('function failure show', row['Id'])
        self.assertEqual(
            [{'file': 'main.py', 'line': 2, 'function': 'main'}],
            failure['frames'])
        self.assertEqual(['failed'] * COUNT, self.statuses(
            '--filter', f'fingerprint={row["Id"]}'))
        self.assertIn('KeyError', self.shell.run(
            'function failure list', 'failing'))

    def test_rerun_and_delete(self):
        self.fail('repaired')
        (self.directory / 'repaired' / 'main.py').write_text(
            'def main(**kwargs): return 1\n')
        self.shell.run('function update', 'repaired', '--file', 'repaired')
        selection = '--function', 'repaired', '--failed'
        self.assertEqual(f'{COUNT}\n', self.shell.run(
            'function operation create', 'rerun', *selection, '--dry-run',
            '-f', 'value'))
        self.assertIn('Add --yes', self.shell.fails(
            'function operation create', 'rerun', *selection))
        row = self.shell.json('function operation create', 'rerun',
                              *selection, '--yes', '--wait')
        self.assertEqual(('done', COUNT), (row['status'], row['done']))
        databases.wait_until(lambda: self.statuses(
            '--filter', f'group_id={row["id"]}') == ['success'] * COUNT)
        row = self.shell.json('function operation create', 'delete',
                              *selection, '--yes', '--wait')
        self.assertEqual(COUNT, row['done'])
        self.assertEqual([], self.statuses(*selection))
        self.assertIn(row['id'], self.shell.run(
            'function operation list', '--filter', 'action=delete'))

    def test_decisions(self):
        self.fail('decided')

        def status(command, *words):
            return self.shell.json(command, *words)['status']
        id = self.shell.value(
            'id', 'function operation create', 'delete', '--function',
            'decided', '--rate', '0.1', '--yes')
        self.assertEqual('paused', status('function operation pause', id))
        self.assertEqual('running', status('function operation resume', id))
        self.assertEqual('running', status('function operation show', id))
        self.assertEqual('cancelled', status('function operation cancel',
                                             id))
        self.assertIn('is cancelled', self.shell.fails(
            'function operation resume', id))
        self.assertNotEqual([], self.statuses('--function', 'decided'))
