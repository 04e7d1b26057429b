# SPDX-License-Identifier: Apache-2.0
"""Commands for applications in a file."""

import pathlib

import fixtures

from qinling.tests.functional import base as servers
from qinling.tests.functional import shells

APP = """\
functions:
  hello:
    code: hello.py
    entry: hello.main
    runtime: python3
    memory: 64MiB
    timeout: 10s
    environment: {LEVEL: debug}
    secrets:
      TOKEN: {file: token}
    publish: true
aliases:
  live: {function: hello, version: latest}
jobs:
  nightly:
    alias: live
    pattern: '0 3 * * *'
    timezone: Europe/Berlin
    input: {name: Ada}
webhooks:
  orders: {alias: live, signature: github}
"""
CODE = """\
import os


def main(name='world'):
    return [os.environ['LEVEL'], os.environ['TOKEN'], name]
"""
NOTHING = 'Nothing to do: the project is as the file says.'


class TestApps(shells.Case):
    def write(self, app=APP, code=CODE):
        for name, text in (('app.yaml', app), ('hello.py', code),
                           ('token', 'a-secret\n')):
            (self.directory / name).write_text(text)

    def apply(self, *words):
        return self.shell.run('function apply', *words)

    def test_life_of_an_application(self):
        self.write()
        plan = self.apply('--dry-run')
        for line in ('+ function hello', '+ version of hello', '+ alias live',
                     '+ job nightly', '+ webhook orders',
                     '5 to create, 0 to change, 0 to delete.'):
            self.assertIn(line + '\n', plan)
        self.assertNotIn('a-secret', plan)
        self.assertEqual([], self.shell.json('function alias list'))
        self.assertIn('done: + webhook orders', self.apply())
        self.assertEqual('["debug", "a-secret", "Ada"]', ''.join(
            self.shell.run('function invoke --alias live', 'name=Ada')
        ).strip())
        # A second run changes nothing, and publishes nothing.
        self.assertEqual(NOTHING + '\n', self.apply())
        self.assertEqual(NOTHING + '\n', self.shell.run('function diff'))
        self.check_changes()
        self.check_deletions()

    def check_changes(self):
        self.write(APP.replace('10s', '20s').replace('0 3', '30 4'),
                   CODE.replace('return [', 'return ["new", '))
        plan = self.shell.run('function diff', code=1)
        for line in ('~ function hello', '    timeout: 10 -> 20',
                     '    code: changed', '+ version of hello',
                     '~ alias live', '    function_version: 1 -> new',
                     '~ job nightly',
                     '    pattern: 0 3 * * * -> 30 4 * * *',
                     '1 to create, 3 to change, 0 to delete.'):
            self.assertIn(line + '\n', plan)
        self.apply()
        self.assertIn('"new"', self.shell.run('function invoke --alias live'))
        self.assertEqual(NOTHING + '\n', self.apply())

    def check_deletions(self):
        self.write(APP[:APP.index('webhooks:')] + 'webhooks:\n')
        self.assertIn('confirm with --yes', self.shell.fails(
            'function apply', '--prune'))
        plan = self.apply('--prune', '--yes')
        self.assertIn('- webhook orders\n', plan)
        # The function of the other tests is not in the file.
        self.assertIn('done: - function greeter\n', plan)
        self.assertEqual(['hello'], [
            row['Name'] for row in self.shell.json('function list')])
        self.assertEqual(NOTHING + '\n', self.apply('--prune'))

    def test_schema(self):
        self.assertIn('"title": "Qinling application"',
                      self.apply('--schema'))


class TestMove(shells.Case):
    def publish(self, number):
        """Publish a version that returns its number and its environment."""
        (self.directory / 'main.py').write_text(
            'import os\n\n\ndef main():\n'
            f'    return [{number}, os.environ.get("A")]\n')
        self.shell.run('function update', 'greeter', '--file', 'main.py',
                       *(('--environment', 'A=1') if number == 1 else
                         ('--unset-environment', 'A')))
        self.shell.run('function version create', 'greeter', '--description',
                       f'number {number}')

    def move(self):
        """Return the shell of another server with the exported project."""
        self.shell.run('function export', 'moved')
        server = self.useFixture(servers.Standalone())
        shell = self.create_shell(
            server.client.url,
            WEBHOOK_ORDERS='a-secret-of-32-characters-or-more')
        shell.run('function apply', '--file', 'moved/app.yaml')
        self.assertEqual(NOTHING + '\n', shell.run(
            'function apply', '--file', 'moved/app.yaml'))
        return shell

    def test_project_moves_to_another_server(self):
        run = self.shell.run
        for number in (1, 2, 3, 4):
            self.publish(number)
        run('function version delete', 'greeter', 2)
        run('function alias create', 'prod', '--function', 'greeter',
            '--function-version', 1)
        run('function alias update', 'prod', '--weight', '1=0.5', '--weight',
            '3=0.5')
        run('function alias update', 'prod', '--function-version', 4)
        run('job create', '--name', 'nightly', '--function-alias', 'prod',
            '--pattern', '0 3 * * *', '--function-input', '{"a": [1, "x"]}')
        run('webhook create', '--description', 'orders', '--function-alias',
            'prod', '--signature', 'github')
        shell = self.move()
        self.assertEqual([(1, 'number 1'), (3, 'number 3'), (4, 'number 4')],
                         sorted((row['Version_number'], row['Description'])
                                for row in shell.json(
                                    'function version list', 'greeter')))
        for version, expected in ((1, '[1, "1"]'), (3, '[3, null]'),
                                  (4, '[4, null]')):
            self.assertEqual(expected, shell.run(
                'function invoke', 'greeter', '--function-version',
                version).strip())
        self.assertEqual([4, {'1': 0.5, '3': 0.5}, 1], [
            row['Routing'] or row['Function_version'] for row in shell.json(
                'function alias history', 'prod')])
        job, = shell.json('job list')
        self.assertEqual(('0 3 * * *', 'nightly'),
                         (job['Pattern'], job['Name']))
        webhook, = shell.json('webhook list')
        self.assertEqual(('orders', 'prod'), (
            webhook['Description'], webhook['Function_alias']))

    def test_incomplete_directory(self):
        place = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        (place / 'file').write_text('')
        self.assertIn('Cannot write', self.shell.fails(
            'function export', place / 'file'))
