# SPDX-License-Identifier: Apache-2.0
"""Tests of the commands for operations."""

import io

from qinling.tests.unit.client import stub
from qinling.tests.unit.client import test_runs

ID = test_runs.ID


def operation(**fields):
    """Return an operation."""
    return {'id': ID, 'action': 'rerun', 'filter': {'status': ['failed']},
            'function_version': 'original', 'rate': None,
            'status': 'running', 'status_reason': None, 'total': 1700,
            'done': 300, 'skipped': 0, 'skip_reasons': {},
            'created_at': '2026-01-01T00:00:00Z', **fields}


class Terminal(io.StringIO):
    """Standard input of a person."""

    def isatty(self):
        return True


class TestOperations(test_runs.Case):
    def test_create(self):
        out = self.run_command(
            'operation create rerun --reason timeout --filter '
            'created_at=gt:2026-01-01 --filter created_at=lt:2026-02-01 '
            '--onto 7 --rate 50 --yes', {'total': 1700}, operation())
        fields = {'action': 'rerun', 'function_version': '7', 'rate': 50.0,
                  'filter': {'reason': ['timeout'], 'created_at': [
                      'gt:2026-01-01', 'lt:2026-02-01']}}
        self.assertEqual({**fields, 'dry_run': True}, self.body())
        self.assertEqual(fields, self.body(1))
        self.assertIn('Idempotency-Key', self.requests[1].headers)
        self.assertIn(ID, out)
        self.assertIn(f'Next: qinling function operation show {ID}',
                      self.errors)

    def test_dry_run(self):
        self.assertEqual('1700\n', self.run_command(
            'operation create delete --all --dry-run -f value',
            {'total': 1700}))
        self.assertEqual({'action': 'delete', 'filter': {}, 'all': True,
                          'dry_run': True}, self.body())

    def test_scripts_must_agree(self):
        self.run_command('operation create delete --failed', {'total': 3},
                         code=1)
        self.assertIn('Delete 3 executions? Add --yes', self.errors)

    def ask(self, answer):
        """Return the exit code and errors after the answer of a person."""
        server = stub.Server(
            *(stub.answer(body=body) for body in
              ({'total': 3}, operation(action='delete'))))
        shell = stub.Shell(server.client(), ['operation', 'create', 'delete',
                                             '--failed'])
        shell.stdin = Terminal(answer)
        code = shell.run(['operation', 'create', 'delete', '--failed'])
        return code, shell.stderr.getvalue(), len(server.requests)

    def test_people_are_asked(self):
        for answer, result, requests in (('y\n', 0, 2), ('n\n', 1, 1),
                                         ('', 1, 1)):
            code, errors, sent_requests = self.ask(answer)
            self.assertEqual((result, requests), (code, sent_requests))
            self.assertIn('Delete 3 executions? [y/N]', errors)

    def test_wait(self):
        self.run_command(
            'operation create cancel --status running --yes --wait',
            {'total': 2}, operation(), operation(),
            operation(status='done', done=2))
        self.run_command(
            f'operation resume {ID} --wait', operation(), operation(
                status='done', skipped=2, skip_reasons={'It is gone.': 2}),
            code=1)
        self.assertIn('2 executions were skipped.\n  2 times: It is gone.',
                      self.errors)
        self.run_command(
            f'operation resume {ID} --wait', operation(), operation(
                status='paused', status_reason='A user paused it.'), code=1)
        self.assertIn('is paused: A user paused it.', self.errors)

    def test_changes(self):
        for verb in ('pause', 'cancel'):
            self.run_command(f'operation {verb} {ID}', operation())
            self.assertEqual([f'POST /v1/operations/{ID}/{verb}'],
                             self.paths)

    def test_filters_of_commands_on_executions(self):
        for words, fields in (
                ('execution rerun --function-version 7', {
                    'action': 'rerun', 'function_version': '7'}),
                ('execution cancel', {'action': 'cancel'}),
                ('execution delete', {'action': 'delete'})):
            out = self.run_command(
                f'{words} --filter reason=timeout --filter '
                'created_at=gt:2026-01-01 --rate 5 --yes --wait',
                {'total': 2}, operation(), operation(status='done', done=2))
            fields.update(rate=5.0, filter={
                'reason': ['timeout'], 'created_at': ['gt:2026-01-01']})
            self.assertEqual({**fields, 'dry_run': True}, self.body())
            self.assertEqual(fields, self.body(1))
            self.assertIn('done', out)
            self.run_command(f'{words} --filter reason=timeout',
                             {'total': 3}, code=1)
            self.assertIn('3 executions? Add --yes', self.errors)
            self.assertIn('3', self.run_command(
                f'{words} --filter reason=timeout --dry-run', {'total': 3}))

    def test_executions_or_a_filter(self):
        for verb in ('rerun', 'cancel', 'delete'):
            for words, sentence in (
                    ('', 'Specify what to'),
                    (f'{ID} --filter reason=timeout', 'not both'),
                    (f'{ID} --yes', 'belong to --filter')):
                self.run_command(f'execution {verb} {words}', code=1)
                self.assertIn(sentence, self.errors)
        self.run_command('execution rerun --filter reason=timeout --sync',
                         code=1)
        self.assertIn('--sync repeats one', self.errors)

    def test_list(self):
        out = self.run_command('operation list', {'operations': [
            operation(skipped=2), operation(filter={})]})
        for text in ('status=failed', '302 of 1700, 2 skipped', '| all '):
            self.assertIn(text, out)
        self.assertIn(ID, self.run_command(f'operation show {ID}',
                                           operation()))
