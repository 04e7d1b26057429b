# SPDX-License-Identifier: Apache-2.0
"""Tests of the answers to mistakes on the command line."""

import io
import pathlib
import sys
from unittest import mock

from qinling.client import shell
from qinling.tests.unit.client import stub
from qinling.tests.unit.client import test_entries
from qinling.tests.unit.client import test_runs

ID = test_runs.ID
ROW = {'id': ID, 'name': 'f', 'status': 'success', 'version_number': 1}


class TestOptions(test_runs.Case):
    def refuse(self, words, *sentences):
        """Check the error of a command without a request."""
        self.run_command(words, code=1)
        self.assertEqual([], self.paths)
        for sentence in sentences:
            self.assertIn(sentence, self.errors)

    def test_operation_without_a_condition(self):
        self.refuse('operation create rerun --yes', '--all', '--filter')

    def test_format_of_lines(self):
        app = stub.Shell(None, [])
        with mock.patch('sys.stderr', io.StringIO()) as errors:
            self.assertRaises(SystemExit, app.run,
                              ['logs', 'f', '-o', 'yaml'])
        text = errors.getvalue() + app.stderr.getvalue()
        self.assertIn("'yaml' is not a format; write -o json", text)
        self.assertNotIn('jsonl', text)

    def test_stream_of_an_asynchronous_webhook(self):
        words = 'webhook create --function-alias prod --stream cancel'
        self.refuse(words, 'add --sync')
        self.refuse(f'webhook update {ID} --async --stream continue',
                    'add --sync')
        for words in (f'{words} --sync',
                      f'webhook update {ID} --stream cancel',
                      'webhook create --function-alias prod --stream off'):
            self.run_command(words, ROW)

    def test_version_beside_an_alias(self):
        for words in ('job create --pattern @daily', 'webhook create',
                      'event source create --kind redis',
                      f'webhook update {ID}', f'event source update {ID}'):
            self.refuse(f'{words} --function-alias prod --function-version 2',
                        'not both')
            self.run_command(f'{words} --function-alias prod '
                             '--function-version 0', ROW)


class TestInputs(test_runs.Case):
    def test_json_among_arguments(self):
        for word in ('{"name": "Ada"}', '{"a": "b=c"}', '[1]'):
            self.run_command(['function', 'invoke', ID, word], code=1)
            self.assertIn('or --input and JSON', self.errors)
        self.run_command(['function', 'invoke', ID, '[a]=1'],
                         test_runs.execution())
        self.assertEqual({'[a]': '1'}, self.body()['input'])

    def test_text_that_resembles_json(self):
        for words in (['function', 'invoke', ID],
                      ['function', 'execution', 'create', '--function', ID]):
            for text, is_json in (('{name: Ada}', False), ('[a]', False),
                                  ('{"a": 1}', True), ('a {', True)):
                self.run_command([*words, '--input', text],
                                 test_runs.execution())
                self.assertEqual(text, self.body()['input'])
                self.assertEqual(not is_json, 'is not valid JSON'
                                 in self.errors, text)


class TestOutputs(test_runs.Case):
    def test_names_are_quoted(self):
        self.run_command(['function', 'version', 'create', ID], ROW)
        self.assertIn(f'--function {ID} ', self.errors)
        self.run_command(
            ['webhook', 'create', '--function-alias', 'prod',
             '--description', 'my shop'], ROW)
        self.assertIn("webhook invoke 'my shop'\n", self.errors)
        directory = self.directory() / 'my fun'
        self.run_command(['init', 'python', str(directory)])
        self.assertIn(f"cd '{directory}'\n", self.errors)

    def test_half_surrogates(self):
        out = io.TextIOWrapper(io.BytesIO(), 'utf-8')
        with mock.patch.object(sys, 'stdout', out):
            app = shell.Shell([])
        print('\ud800ä', file=app.stdout, flush=True)
        self.assertEqual('\\ud800ä\n'.encode(), out.buffer.getvalue())

    def test_half_surrogates_in_a_file(self):
        path = self.directory() / 'output'
        self.run_command(
            ['function', 'invoke', ID, '--output', str(path)],
            test_runs.execution(result='{"output": "\\ud800"}'))
        self.assertEqual('\\ud800', path.read_text())


class TestEntries(test_runs.Case):
    def test_warning(self):
        path = self.directory() / 'outer.zip'
        path.write_bytes(test_entries.pack('dep/main.py'))
        self.run_command(
            ['function', 'create', '--name', 'my fun', '--runtime', 'python3',
             '--package', str(path)],
            {'runtimes': [{'id': ID, 'name': 'python3'}]}, {'functions': []},
            ROW)
        self.assertIn('main.py must be at the top', self.errors)
        self.assertIn("Next: qinling function invoke 'my fun'\n", self.errors)


class TestFiles(test_runs.Case):
    def test_missing_file(self):
        self.run_command('apply --file nope.yaml', code=1)
        self.assertEqual(
            'Cannot read nope.yaml: No such file or directory. Start a '
            'project with "qinling init".\n', self.errors)

    def test_missing_directory(self):
        self.run_command('dev --once nope', code=1)
        self.assertEqual('There is no directory nope. Start a project with '
                         '"qinling init".\n', self.errors)
        self.assertFalse(pathlib.Path('nope').exists())

    def test_missing_application(self):
        directory = self.directory()
        with mock.patch('qinling.client.dev_server.connect'):
            self.run_command(['dev', '--once', str(directory)], code=1)
        self.assertEqual(
            f'Cannot read {directory}/app.yaml: No such file or directory. '
            'Start a project with "qinling init".\n', self.errors)
