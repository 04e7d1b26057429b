# SPDX-License-Identifier: Apache-2.0
"""Runs of functions in the sandbox of this machine, without a server."""

import io
import json
import pathlib
import zipfile

import fixtures
from oslotest import base

from qinling import conf as configuration
from qinling.engine.run import local
from qinling.engine.run import local_request
from qinling.engine.workers import package_installer
from qinling import exception

CODE = '''
import os
import socket


def main(a=0):
    print('Running')
    return [a, os.environ.get('LEVEL'), os.environ['HOME']]


def fail():
    raise ValueError('no')


def parts():
    yield 'a'
    yield 'b'


def http():
    yield {'status_code': 200}
    yield 'text'


def sleep():
    import time
    time.sleep(60)


def grow():
    return len(bytearray(1 << 30))


def connect(port):
    socket.create_connection(('127.0.0.1', port), 2).close()


def library():
    import some_library
    return some_library.NAME
'''


class LocalRunCase(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.directory = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path)
        self.conf = configuration.load_part(*local.CONFIGURATION)
        # A busy machine is slow.
        self.conf.set_override('start_timeout', 120, group='process')
        self.messages = []

    def emit(self, message):
        """Collect a message of a run."""
        self.messages.append(message)

    def run_function(self, name='main', files=(), **fields):
        """Run a function; return the execution and its output."""
        package = self.directory / 'package.zip'
        with zipfile.ZipFile(package, 'w') as archive:
            for path, text in {'main.py': CODE, **dict(files)}.items():
                archive.writestr(path, text)
        self.messages.clear()
        local.run(self.conf, local_request.LocalRequest(**{
            'id': '1', 'package': str(package), 'image': 'python3',
            'entry': f'main.{name}', 'timeout': 60,
            'builds': str(self.directory / 'builds'), **fields}),
            self.useFixture(fixtures.TempDir()).path, self)
        execution = self.messages.pop()['execution']
        return execution, json.loads(execution['result'])['output']


class TestLocalRuns(LocalRunCase):
    def test_success(self):
        execution, output = self.run_function(
            input={'a': 1}, environment={'LEVEL': 'debug'})
        self.assertEqual(('success', None, [1, 'debug', '/tmp']), (
            execution['status'], execution['reason'], output))
        self.assertEqual('Start execution: 1\nRunning\n'
                         'Finished execution: 1\n', execution['log'])

    def test_log_while_the_function_runs(self):
        execution, _output = self.run_function(
            'sleep', timeout=1, follows_log=True)
        text = ''.join(message['log'] for message in self.messages)
        self.assertTrue(text)
        self.assertTrue(execution['log'].startswith(text))
        self.assertEqual(('failed', 'timeout'), (
            execution['status'], execution['reason']))

    def test_parts(self):
        _execution, output = self.run_function('parts', streams=True)
        self.assertEqual(('ab', [{'part': 'a'}, {'part': 'b'}]), (
            output, self.messages))
        self.run_function('http', streams=True)
        self.assertEqual([{'part': 'text'}], self.messages)

    def test_failure(self):
        execution, output = self.run_function('fail')
        self.assertEqual(('failed', 'user_error'), (
            execution['status'], execution['reason']))
        self.assertIn('no', output)
        self.assertIn('ValueError: no', execution['log'])

    def test_missing_entry(self):
        execution, _output = self.run_function('nothing')
        self.assertEqual('load_error', execution['reason'])

    def test_memory(self):
        execution, _output = self.run_function('grow', memory_size=64 << 20)
        self.assertEqual('failed', execution['status'])
        self.assertIn('emory', execution['detail'])

    def test_no_network(self):
        execution, _output = self.run_function('connect', input={'port': 1})
        self.assertEqual('failed', execution['status'])

    def test_refused_requests(self):
        for error, fields in (
                (exception.Invalid, {'memory_size': 1}),
                (exception.Invalid, {'input_schema': {'type': 'x'}}),
                (exception.InputRefused, {
                    'input': {'a': 1}, 'input_schema': {
                        'properties': {'a': {'type': 'string'}}}})):
            self.assertRaises(error, self.run_function, **fields)
        self.assertEqual([], self.messages)

    def test_refused_output(self):
        execution, output = self.run_function(
            output_schema={'type': 'object'})
        self.assertEqual('output_refused', execution['reason'])
        self.assertIn('output_schema', output)

    def test_unknown_image(self):
        execution, output = self.run_function(image='cobol')
        self.assertEqual(('error', 'no_worker'), (
            execution['status'], execution['reason']))
        self.assertIn('cobol', output)


class TestDependencies(LocalRunCase):
    wheel = 'wheels/some_library-1.0-py3-none-any.whl'

    def files(self):
        """Return a package that brings its library."""
        packed, info = io.BytesIO(), 'some_library-1.0.dist-info'
        with zipfile.ZipFile(packed, 'w') as archive:
            archive.writestr('some_library.py', 'NAME = "some"\n')
            archive.writestr(f'{info}/METADATA', (
                'Metadata-Version: 2.1\nName: some-library\nVersion: 1.0\n'))
            archive.writestr(f'{info}/WHEEL', (
                'Wheel-Version: 1.0\nRoot-Is-Purelib: true\n'
                'Tag: py3-none-any\n'))
            archive.writestr(f'{info}/RECORD', '')
        return {'requirements.txt': f'./{self.wheel}\n',
                self.wheel: packed.getvalue()}

    def test_second_run_installs_nothing(self):
        files = self.files()
        execution, output = self.run_function('library', files)
        self.assertEqual('some', output, execution)
        self.useFixture(fixtures.MockPatchObject(
            package_installer.PackageInstaller, 'install',
            side_effect=AssertionError))
        self.assertEqual('some', self.run_function(
            'library', files)[1])

    def test_failed_installation(self):
        files = {'requirements.txt': './wheels/other-1.0-py3-none-any.whl'}
        self.assertRaises(exception.Invalid, self.run_function, 'library',
                          files)
        self.conf.set_override('index_url', 'http://127.0.0.1:1/simple',
                               group='build')
        execution, output = self.run_function(
            'library', {'requirements.txt': 'some-library'})
        self.assertEqual(('error', 'dependencies'), (
            execution['status'], execution['reason']))
        self.assertIn('could not be installed', output)
