# SPDX-License-Identifier: Apache-2.0
"""Tests of failures and operations on a real server."""

import json

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

    def test_replay(self):
        self.fail('replayed')
        self.shell.run('function version create', 'replayed')
        self.shell.run('function alias create', 'replayed', '--function',
                       'replayed', '--function-version', 1)
        self.shell.run('function execution create', '--function-alias',
                       'replayed', '--batch', 'inputs', '--wait', code=1)
        (self.directory / 'replayed' / 'main.py').write_text(
            'def main(context): return sorted(context)\n')
        self.shell.run('function update', 'replayed', '--file', 'replayed')
        self.shell.run('function version create', 'replayed')
        out = self.shell.run(
            'function replay', 'replayed', '--function-version', 2, '--last',
            COUNT - 1, '--wait', '-f', 'json', code=1)
        row = json.loads(out)
        self.assertEqual(('done', COUNT - 1, COUNT - 1), (
            row['status'], row['done'], row['different']))
        self.assertIn('/status: "failed" -> "success"', self.shell.errors)
        results = self.shell.json('function operation result list',
                                  row['id'], '--different')
        self.assertEqual(COUNT - 1, len(results))
        self.assertIn('replay', str(results[0]['Differences']))

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
