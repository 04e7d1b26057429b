# SPDX-License-Identifier: Apache-2.0
"""What holds for all commands."""

import argparse
from importlib import metadata
import subprocess
import sys
import types

import fixtures
from oslotest import base

from qinling.client.commands import options
from qinling.client import exceptions

GROUP = 'openstack.function_engine.v1'
#: What python-qinlingclient 5.1.1 prints, in this order.
COLUMNS = {
    'runtime': 'id name image status description is_public trusted '
               'project_id created_at updated_at',
    'function': 'id name description count code runtime_id entry project_id '
                'created_at updated_at cpu memory_size timeout',
    'function worker': 'function_id worker_name',
    'function version': 'id function_id description version_number count '
                        'project_id created_at updated_at',
    'function alias': 'name function_id description function_version '
                      'project_id created_at updated_at',
    'function execution': 'id function_alias function_id function_version '
                          'description input result status sync project_id '
                          'created_at updated_at',
    'job': 'id name count status function_alias function_id function_version '
           'function_input pattern first_execution_time next_execution_time '
           'project_id created_at updated_at',
    'webhook': 'id function_alias function_id function_version description '
               'project_id created_at updated_at webhook_url',
}


def commands():
    """{name: class} of all commands."""
    return {found.name.replace('_', ' '): found.load()
            for found in metadata.entry_points(group=GROUP)}


class TestCommands(base.BaseTestCase):

    def test_columns(self):
        known = commands()
        for noun, columns in COLUMNS.items():
            for verb in ('list', 'show', 'create', 'update'):
                command = known.get(f'{noun} {verb}')
                if command is not None:
                    self.assertEqual(columns.split(), list(command.columns),
                                     (noun, verb))
        self.assertEqual(('name', 'capacity'),
                         known['runtime pool show'].columns)

    def test_each_says_what_it_does(self):
        for name, command in commands().items():
            made = command(types.SimpleNamespace(), None)
            first = made.get_description().splitlines()[0]
            self.assertNotIn('.', first.rstrip('.'), name)
            self.assertGreater(len(first), 8, name)
            for action in made.get_parser(name)._actions:
                self.assertTrue(action.help, (name, action.dest))

    def test_no_option_is_one_of_the_shell(self):
        """It, and OpenStackClient, read theirs among all words, and take
        beginnings of them for the same."""
        from qinling.client import shell
        parser = shell.Shell([]).parser
        taken = [option for action in parser._actions
                 for option in action.option_strings
                 if option not in ('-h', '--help')]
        for name, command in commands().items():
            made = command(types.SimpleNamespace(), None).get_parser(name)
            for action in made._actions:
                for option in action.option_strings:
                    if option.startswith('--') and option != '--help':
                        self.assertEqual([], [
                            other for other in taken
                            if other.startswith(option)], name)

    def test_without_what_commands_need(self):
        script = ("import sys; sys.modules['cliff'] = None; "
                  'from qinling.client import __main__ as program; '
                  'sys.exit(program.main([]))')
        ran = subprocess.run([sys.executable, '-c', script],
                             capture_output=True, text=True)
        self.assertEqual(1, ran.returncode)
        self.assertIn('pip install "qinling[cli]"', ran.stderr)
        self.assertNotIn('Traceback', ran.stderr)


class TestOptions(base.BaseTestCase):

    def test_members(self):
        self.assertEqual(
            {'a': '1', 'b': 1, 'c': [True], 'd': 'x=y', 'e': ''},
            options.members(['a=1', 'b:=1', 'c:=[true]', 'd=x=y', 'e=']))
        for word in ('a', '=1', 'a:=x'):
            self.assertRaises(exceptions.ClientError, options.members, [word])

    def test_text(self):
        path = self.useFixture(fixtures.TempDir()).join('input')
        with open(path, 'wb') as target:
            target.write(b'\xff')
        self.assertEqual('{"a": 1}', options.text('{"a": 1}'))
        self.assertIsNone(options.text(None))
        for value in ('@/nothing', f'@{path}'):
            error = self.assertRaises(exceptions.ClientError, options.text,
                                      value)
            self.assertIn('The input cannot be read', str(error))

    def test_numbers(self):
        self.assertEqual(3, options.positive('3'))
        for text in ('0', '-1', 'x', '1.5', ''):
            self.assertRaises(argparse.ArgumentTypeError, options.positive,
                              text)

    def test_objects(self):
        self.assertEqual({'a': 1}, options.json_object('{"a": 1}'))
        for text in ('[]', 'x', ''):
            self.assertRaises(argparse.ArgumentTypeError,
                              options.json_object, text)

    def query(self, *words):
        parser = argparse.ArgumentParser()
        options.add_listing(parser, types.SimpleNamespace(
            owned=True, more=('more',), filters=('status',)))
        return {name: value for name, value in options.query(
            parser.parse_args(words)).items() if value is not None}

    def test_listing(self):
        self.assertEqual({}, self.query())
        self.assertEqual(
            {'status': 'in:a,b', 'description': 'has:a=b & c', 'limit': 3,
             'sort_key': 'name', 'sort_dir': 'desc', 'all_projects': True,
             'project_id': 'p', 'marker': 'm'},
            self.query('--filter', 'status=in:a,b', '--filter',
                       'description=has:a=b & c', '--limit', '3', '--sort',
                       'name:desc', '--all-projects', '--project-id', 'p',
                       '--marker', 'm'))
        self.assertRaises(exceptions.ClientError, self.query, '--filter',
                          'status')
