# SPDX-License-Identifier: Apache-2.0
"""Tests common to all commands of ``qinling``, as processes."""

import ast
from importlib import metadata
import inspect
import subprocess

from qinling.tests.functional import shells
from qinling.tests.functional import terminal
from qinling.tests.functional import test_operations
from qinling.tests.functional import test_rollouts
from qinling.tests.functional import test_shell_apps
from qinling.tests.functional import test_shell_events
from qinling.tests.functional import test_shell_executions
from qinling.tests.functional import test_shell_functions
from qinling.tests.functional import test_shell_loop
from qinling.tests.functional import test_shell_projects
from qinling.tests.functional import test_shell_questions
from qinling.tests.functional import test_shell_versions
from qinling.tests.functional import test_shell_webhooks

GROUP = 'openstack.function_engine.v1'
#: Where the tests of the commands are.
MODULES = (test_operations, test_rollouts, test_shell_apps,
           test_shell_events, test_shell_executions, test_shell_functions,
           test_shell_loop, test_shell_projects, test_shell_questions,
           test_shell_versions, test_shell_webhooks)


class TestAll(shells.Case):
    def test_all_commands(self):
        """Check that every command has a test."""
        installed = {entry_point.name.replace('_', ' ')
                     for entry_point in metadata.entry_points(group=GROUP)}
        written = {
            node.value for module in MODULES
            for node in ast.walk(ast.parse(inspect.getsource(module)))
            if isinstance(node, ast.Constant)}
        self.assertGreater(len(installed), 40)
        self.assertEqual(set(), installed - written)

    def test_formats(self):
        for form, expected in (
                ('json', '"Name": "greeter"'), ('yaml', 'Name: greeter'),
                ('value', 'greeter\n'), ('table', '| greeter |'),
                ('csv', '"greeter"')):
            self.assertIn(expected, self.shell.run(
                'function list', '-f', form, '-c', 'Name'))
        self.assertIn('name="greeter"', self.shell.run(
            'function show', 'greeter', '-f', 'shell'))

    def test_help(self):
        self.assertIn('function alias rollback', self.shell.run('help'))
        self.assertIn('--show-log', self.shell.run('help', 'function',
                                                   'invoke'))
        self.assertIn('--show-log', self.shell.run('function invoke',
                                                   '--help'))
        self.assertIn('Did you mean: function version list',
                      self.shell.fails('function versoin list', code=2))

    def test_completion(self):
        script = self.shell.run('complete')
        for words, expected in (('function in', 'init invoke\n'),
                                ('function invoke gree', 'greeter\n'),
                                ('function show mai', 'main.py\n')):
            # What bash sets for the line typed.
            typed = (f'COMP_WORDS=(qinling {words})\nCOMP_CWORD='
                     f'{len(words.split())}\n_qinling\n'
                     'echo "${COMPREPLY[@]}"\n')
            path = f'{terminal.BIN}:{self.shell.environ["PATH"]}'
            completed = subprocess.run(
                ['bash'], input=script + typed, capture_output=True,
                text=True, cwd=self.directory,
                env=dict(self.shell.environ, PATH=path))
            self.assertEqual((expected, ''),
                             (completed.stdout, completed.stderr))

    def test_many_commands_in_one_process(self):
        text = self.shell.run('', stdin='runtime list -f value -c Name\n')
        self.assertIn('python3', text)
        text = self.shell.run('', stdin='function list -f value -c Name\n'
                              'function show nothing\n'
                              'runtime list -f value -c Name\n', code=1)
        self.assertIn('greeter', text)
        self.assertIn('python3', text)
        self.assertIn('Function not found [name=nothing]', self.shell.errors)

    def test_overview(self):
        text = self.shell.run('')
        self.assertIn(f'Server      {self.client.url}, reachable', text)
        self.assertIn('Functions   1\n', text)

    def test_no_server(self):
        error = self.shell.fails('--qinling-url http://127.0.0.1:1 '
                                 'runtime list')
        self.assertEqual(
            'No answer from http://127.0.0.1:1/v1/runtimes: Connection '
            'refused. Is the server running there? Set QINLING_URL or '
            '--qinling-url to the URL of the server; "qinling doctor" checks '
            'the connection.\n', error)
