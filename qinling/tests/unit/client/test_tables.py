# SPDX-License-Identifier: Apache-2.0
"""Tests of lists as tables, and in machine formats."""

import json
from unittest import mock

from oslotest import base

from qinling.client.commands import names
from qinling.client.commands import tables
from qinling.client import plugins
from qinling.tests.unit.client import stub

ID = '11111111-2222-4333-8444-555555555555'
RUNTIME = '22222222-2222-4333-8444-555555555555'
FUNCTION = {
    'id': ID, 'name': 'greeter', 'description': None, 'count': 7,
    'code': {'source': 'package', 'md5sum': 'f' * 32, 'sha256': 'a' * 64},
    'runtime_id': RUNTIME, 'entry': 'main.main', 'project_id': 'p',
    'created_at': '2026-01-01T12:00:00Z', 'updated_at': None, 'cpu': 100,
    'memory_size': 128 << 20, 'timeout': 90, 'latest_version': 3}
EXECUTION = {
    'id': RUNTIME, 'function_id': ID, 'function_version': 2,
    'function_alias': 'prod', 'status': 'failed', 'reason': 'timeout',
    'result': '{"output": "slow", "duration": 2.5}', 'sync': True,
    'created_at': '2026-01-01T12:00:00Z', 'updated_at': None}
#: Columns of a terminal.
WIDTH = 100


def answer_list(key, *rows):
    """Return the answer of a list."""
    return stub.answer(body={key: rows})


class TestTables(base.BaseTestCase):

    def run_command(self, words, *answers, code=0):
        """Return the output of a command; the last paths are in ``paths``."""
        server = stub.Server(*answers)
        result, out, self.errors = server.run(*words.split())
        self.assertEqual(code, result, self.errors)
        self.paths = server.paths
        return out

    def list_functions(self, words='', rows=(FUNCTION,), answers=(), code=0):
        return self.run_command(
            f'function list {words}', answer_list('functions', *rows),
            *answers, code=code)

    def test_functions(self):
        out = self.list_functions(answers=[stub.answer(body={
            'id': RUNTIME, 'name': 'python3'})])
        self.assertIn('greeter | python3 | 128MiB | 1m30s   | 3', out)
        self.assertIn(' ago', out)
        for text in (ID, RUNTIME, 'sha256', 'a' * 64, '2026-01-01'):
            self.assertNotIn(text, out)
        self.assertLess(max(map(len, out.splitlines())), WIDTH)

    def test_shared_names(self):
        out = self.list_functions(
            rows=(FUNCTION, dict(FUNCTION, id=RUNTIME)),
            answers=[stub.answer(body={'id': RUNTIME, 'name': 'python3'})])
        for id in (ID, RUNTIME):
            self.assertIn(f'greeter ({id})', out)

    def test_machine_formats(self):
        row, = json.loads(self.list_functions('-f json'))
        self.assertEqual(
            ['Id', 'Name', 'Description', 'Count', 'Code', 'Runtime_id',
             'Entry', 'Project_id', 'Created_at', 'Updated_at', 'Cpu',
             'Memory_size', 'Timeout'], list(row))
        self.assertEqual((FUNCTION['code'], 128 << 20, 90,
                          FUNCTION['created_at']),
                         (row['Code'], row['Memory_size'], row['Timeout'],
                          row['Created_at']))
        self.assertEqual(f'{128 << 20}\n', self.list_functions(
            '-f value -c Memory_size'))
        self.assertIn(f',{128 << 20},90', self.list_functions('-f csv'))

    def test_long(self):
        out = self.list_functions('--long')
        for text in (ID, RUNTIME, FUNCTION['created_at'], '128MiB',
                     'Latest_version'):
            self.assertIn(text, out)
        self.assertNotIn('sha256', out)

    def test_columns_of_the_old_client(self):
        for column in ('Id', 'id', 'Runtime_id', 'Name'):
            out = self.list_functions(f'-c {column}')
            self.assertIn('|', out)
        self.assertIn(ID, self.list_functions('-c Id -f table'))
        self.assertIn('128MiB', self.list_functions('-c memory_size'))

    def test_unknown_columns(self):
        self.list_functions('-c Memory_sise -f json', code=1)
        self.assertEqual("There is no column 'Memory_sise'. Did you mean: "
                         'Memory_size?\n', self.errors)
        self.list_functions('-c zz -f json', code=1)
        self.assertIn('Columns: Id, Name', self.errors)

    def test_empty(self):
        self.assertEqual('', self.list_functions(rows=()))
        self.assertEqual(
            'There are no functions. Create one: qinling function create '
            '--name NAME --runtime python3 --file main.py\n', self.errors)
        self.assertEqual('[]\n', self.list_functions('-f json', rows=()))
        self.assertEqual('', self.errors)

    def test_mistyped_keys(self):
        for words, sentence in (
                ('--sort naem', "Cannot sort by 'naem'. Did you mean: name?"),
                ('--filter projec_id=x', 'Did you mean: project_id?')):
            self.run_command(f'function list {words}', code=1)
            self.assertIn(sentence, self.errors)
            self.assertEqual([], self.paths)

    def test_show(self):
        out = self.run_command(
            f'function show {ID}', stub.answer(body=FUNCTION),
            stub.answer(body={'id': RUNTIME, 'name': 'python3'}))
        self.assertIn(f'python3 ({RUNTIME})', out)
        self.assertIn('128MiB', out)
        self.assertIn('2026-01-01T12:00:00Z (', out)
        self.assertNotIn('sha256', out)
        row = json.loads(self.run_command(
            f'function show {ID} -f json', stub.answer(body=FUNCTION)))
        self.assertEqual((FUNCTION['code'], 90), (row['code'],
                                                  row['timeout']))

    def test_values_with_structure(self):
        function = dict(
            FUNCTION, environment={'A': 'ä'}, secret_names=['KEY', 'PIN'],
            input_schema={}, code={'source': 'package', 'dependencies': {
                'kind': 'pip', 'sha256': 'a' * 64}})
        out = self.run_command(
            f'function show {ID}', stub.answer(body=function),
            stub.answer(body={'id': RUNTIME, 'name': 'python3'}))
        for text in ('{"A": "ä"}', '| KEY, PIN', '{"kind": "pip"}}'):
            self.assertIn(text, out)
        self.assertNotIn('{}', out)

    def test_differences_of_versions(self):
        code = {'source': 'package', 'sha256': 'a' * 64}
        out = self.run_command(
            f'version diff {ID} 1 2', stub.answer(body={
                'settings': {
                    'code': {'old': code, 'new': dict(code, sha256='b')},
                    'environment': {'old': {}, 'new': {'A': 'ä'}}},
                'files': [], 'truncated': False}))
        self.assertEqual('environment:\n- \n+ {"A": "ä"}\n', out)

    def test_names_that_cannot_be_read(self):
        for status, text in ((403, f' {RUNTIME} '),
                             (404, f' {RUNTIME} (deleted) ')):
            out = self.run_command(
                f'function show {ID}', stub.answer(body=FUNCTION),
                stub.answer(status, {'faultstring': 'No'}))
            self.assertIn(text, out)

    def test_bare_ids_of_columns(self):
        out = self.run_command(f'function show {ID} -c runtime_id',
                               stub.answer(body=FUNCTION))
        self.assertIn(f' {RUNTIME} ', out)
        self.assertEqual(1, len(self.paths))

    def test_executions(self):
        rows = [dict(EXECUTION, id=f'{number:08}{RUNTIME[8:]}')
                for number in range(21)]
        out = self.run_command(
            'function execution list', answer_list('executions', *rows),
            stub.answer(body=FUNCTION))
        self.assertEqual('GET /v1/executions?limit=21&sort_key=created_at'
                         '&sort_dir=desc', self.paths[0])
        self.assertEqual(20, out.count('greeter:2 (prod)'))
        self.assertIn('failed: timeout', out)
        self.assertIn('2.5s', out)
        self.assertIn(f'--marker {rows[19]["id"]}', self.errors)
        self.assertLess(max(map(len, out.splitlines())), 110)

    def test_executions_of_deleted_functions(self):
        out = self.run_command(
            'function execution list', answer_list('executions', EXECUTION),
            stub.answer(404, {'faultstring': 'Function not found'}))
        self.assertIn('11111111 (deleted):2', out)

    def test_executions_for_programs(self):
        rows = json.loads(self.run_command(
            'function execution list -f json',
            answer_list('executions', *[EXECUTION] * 21)))
        self.assertEqual(21, len(rows))
        self.assertEqual(['GET /v1/executions'], self.paths)

    def test_filters_of_executions(self):
        self.run_command(
            f'execution list --function {ID} --alias prod --failed --since '
            '2026-01-01T00:00:00 --version 2 --reason timeout --sort '
            'duration:desc --filter duration=gt:2.5 --filter duration=lt:3 '
            '-f json',
            answer_list('executions'))
        self.assertEqual(
            'GET /v1/executions?duration=gt%3A2.5&duration=lt%3A3'
            '&sort_key=duration'
            '&sort_dir=desc&'
            f'function_id={ID}&function_alias=prod&function_version=2'
            '&created_at=gte%3A2026-01-01T00%3A00%3A00'
            '&status=in%3Afailed%2Cerror&reason=timeout', self.paths[0])

    def test_jobs(self):
        job = {'id': ID, 'name': None, 'function_alias': 'prod',
               'pattern': '0 3 * * *', 'timezone': 'Europe/Berlin',
               'status': 'running',
               'next_execution_time': '2026-01-01T02:00:00Z'}
        out = self.run_command('job list', answer_list('jobs', job))
        self.assertIn(f'{ID} | alias prod | 0 3 * * * | running | 2026-01-01 '
                      '03:00 Europe/Berlin (02:00 UTC)', out)

    def test_aliases(self):
        alias = {'name': 'prod', 'function_id': ID, 'function_version': 1,
                 'routing': {'1': 0.9, '2': 0.1}, 'description': None,
                 'created_at': '2026-01-01T02:00:00Z'}
        out = self.run_command(
            'alias list', answer_list('function_aliases', alias),
            stub.answer(body=FUNCTION))
        self.assertIn('prod | greeter  | 1 (90%), 2 (10%)', out)

    def test_history_of_an_alias(self):
        row = {'revision': 3, 'created_at': '2026-01-01T02:00:00Z',
               'user_id': None, 'function_id': ID, 'function_version': 2,
               'routing': None}
        out = self.run_command(
            'function alias history prod', answer_list('history', row),
            stub.answer(body=FUNCTION))
        self.assertIn('3 | greeter  | 2 ', out)

    def list_narrow(self, width, words=''):
        """Return the lines of two executions on a terminal."""
        rows = [EXECUTION, dict(EXECUTION, id=ID, status='success',
                                reason=None)]
        with mock.patch('cliff.utils.terminal_width', return_value=width):
            return self.run_command(
                f'function execution list {words}',
                answer_list('executions', *rows),
                stub.answer(body=FUNCTION)).splitlines()

    def test_narrow_terminals(self):
        wide = self.list_narrow(200)
        self.assertTrue(wide[0].startswith('+---'), wide)
        width = len(wide[0])
        self.assertEqual(wide, self.list_narrow(width))
        lines = self.list_narrow(width - 1)
        self.assertEqual(3, len(lines))
        self.assertTrue(lines[1].startswith(
            f'{RUNTIME}  greeter:2 (prod)  failed: timeout  2.5s '), lines)
        for width in (80, 60, 40):
            lines = self.list_narrow(width)
            self.assertLessEqual(max(map(len, lines)), width)
            self.assertEqual([RUNTIME, ID], [
                line for line in lines if not line.startswith(' ')])
            for text in ('Function: greeter:2 (prod)', 'Duration: 2.5s',
                         'Status: failed: timeout'):
                self.assertIn(text, '\n'.join(lines))

    def test_options_for_the_width(self):
        lines = self.list_narrow(60, '--max-width 70')
        self.assertTrue(lines[0].startswith('+---'), lines)

    def test_every_table(self):
        """Prove that no table for people needs a field of another noun."""
        texts = {'code': {}, 'routing': None, 'limit': 1, 'usage': 1,
                 'filter': {}, 'function_versions': [], 'done': 0,
                 'skipped': 0, 'total': 0, 'differences': []}
        for point in plugins.list_entry_points('qinling', plugins.COMMANDS):
            command = point.load()
            if not (issubclass(command, tables.Lister) and command.brief):
                continue
            fields = (*command.columns, *command.detail_columns)
            row = {name: texts.get(name) for name in fields}
            row.update({name: '2026-01-01T00:00:00Z' for name in fields
                        if name.endswith(('_at', '_time'))})
            for name in ('id', 'name', 'status', 'resource'):
                if name in fields:
                    row[name] = name
            lookup = names.Names(stub.Server().client(), [row])
            for column in command.brief:
                column.read(row, lookup)

    def test_quota(self):
        amounts = dict.fromkeys(('functions', 'versions', 'storage_bytes',
                                 'jobs', 'webhooks', 'event_sources',
                                 'concurrent_executions'), 1024)
        body = {'limits': dict(amounts, jobs=-1), 'usage': amounts}
        out = self.run_command('quota show', stub.answer(body=body))
        self.assertEqual(['GET /v1/quotas'], self.paths)
        self.assertIn('| storage               | 1KiB  | 1KiB', out)
        self.assertIn('| none', out)
        self.run_command('quota show p', stub.answer(body=body))
        self.assertEqual(['GET /v1/quotas/p'], self.paths)
        self.run_command('quota set p --storage-bytes 10G',
                         stub.answer(body=body))
        self.assertEqual(['PUT /v1/quotas/p'], self.paths)
