# SPDX-License-Identifier: Apache-2.0
"""Commands that start a project, and run it after each change."""

import getpass
import pathlib
import shutil
import signal
import subprocess

import fixtures
from oslotest import base

from qinling.tests import databases
from qinling.tests.functional import processes
from qinling.tests.functional import shells
from qinling.tests.functional import terminal

TESTS = {'python': ['python3', '-m', 'unittest'], 'nodejs': ['node', '--test'],
         'bash': ['./test.sh']}


class ProjectTest(base.BaseTestCase):
    """Test in an empty directory."""

    def setUp(self):
        super().setUp()
        self.directory = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path)
        self.shell = terminal.Terminal(
            terminal.BIN / 'qinling', self.directory, PYTHONUTF8='1')


class TestInit(ProjectTest):
    def test_projects_of_all_languages_run(self):
        for language, test in TESTS.items():
            program = {'nodejs': 'node'}.get(language, 'bash')
            if shutil.which(program) is None:
                continue
            self.shell.run('function init', language, language)
            project = self.directory / language
            subprocess.run(test, cwd=project, check=True,
                           capture_output=True)
            output = self.shell.run('function dev', language, '--once')
            self.assertIn(f' {language}: success in ', output)
            self.assertIn('\n  | Greeting Ada\nHello, Ada\n', output)

    def test_nothing_is_replaced(self):
        (self.directory / 'main.py').write_text('mine')
        error = self.shell.fails('init')
        self.assertIn('has main.py already; nothing was written', error)
        self.assertEqual(['main.py'], [
            path.name for path in self.directory.iterdir()])

    def test_name_of_the_function(self):
        self.shell.run('init', 'python', 'my project')
        application = self.directory / 'my project' / 'app.yaml'
        self.assertIn('\n  my-project:\n', application.read_text())
        self.shell.run('init', 'python', 'other', '--name', 'f1')
        application = self.directory / 'other' / 'app.yaml'
        self.assertIn('\n  f1:\n', application.read_text())


class TestDev(shells.Watched, ProjectTest):
    def setUp(self):
        super().setUp()
        self.shell.run('init', 'python', '.', '--name', 'greeter')
        self.code = self.directory / 'main.py'

    def start(self):
        """Start the command, and wait for its first run."""
        self.start_command('dev')
        self.read_until('Waiting for changes')

    def test_changes_run_at_once(self):
        self.start()
        code = self.code.read_text()
        self.code.write_text(code.replace('Hello', 'Good evening'))
        self.assertIn('| Greeting Ada', self.read_until('Good evening, Ada'))
        (self.directory / 'event.json').write_text('{"name": "Grace"}')
        self.read_until('Good evening, Grace')
        self.code.write_text('def main(name):\n    return 1 / 0\n')
        failure = self.read_until('main.py, line 2, in main')
        self.assertIn('greeter: failed', failure)
        self.assertIn('ZeroDivisionError', failure)
        self.code.write_text('def main(:\n')
        self.read_until('main.py has a syntax error in line 1')
        self.code.write_text(code)
        self.read_until('Hello, Grace')
        self.stop(signal.SIGINT)

    def stop(self, number):
        server, = (pid for pid in processes.children(self.process.pid)
                   if processes.alive(pid))
        self.process.send_signal(number)
        self.process.wait(databases.PATIENCE)
        databases.wait_until(lambda: not processes.alive(server))

    def test_end_of_the_command_ends_the_server(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            self.start()
            self.stop(number)

    def test_failure_is_the_exit_code(self):
        self.code.write_text('def main(name):\n    raise ValueError(name)\n')
        self.assertIn('A function has failed',
                      self.shell.fails('dev', '--once'))

    def test_errors_of_the_project(self):
        self.assertIn('app.yaml has no function nothing', self.shell.fails(
            'dev', '--once', '--function', 'nothing'))
        (self.directory / 'event.json').write_text('{')
        errors = self.shell.fails('dev', '--once')
        self.assertIn('Cannot read event.json', errors)
        self.assertNotIn('A function has failed', errors)

    def test_occupied_directory(self):
        self.start()
        self.assertIn('Another command uses', self.shell.fails('dev'))
        # Commands that run once use the server that runs.
        self.assertIn('Hello, Ada\n', self.shell.run('dev', '--once'))
        self.assertEqual('Hello, Eve\n', self.shell.run(
            'invoke', '--local', 'name=Eve'))


class TestOnServer(shells.Case):
    def test_functions_have_names_of_their_own(self):
        self.shell.run('init', 'python', 'project', '--name', 'greeter')
        output = self.shell.run('dev', 'project', '--once', '--on-server')
        self.assertIn('greeter: success', output)
        names = self.shell.run('function list', '-f', 'value', '-c', 'Name')
        self.assertEqual(
            {'greeter', f'greeter-dev-{getpass.getuser()}'},
            set(names.split()))
        self.assertEqual('', self.shell.run(
            'function version list', f'greeter-dev-{getpass.getuser()}',
            '-f', 'value'))
