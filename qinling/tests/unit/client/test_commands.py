# SPDX-License-Identifier: Apache-2.0
"""Tests of all commands, and of their options."""

import argparse
from importlib import metadata
import subprocess
import sys
from unittest import mock

import fixtures
from oslotest import base

from qinling.client.commands import names
from qinling.client.commands import options
from qinling.client import exceptions
from qinling.tests.unit.client import stub

GROUP = 'openstack.function_engine.v1'
ID = '11111111-2222-4333-8444-555555555555'
#: Columns of python-qinlingclient 5.1.1, in order.
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
    """Return {name: class} of all commands."""
    return {point.name.replace('_', ' '): point.load()
            for point in metadata.entry_points(group=GROUP)}


class TestCommands(base.BaseTestCase):

    def test_columns(self):
        classes = commands()
        for noun, columns in COLUMNS.items():
            for verb in ('list', 'show', 'create', 'update'):
                command = classes.get(f'{noun} {verb}')
                if command is not None:
                    self.assertEqual(columns.split(), list(command.columns),
                                     (noun, verb))
        self.assertEqual(('name', 'capacity'),
                         classes['runtime pool show'].columns)

    def test_descriptions(self):
        for name, command in commands().items():
            instance = command(mock.Mock(), None)
            first = instance.get_description().splitlines()[0]
            self.assertNotIn('.', first.rstrip('.'), name)
            self.assertGreater(len(first), 8, name)
            for action in instance.get_parser(name)._actions:
                self.assertTrue(action.help, (name, action.dest))

    def test_no_option_of_the_shell(self):
        """Check that no command has an option of the shell.

        The shell and OpenStackClient read global options among all words,
        also abbreviated.
        """
        from qinling.client import shell
        parser = shell.Shell([]).parser
        reserved = [option for action in parser._actions
                    for option in action.option_strings
                    if option not in ('-h', '--help')]
        for name, command in commands().items():
            parser = command(mock.Mock(), None).get_parser(name)
            for action in parser._actions:
                for option in action.option_strings:
                    if option.startswith('--') and option != '--help':
                        self.assertEqual([], [
                            word for word in reserved
                            if word.startswith(option)], name)

    def test_missing_libraries(self):
        script = ("import sys; sys.modules['cliff'] = None; "
                  'from qinling.client import __main__ as program; '
                  'sys.exit(program.main([]))')
        ran = subprocess.run([sys.executable, '-c', script],
                             capture_output=True, text=True)
        self.assertEqual(1, ran.returncode)
        self.assertIn("pip install '.[cli]'", ran.stderr)
        self.assertNotIn('Traceback', ran.stderr)


class TestOptions(base.BaseTestCase):

    def test_members(self):
        self.assertEqual(
            {'a': '1', 'b': 1, 'c': [True], 'd': 'x=y', 'e': ''},
            options.parse_members(
                ['a=1', 'b:=1', 'c:=[true]', 'd=x=y', 'e=']))
        for word in ('a', '=1', 'a:=x'):
            self.assertRaises(exceptions.ClientError, options.parse_members,
                              [word])

    def test_text(self):
        path = self.useFixture(fixtures.TempDir()).join('input')
        with open(path, 'wb') as target:
            target.write(b'\xff')
        self.assertEqual('{"a": 1}', options.read_text('{"a": 1}'))
        self.assertIsNone(options.read_text(None))
        for value in ('@/nothing', f'@{path}'):
            error = self.assertRaises(exceptions.ClientError,
                                      options.read_text, value)
            self.assertIn('Cannot read the input', str(error))

    def test_numbers(self):
        self.assertEqual(3, options.parse_positive('3'))
        for text in ('0', '-1', 'x', '1.5', ''):
            self.assertRaises(argparse.ArgumentTypeError,
                              options.parse_positive, text)

    def test_objects(self):
        self.assertEqual({'a': 1}, options.parse_json_object('{"a": 1}'))
        for text in ('[]', 'x', ''):
            self.assertRaises(argparse.ArgumentTypeError,
                              options.parse_json_object, text)

    def query(self, *words):
        parser = argparse.ArgumentParser()
        for argument in options.build_listing(('status',), True, True):
            argument.add_to(parser)
        return {name: value for name, value in options.build_query(
            parser.parse_args(words)).items() if value is not None}

    def test_listing(self):
        self.assertEqual({}, self.query())
        self.assertEqual(
            {'limit': 3, 'sort_key': 'name', 'sort_dir': 'desc',
             'all_projects': True, 'project_id': 'p', 'marker': 'm'},
            self.query('--limit', '3', '--sort', 'name:desc',
                       '--all-projects', '--project-id', 'p', '--marker',
                       'm'))

    def test_filters(self):
        server = stub.Server(*[stub.answer(body={'functions': [
            {'id': ID, 'name': 'a'}, {'id': 'x', 'name': 'ns:b'}]})
            for _ in range(5)])
        client = server.client()
        for text, expected in (
                ('status=in:a,b', 'in:a,b'),
                ('description=has:a=b & c', 'has:a=b & c'),
                (f'function_id={ID}', ID), ('function_id=a', ID),
                ('function_id=ns:b', 'x'), ('function_id=neq:a', f'neq:{ID}'),
                ('function_id=in:a,ns:b', f'in:{ID},x')):
            values, = names.parse_filters(client, [text]).values()
            self.assertEqual([expected], values, text)
        self.assertEqual(
            {'duration': ['gt:1', 'lt:2'], 'status': ['failed']},
            names.parse_filters(client, ['duration=gt:1', 'status=failed',
                                         'duration=lt:2']))
        self.assertRaises(exceptions.ClientError, names.parse_filters,
                          client, ['status'])
