# SPDX-License-Identifier: Apache-2.0
"""Tests of the commands for event sources and dead letters."""

from qinling.core import secrets
from qinling.tests.contracts import brokers
from qinling.tests.functional import base as servers
from qinling.tests.functional import shells

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
