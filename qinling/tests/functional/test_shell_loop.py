# SPDX-License-Identifier: Apache-2.0
"""Commands that run functions of a developer's machine, and repeat stored
executions there."""

import json
import shutil
import signal
import subprocess
import time

from qinling.tests import databases
from qinling.tests.functional import debuggers
from qinling.tests.functional import processes
from qinling.tests.functional import shells
from qinling.tests.functional import test_shell_projects
from qinling.tests import ports

APP = """\
functions:
  one:
    code: .
    entry: main.main
    runtime: python3
    environment: {LEVEL: debug}
    secrets: {TOKEN: {file: token}}
  two: {code: main.py, entry: main.two, runtime: python3}
"""
CODE = """\
import os


def main(a=0):
    print('Running')
    return [os.environ['LEVEL'], os.environ['TOKEN'], a]


def two(name='world'):
    raise ValueError(name)
"""
TEST = """\
import os
import pathlib

import main
import pytest


def test_environment():
    assert main.main(a=1) == ['debug', 'a-secret', 1]
    assert pathlib.Path('/code').samefile('.')
    assert os.environ['HOME'] == '/tmp'


def test_failure():
    assert os.environ['LEVEL'] == 'info'
"""
SLEEPER = """\
import time


def main():
    yield 'started\\n'
    time.sleep(600)
"""


class TestInvokeLocal(shells.Watched, test_shell_projects.ProjectTest):
    def write(self, **files):
        for name, text in files.items():
            (self.directory / name.replace('_', '.')).write_text(text)

    def test_functions_of_an_application(self):
        self.write(app_yaml=APP, main_py=CODE, token='a-secret\n')
        self.assertEqual(['debug', 'a-secret', 1], json.loads(
            self.shell.run('function invoke', '--local', 'one', 'a:=1',
                           '--show-log')))
        self.assertIn('\nRunning\n', self.shell.errors)
        self.assertEqual(
            'ValueError: Ada\n  main.py, line 10, in two\n',
            self.shell.fails('invoke', '--local', 'two', 'name=Ada'))
        self.assertIn('choose one of: one, two', self.shell.fails(
            'invoke', '--local'))
        self.assertIn('has no function three', self.shell.fails(
            'invoke', '--local', 'three'))
        self.assertIn('without --alias', self.shell.fails(
            'invoke', '--local', 'one', '--async'))

    def test_single_files(self):
        for name, code in (
                ('f.py', 'def main(a):\n    yield a\n    yield "!"\n'),
                ('f.mjs', 'export const main = ({ a }) => `${a}!`;\n')):
            if name.endswith('.mjs') and not shutil.which('node'):
                continue
            (self.directory / name).write_text(code)
            self.assertEqual('b!\n', self.shell.run(
                'invoke', '--local', name, 'a=b'))
        self.assertEqual('b!\n', self.shell.run(
            'invoke', '--local', 'f.py', 'a=b', '--stream'))
        self.assertFalse((self.directory / '.qinling').exists())
        self.assertIn('There is no g.py', self.shell.fails(
            'invoke', '--local', 'g.py'))

    def test_directory_without_application(self):
        self.assertIn('has neither app.yaml nor', self.shell.fails(
            'invoke', '--local', '.'))
        self.write(main_py='def main():\n    return 1\n')
        self.assertEqual('1\n', self.shell.run('invoke', '--local', '.'))

    def test_end_of_the_command_ends_the_worker(self):
        self.write(main_py=SLEEPER, app_yaml=(
            'functions:\n  f: {code: main.py, entry: main.main, runtime: '
            'python3, timeout: 600s}\n'))
        for number in (signal.SIGTERM, signal.SIGKILL):
            self.start_command('invoke', '--local', '--stream')
            self.read_until('started')
            below = processes.descendants(self.process.pid)
            self.assertLess(1, len(below))
            self.process.send_signal(number)
            self.process.wait(databases.PATIENCE)
            for pid in below:
                databases.wait_until(lambda: not processes.alive(pid))

    def test_line_of_a_syntax_error(self):
        self.write(main_py='def main():\n    return (\n')
        self.assertIn('line 2', self.shell.fails('invoke', '--local', '.'))


class TestTest(test_shell_projects.ProjectTest):
    def test_environment_of_the_function(self):
        for name, text in (('app.yaml', APP), ('main.py', CODE),
                           ('token', 'a-secret\n'), ('test_main.py', TEST),
                           ('.qinlingignore', 'test_*\ntoken\n')):
            (self.directory / name).write_text(text)
        output = self.shell.run('function test', '--function', 'one', code=1)
        self.assertIn('1 failed, 1 passed', output)
        self.assertIn('test_main.py:15: AssertionError', output)
        output = self.shell.run('test', 'one', '--', '-k', 'environment')
        self.assertIn('1 passed, 1 deselected', output)
        # The exit code is that of pytest: no test was found.
        self.shell.run('test', 'one', '--', '-k', 'nothing', code=5)

    def works(self, program):
        """Return whether a compiler is here, and works in another HOME."""
        return shutil.which(program[0]) is not None and not subprocess.run(
            program, env=self.shell.environ, capture_output=True).returncode

    def test_all_languages(self):
        for language, program, old, new in (
                ('nodejs', ('node', '-v'), 'Hello', 'Bye'),
                ('bash', ('bash', '--version'), 'Hello', 'Bye'),
                ('go', ('go', 'version'), 'Hello', 'Bye'),
                ('rust', ('cargo', '-V'), 'Hello, {name}', 'Bye, {name}')):
            if not self.works(program):
                continue
            # The directory "go" below HOME is that of the modules of Go.
            project = f'my-{language}'
            self.shell.run('init', language, project)
            self.shell.run('test', project)
            path, = (path for path in (self.directory / project).rglob('*')
                     if path.name in ('main.js', 'main.go', 'main.rs')
                     or language == 'bash' and path.name == 'main')
            path.write_text(path.read_text().replace(old, new))
            self.assertIn('Bye', self.shell.run('test', project, code=1))

    def test_faults(self):
        self.shell.run('init', 'bash', '.')
        (self.directory / 'test.sh').unlink()
        self.assertIn('There is no test.sh in .', self.shell.fails('test'))
        self.shell.run('init', 'python', 'slow')
        (self.directory / 'slow' / 'test_main.py').write_text(
            'import time\n\ndef test():\n    time.sleep(60)\n')
        self.assertIn('The tests did not end: timeout', self.shell.fails(
            'test', 'slow', '--timeout', 3))

    def test_compiler_names_the_line(self):
        app = self.directory / 'app.yaml'
        app.write_text('functions:\n  f: {code: main, entry: main, runtime: '
                       'command, compile: "echo main.x:7: wrong; exit 3"}\n')
        (self.directory / 'test.sh').write_text('exit 0')
        for command in ('test', 'invoke --local'):
            error = self.shell.fails(command)
            self.assertIn('functions.f.compile ended with exit code 3:\n'
                          'main.x:7: wrong', error)


class DebugCase(shells.Watched):
    """Runs of commands that wait for a debugger."""

    def start(self, *words):
        """Start a command, and return the port after it listens."""
        port = ports.free()
        self.start_command(*words, '--debug', '--port', str(port))
        self.read_until('Waiting for a debugger')
        return port

    def check_python(self, port, path, directory, line):
        """Stop at a line, and continue to the end of the command."""
        client = debuggers.DebugAdapter(port)
        self.addCleanup(client.close)
        stop, frame = client.attach(path, directory, line)
        self.assertEqual(('breakpoint', str(path), line), (
            stop['reason'], frame['source']['path'], frame['line']))
        name = client.evaluate(frame, 'name')
        client.call('continue', threadId=stop['threadId'])
        output = self.process.stdout.read()
        return name, self.process.wait(databases.PATIENCE), output


class TestDebug(DebugCase, test_shell_projects.ProjectTest):
    def test_python(self):
        self.shell.run('init', 'python', '.', '--name', 'greeter')
        # The function may wait longer than its timeout.
        app = self.directory / 'app.yaml'
        app.write_text(app.read_text().replace('10s', '1s'))
        port = self.start('dev', '--once')
        name, code, output = self.check_python(
            port, self.directory / 'main.py', self.directory, 4)
        self.assertEqual(("'Ada'", 0), (name, code))
        self.assertIn('Hello, Ada\n', output)

    def test_nodejs(self):
        if shutil.which('node') is None:
            self.skipTest('Node.js is not installed.')
        self.shell.run('init', 'nodejs', '.')
        client = debuggers.Inspector(self.start('dev', '--once'))
        self.addCleanup(client.close)
        frame = client.attach('main.js', 3)
        self.assertEqual(2, frame['location']['lineNumber'])
        self.assertEqual('Ada', client.evaluate(frame, 'name'))
        client.call('Debugger.resume')
        client.close()
        self.assertIn('Hello, Ada\n', self.process.stdout.read())
        self.assertEqual(0, self.process.wait(databases.PATIENCE))

    def test_faults(self):
        self.shell.run('init', 'bash', '.')
        self.assertIn('only functions of python3 and nodejs',
                      self.shell.fails('dev', '--once', '--debug'))
        self.assertIn('omit --on-server', self.shell.fails(
            'dev', '--debug', '--on-server'))

    def test_launch_configuration(self):
        for language, port in (('python', 5678), ('nodejs', 9229)):
            self.shell.run('init', language, language)
            path = self.directory / language / '.vscode' / 'launch.json'
            configuration, = json.loads(path.read_text())['configurations']
            self.assertEqual(
                ('attach', port), (configuration['request'], configuration.get(
                    'port') or configuration['connect']['port']))


class TestReplay(DebugCase, shells.Case):
    def create(self, name):
        """Create a function with a secret and a version; run it once."""
        (self.directory / 'main.py').write_text(
            'import os\n\n\ndef main(name):\n'
            '    return [name, os.environ.get("LEVEL"), '
            'os.environ.get("TOKEN")]\n')
        (self.directory / 'token').write_text('a-secret')
        self.shell.run(
            'function create', '--name', name, '--runtime', 'python3',
            '--file', 'main.py', '--environment', 'LEVEL=debug',
            '--secret-file', 'TOKEN=token')
        self.shell.run('function version create', name)
        id = self.run_once(name, '--function-version', 1, 'name=Ada')
        (self.directory / 'main.py').write_text(
            'def main(name):\n    return "new"\n')
        self.shell.run('function update', name, '--file', 'main.py')
        return id

    def run_once(self, *words):
        """Run a function, and return the id of the execution."""
        id = self.shell.run('function invoke', *words, '--async').strip()
        self.client.wait_for_end(id)
        return id

    def test_repetitions(self):
        id = self.create('stored')
        expected = ['Ada', 'debug', 'a-secret']
        self.assertEqual(expected, json.loads(
            self.shell.run('function replay', id)))
        self.assertEqual(['Ada', 'debug', None], json.loads(
            self.shell.run('function replay', id, '--local')))
        self.assertIn('Missing secrets: TOKEN.', self.shell.errors)
        self.assertNotIn('a-secret', self.shell.errors)
        self.shell.environ['TOKEN'] = 'mine'
        self.addCleanup(self.shell.environ.pop, 'TOKEN')
        self.assertEqual(['Ada', 'debug', 'mine'], json.loads(self.shell.run(
            'function replay', id, '--local', '--secret', 'TOKEN')))
        self.assertIn('There is no environment variable OTHER', (
            self.shell.fails('function replay', id, '--local', '--secret',
                             'OTHER')))
        self.check_debugger(id)

    def check_debugger(self, id):
        """Check a stored execution in a debugger."""
        port = self.start('replay', id, '--local')
        place = next((self.directory / '.cache' / 'qinling').glob(
            f'*/replays/{id}'))
        name, code, output = self.check_python(
            port, place / 'main.py', place, 5)
        self.assertEqual(("'Ada'", 0), (name, code))
        self.assertIn('["Ada", "debug", null]', output)

    def test_changed_function(self):
        self.create('changed')
        id = self.run_once('changed', 'name=Eve')
        # Times have seconds.
        second = int(time.time())
        databases.wait_until(lambda: int(time.time()) > second)
        self.shell.run('function update', 'changed', '--description', 'new')
        self.assertEqual('new\n', self.shell.run(
            'function replay', id, '--local'))
        self.assertIn('The function has changed since', self.shell.errors)

    def test_faults(self):
        self.assertIn('is no id of an execution', self.shell.fails(
            'function replay', 'prod'))
        id = '11111111-2222-4333-8444-555555555555'
        self.assertIn('(HTTP 404)', self.shell.fails('function replay', id))
        self.assertIn('need --local', self.shell.fails(
            'function replay', id, '--secret', 'A'))
        self.assertIn('omit --function-version', self.shell.fails(
            'function replay', id, '--local', '--function-version', 1))
