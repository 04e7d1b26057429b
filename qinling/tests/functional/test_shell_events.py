# SPDX-License-Identifier: Apache-2.0
"""Tests of the commands for event sources and dead letters."""

from qinling.core import secrets
from qinling.tests.contracts import brokers
from qinling.tests.functional import base as servers
from qinling.tests.functional import shells
from qinling.tests.functional import test_shell_apps

APP = """\
functions:
  greeter: {{code: main.py, runtime: python3, publish: true}}
aliases:
  live: {{function: greeter, version: latest}}
event_sources:
  orders:
    alias: live
    kind: rabbitmq
    settings: {{url: {url}, queue: {queue}}}
    batch_size: {size}
    credentials: {{username: guest, password: {{file: password}}}}
"""
STRICT = ('{"properties": {"events": {"items": {"properties": {"body": '
          '{"type": "integer"}}}}}}')


class TestEvents(shells.Case):
    @staticmethod
    def make_server():
        return servers.Standalone(
            secrets={'encryption_keys': secrets.new_key()})

    def setUp(self):
        super().setUp()
        self.queue = self.useFixture(brokers.Rabbit())

    def show(self, name):
        return self.shell.json('event source show', name)

    def test_sources_and_letters(self):
        (self.directory / 'strict.json').write_text(STRICT)
        (self.directory / 'password').write_text('guest\n')
        self.shell.run(
            'function create', '--name', 'strict', '--runtime', 'python3',
            '--file', 'main.py', '--input-schema', 'strict.json')
        source = self.shell.json(
            'event source create', '--name', 'orders', '--kind', 'rabbitmq',
            '--function', 'strict', '--setting', f'url={self.queue.url}',
            '--setting', f'queue={self.queue.name}', '--username', 'guest',
            '--password', '@password', '--batch-size', '2',
            '--batch-window', '1s')
        self.assertTrue(source['has_credentials'])
        self.assertNotIn('guest', str(source))
        servers.wait_for(lambda: self.show('orders')['state'] == 'connected',
                         'the connection')
        self.queue.send('no number')
        servers.wait_for(lambda: self.show('orders')['dead'] == 1,
                         'the dead letter')
        row, = self.shell.json('function trigger list')
        self.assertEqual(
            ('rabbitmq', 'orders', '1 events became dead letters.'),
            (row['Kind'], row['Name'], row['Problem']))
        self.assertIn('orders', self.shell.run('event source list'))
        paused = self.shell.json('event source pause', 'orders')
        self.assertEqual('paused', paused['status'])
        self.assertEqual('running', self.shell.json(
            'event source resume', 'orders')['status'])
        changed = self.shell.json('event source update', 'orders',
                                  '--batch-size', '7')
        self.assertEqual(7, changed['batch_size'])
        self.check_letters(source['id'])
        self.shell.run('event source delete', 'orders')
        self.assertEqual([], self.shell.json('event source list'))

    def write_app(self, size):
        (self.directory / 'app.yaml').write_text(APP.format(
            url=self.queue.url, queue=self.queue.name, size=size))

    def check_events(self, shell, text):
        """Check that a server runs the function for a new event."""
        servers.wait_for(lambda: shell.json('event source show', 'orders')[
            'state'] == 'connected', 'the connection')
        self.queue.send(text)
        servers.wait_for(lambda: any(
            text in row['Input'] and row['Status'] == 'success'
            for row in shell.json('execution list', '--filter',
                                  'trigger=event_source')), text)

    def test_sources_of_an_application(self):
        (self.directory / 'password').write_text('guest\n')
        self.write_app(2)
        plan = self.shell.run('function apply', '--dry-run')
        self.assertIn('+ event source orders\n', plan)
        self.assertNotIn('guest', plan)
        self.shell.run('function apply')
        self.check_events(self.shell, 'first')
        self.assertEqual(f'{test_shell_apps.NOTHING}\n',
                         self.shell.run('function apply'))
        id = self.show('orders')['id']
        self.write_app(3)
        self.assertIn('    batch_size: 2 -> 3\n', self.shell.run(
            'function diff', code=1))
        self.shell.run('function apply')
        row = self.show('orders')
        self.assertEqual((id, 3), (row['id'], row['batch_size']))
        self.check_events(self.shell, 'second')
        self.check_move()
        self.write_app(3)
        path = self.directory / 'app.yaml'
        text = path.read_text()
        path.write_text(text[:text.index('  orders')])
        self.assertIn('- event source orders\n', self.shell.run(
            'function apply', '--prune', '--yes'))
        self.assertEqual([], self.shell.json('event source list'))

    def check_move(self):
        """Check that an exported source runs on another server."""
        self.shell.run('function export', 'moved')
        self.assertNotIn('password: guest', (
            self.directory / 'moved' / 'app.yaml').read_text())
        self.shell.run('event source pause', 'orders')
        server = self.useFixture(self.make_server())
        shell = self.create_shell(
            server.client.url, SOURCE_ORDERS_USERNAME='guest',
            SOURCE_ORDERS_PASSWORD='guest')
        shell.run('function apply', '--file', 'moved/app.yaml')
        self.check_events(shell, 'third')
        self.assertEqual(f'{test_shell_apps.NOTHING}\n', shell.run(
            'function apply', '--file', 'moved/app.yaml'))

    def check_letters(self, source):
        letter, = self.shell.json('dead letter list', '--filter',
                                  f'source_id={source}')
        self.assertIn('input_schema', letter['Reason'])
        details = self.shell.json('dead letter show', letter['Id'])
        self.assertIn('no number', details['payload'])
        choice = '--filter', f'source_id={source}'
        self.assertEqual((1, 0), self.count(*choice, '--dry-run'))
        self.assertIn('input_schema', self.shell.fails(
            'dead letter redrive', *choice))
        self.assertEqual((1, 1), self.count(
            *choice, '--function', 'greeter'))
        self.assertEqual([], self.shell.json('dead letter list'))
        self.assertIn('Dead letter not found', self.shell.fails(
            'dead letter delete', letter['Id']))

    def count(self, *options):
        row = self.shell.json('dead letter redrive', *options)
        return row['count'], row['redriven']
