# SPDX-License-Identifier: Apache-2.0
"""Messages between the command line and the program that runs functions."""

import io
import json
import os
import pathlib
import subprocess
import sys

import fixtures
from oslotest import base

from qinling.client.commands import local_runs
from qinling.client import exceptions
from qinling.client import local_project
from qinling.client import local_runner
from qinling.client.manifest import model

#: Program that reports a request, and then more lines.
PROGRAM = '''
import json, sys
request = json.loads(sys.stdin.readline())
for message in json.loads(sys.argv[1]):
    print(json.dumps(message), flush=True)
if request['input'] == 'request':
    print(json.dumps({'execution': request | {'log': ''}}))
'''


class RunnerTest(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.directory = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path)
        (self.directory / 'main.py').write_text('def main(): pass\n')

    def function(self, **fields):
        fields = {'runtime': 'python3', 'code': ['main.py'], **fields}
        return local_project.LocalFunction(
            'one', fields, model.Manifest(self.directory, {
                'functions': {'one': fields}}), self.directory / 'state')

    def runner(self, *messages):
        """Return a runner whose program sends messages."""
        process = subprocess.Popen(
            [sys.executable, '-c', PROGRAM, json.dumps(messages)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        # The program may still read: close first, wait last.
        self.addCleanup(process.wait)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stdin.close)
        return local_runner.Runner(process)


class TestRequest(RunnerTest):
    def request(self, **fields):
        return local_runs.run_once(self.runner(), self.function(**fields),
                                   'request')

    def test_fields(self):
        self.useFixture(fixtures.EnvironmentVariable('SECRET', 'hidden'))
        (self.directory / 'token').write_text('file\n')
        request = self.request(
            entry='main.main', memory=64 << 20, timeout=7,
            environment={'A': '1'},
            secrets={'B': {'env': 'SECRET'}, 'C': {'file': 'token'}},
            input_schema={'type': 'object'}, description='of no use')
        package = pathlib.Path(request.pop('package'))
        self.assertEqual('one-local-%d.zip' % os.getpid(), package.name)
        # The package disappears after the run.
        self.assertFalse(package.exists())
        self.assertTrue(request.pop('id'))
        self.assertEqual({
            'image': 'python3', 'entry': 'main.main', 'memory_size': 64 << 20,
            'timeout': 7, 'input': 'request', 'log': '', 'streams': False,
            'follows_log': False, 'network': False,
            'environment': {'A': '1', 'B': 'hidden', 'C': 'file'},
            'builds': str((self.directory / 'state/builds').resolve()),
            'input_schema': {'type': 'object'}}, request)

    def test_defaults(self):
        request = self.request()
        self.assertEqual(('main.main', {}), (
            request['entry'], request['environment']))
        self.assertNotIn('timeout', request)

    def test_missing_secret(self):
        error = self.assertRaises(
            exceptions.ClientError, self.request,
            secrets={'B': {'env': 'QINLING_NOT_SET'}})
        self.assertIn('functions.one.secrets.B', str(error))


class TestMessages(RunnerTest):
    execution = {'id': '1', 'status': 'success', 'log': 'a\nb\n'}

    def test_parts_of_the_output(self):
        parts = []
        runner = self.runner({'part': 'a'}, {'part': [1]},
                             {'execution': self.execution})
        self.assertEqual(self.execution, local_runs.run_once(
            runner, self.function(), None, parts.append))
        self.assertEqual(['a', [1]], parts)
        self.assertTrue(runner.has_ended)

    def test_log_comes_once(self):
        output = io.StringIO()
        local_runs.run_followed(
            self.runner({'log': 'a\n'}, {'execution': self.execution}),
            self.function(), None, output)
        self.assertEqual('a\nb\n', output.getvalue())

    def test_refused_request(self):
        error = self.assertRaises(
            exceptions.ClientError, local_runs.run_once,
            self.runner({'error': 'It is not valid.'}), self.function(), None)
        self.assertEqual('It is not valid.', str(error))

    def test_end_of_the_program(self):
        error = self.assertRaises(
            exceptions.ClientError, local_runs.run_once, self.runner(),
            self.function(), None)
        self.assertIn('ended with exit code 0', str(error))


class TestInterpreter(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.directory = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path).resolve()

    def install(self, *names):
        """Create programs, and a command line elsewhere."""
        for name in names:
            (self.directory / name).write_text('')
            (self.directory / name).chmod(0o755)
        self.useFixture(fixtures.MonkeyPatch('sys.executable', '/none/python'))
        self.useFixture(fixtures.EnvironmentVariable(
            'PATH', str(self.directory)))

    def test_command_line_beside_the_service(self):
        (self.directory / 'qinling-standalone').write_text('')
        path = str(self.directory / 'python')
        self.useFixture(fixtures.MonkeyPatch('sys.executable', path))
        self.assertEqual(path, local_runner.find_interpreter())

    def test_service_in_another_environment(self):
        self.install('qinling-standalone', 'python')
        self.assertEqual(str(self.directory / 'python'),
                         local_runner.find_interpreter())

    def test_missing_service(self):
        self.install()
        self.assertRaises(exceptions.ClientError,
                          local_runner.find_interpreter)

    def test_program_without_interpreter(self):
        self.install('qinling-standalone')
        error = self.assertRaises(exceptions.ClientError,
                                  local_runner.find_interpreter)
        self.assertIn('no Python interpreter beside', str(error))
