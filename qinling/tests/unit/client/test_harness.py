# SPDX-License-Identifier: Apache-2.0
"""Programs that run beside a function: tests and debuggers."""

import io
import json
import pathlib
import runpy
import shutil
import stat
import subprocess
import sys
import types
import zipfile

import fixtures
from oslotest import base

from qinling.client.harness import archives
from qinling.client.harness import run_tests
from qinling.client.harness import tools


def create_package(**files):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, 'w') as archive:
        for name, text in files.items():
            archive.writestr(name.replace('_', '.'), text)
    return packed.getvalue()


def read_package(data):
    """Return name -> content."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


class HarnessTest(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.directory = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path).resolve()

    def write(self, **files):
        for name, text in files.items():
            (self.directory / name.replace('_', '.')).write_text(text)


class TestArchives(HarnessTest):
    def test_files_of_python(self):
        self.write(tool_py='tool')
        harness = archives.create_python(
            'run_tests', {'tool.py': self.directory / 'tool.py'})
        self.assertEqual('_qinling.site-packages.run_tests.main',
                         harness.entry)
        self.assertEqual(b'tool', harness.members[
            '_qinling/site-packages/tool.py'])
        self.assertIn(b'def main(', harness.members[
            '_qinling/site-packages/run_tests.py'])

    def test_files_of_nodejs(self):
        harness = archives.create_nodejs('debug')
        self.assertEqual('_qinling/node_modules/debug.main', harness.entry)
        self.assertEqual(['_qinling/node_modules/debug.mjs'],
                         list(harness.members))

    def test_package_with_harness(self):
        package = create_package(main_py='code', requirements_txt='a')
        harness = archives.Harness('x.main', {
            'x.py': b'x', 'requirements.txt': b'pytest', 'run': b'#!/bin/sh'})
        extended = archives.extend(package, harness)
        self.assertEqual({
            'main.py': b'code', 'requirements.txt': b'a\npytest',
            'x.py': b'x', 'run': b'#!/bin/sh'}, read_package(extended))
        with zipfile.ZipFile(io.BytesIO(extended)) as archive:
            modes = {info.filename: info.external_attr >> 16
                     for info in archive.infolist()}
        self.assertEqual((stat.S_IFREG | 0o755, stat.S_IFREG | 0o644),
                         (modes['run'], modes['x.py']))
        # Equal files give equal bytes, so nothing is installed again.
        self.assertEqual(extended, archives.extend(package, harness))

    def test_files_of_the_package_stay(self):
        harness = archives.Harness('main', {'main.py': b'harness'})
        self.assertEqual({'main.py': b'code'}, read_package(
            archives.extend(create_package(main_py='code'), harness)))


class TestTools(HarnessTest):
    def test_modules_of_this_environment(self):
        modules = tools.find_modules('testtools')
        self.assertIn('testtools/__init__.py', modules)
        self.assertTrue(all(path.is_file() for path in modules.values()))
        self.assertFalse([name for name in modules if '__pycache__' in name
                          or name.startswith('..')])

    def test_missing_distribution(self):
        self.assertEqual({}, tools.find_modules('testtools', 'no-such-one'))

    def test_broken_interpreter(self):
        self.useFixture(fixtures.MonkeyPatch('sys.executable', '/bin/false'))
        self.useFixture(fixtures.EnvironmentVariable('PATH', '/none'))
        self.assertEqual({}, tools.find_modules('testtools'))


class TestRunTests(HarnessTest):
    def run_tests(self, *arguments):
        """Run the tests of the directory; return exit code and output."""
        result = subprocess.run(
            [sys.executable, '-c', 'import runpy, sys\n'
             'main = runpy.run_path(sys.argv[1])["main"]\n'
             'sys.exit(main("unittest", sys.argv[2:]))',
             run_tests.__file__, *arguments], cwd=self.directory,
            capture_output=True, text=True)
        return result.returncode, result.stderr

    def test_exit_code(self):
        self.write(main_py='VALUE = 1\n', check_py=(
            'import sys\nimport unittest\nimport main\n\n\n'
            'class TestMain(unittest.TestCase):\n'
            '    def test_success(self):\n'
            '        self.assertEqual(1, main.VALUE)\n'
            '        self.assertEqual("", sys.stdin.read())\n'
            '    def test_failure(self):\n'
            '        self.assertEqual(2, main.VALUE)\n'))
        code, output = self.run_tests('check.TestMain.test_success')
        self.assertEqual(0, code, output)
        code, output = self.run_tests('check')
        self.assertEqual(1, code)
        self.assertIn('FAILED (failures=1)', output)
        # The directory of the code is small.
        self.assertFalse((self.directory / '__pycache__').exists())

    def test_script(self):
        self.write(test_sh='#!/bin/sh\necho "$1" >&2\nexit 3\n')
        (self.directory / 'test.sh').chmod(0o755)
        script = (archives.HERE / 'run_tests.sh').read_text()
        result = subprocess.run(
            ['sh', '-c', script, 'run_tests', 'word'], cwd=self.directory,
            input='{}\n{}\n', capture_output=True, text=True)
        self.assertEqual(('3\n3\n', 'word\nword\n'), (
            result.stdout, result.stderr))


class TestDebug(HarnessTest):
    def load(self, code):
        """Return the harness of a function, and the calls of debugpy."""
        calls = []
        library = types.SimpleNamespace(
            listen=lambda address, **options: calls.append(
                ('listen', address, options)),
            wait_for_client=lambda: calls.append('wait'))
        self.useFixture(fixtures.MonkeyPatch('sys.path', [
            str(self.directory), *sys.path]))
        modules = {name: module for name, module in sys.modules.items()
                   if name != 'debugged'}
        self.useFixture(fixtures.MonkeyPatch(
            'sys.modules', {**modules, 'debugpy': library}))
        shutil.copy(archives.HERE / 'debug.py', self.directory)
        self.write(debugged_py=code, debug_json=json.dumps(
            {'entry': 'debugged.main', 'port': 5678}))
        return runpy.run_path(str(self.directory / 'debug.py')), calls

    def test_call_waits_for_an_editor(self):
        self.useFixture(fixtures.EnvironmentVariable(
            'PYDEVD_DISABLE_FILE_VALIDATION', None))
        harness, calls = self.load(
            'def main(name, times=1):\n    return name * times\n')
        self.assertEqual([], calls)
        output = self.useFixture(fixtures.StringStream('stdout')).stream
        self.useFixture(fixtures.MonkeyPatch('sys.stdout', output))
        self.assertEqual('aa', harness['main']('a', times=2))
        self.assertEqual([('listen', ('127.0.0.1', 5678), {
            'in_process_debug_adapter': True}), 'wait'], calls)

    def test_signature_is_that_of_the_function(self):
        # The agent passes the context to functions with that parameter.
        harness, _calls = self.load('def main(context, name): pass\n')
        self.assertEqual('main', harness['main'].__name__)
        self.assertEqual('debugged', harness['main'].__module__)

    def test_nodejs(self):
        if shutil.which('node') is None:
            self.skipTest('Node.js is not installed.')
        shutil.copy(archives.HERE / 'debug.mjs', self.directory)
        self.write(main_mjs=(
            'export const two = (input, context) => 1;\n'
            'export const three = (input, context, callback) => 1;\n'))
        lengths = []
        for name in ('two', 'three', 'none'):
            self.write(debug_json=json.dumps(
                {'entry': f'main.{name}', 'port': 9229}))
            result = subprocess.run(
                ['node', '--input-type=module', '-e',
                 'import { main } from "./debug.mjs";'
                 'console.log(main.length)'], cwd=self.directory,
                capture_output=True, text=True)
            lengths.append(result.stdout.strip())
        self.assertEqual(['0', '3', ''], lengths)
        self.assertIn('has no function none', result.stderr)
