# SPDX-License-Identifier: Apache-2.0
"""Event sources with real brokers and engines that are killed."""

import json
import signal
import time

from oslotest import base

from qinling.core import secrets
from qinling.tests.contracts import brokers
from qinling.tests.contracts import kafka_brokers
from qinling.tests.contracts import test_event_sources
from qinling.tests.functional import base as servers

CODE = 'def main(events):\n    return [event["id"] for event in events]\n'
COUNT = 150


class TestKills(base.BaseTestCase):
    """Kill the engine that reads a source while events flow."""

    def setUp(self):
        super().setUp()
        self.cloud = self.useFixture(servers.Cloud(
            engines=2, secrets={'encryption_keys': secrets.new_key()},
            event_sources={'lease': 3}, engine={'lease': 6}))
        self.client = self.cloud.client
        self.function = self.client.create(CODE)['id']

    def create(self, kind, settings, **fields):
        """Return the id of a connected source."""
        status, row = self.client.call('POST', '/v1/event_sources', {
            'kind': kind, 'settings': settings, 'batch_size': 4,
            'function_id': self.function, **fields})
        self.assertEqual(201, status, row)
        servers.wait_for(
            lambda: self.get(row['id'])['state'] == 'connected',
            'the connection')
        return row['id']

    def get(self, id):
        return self.client.get(f'/v1/event_sources/{id}')

    def list_executions(self, id):
        return self.client.get(f'/v1/executions?group_id={id}')['executions']

    def kill_reader(self, id):
        """Kill the engine that reads a source."""
        owner = self.cloud.database.execute(
            f"SELECT owner FROM event_sources WHERE id = '{id}'").scalar()
        engine, = (engine for engine in self.cloud.engines
                   if f':{engine.process.pid}:' in owner)
        engine.process.send_signal(signal.SIGKILL)
        engine.process.wait()

    def run_events(self, id, send, count):
        """Send events, kill the reader, and check what ran.

        :param send: sends the event with a number; returns its id, ``None``
            if the sender does not know the id.
        :param count: returns the number of events left in the source.
        """
        names = set()
        for number in range(COUNT):
            names.add(send(number))
            if number == COUNT // 2:
                servers.wait_for(lambda: self.get(id)['accepted'] > 4,
                                 'the first events')
                self.kill_reader(id)
        started = time.monotonic()
        servers.wait_for(lambda: self.get(id)['accepted'] == COUNT,
                         'all events')
        servers.wait_for(lambda: count() == 0, 'the acknowledgement')
        servers.wait_for(lambda: all(
            row['status'] != 'running' for row in self.list_executions(id)),
            'the ends')
        rows = self.list_executions(id)
        events = [event['id'] for row in rows
                  for event in json.loads(row['input'])['events']]
        self.assertEqual(COUNT, len(events))
        self.assertEqual(COUNT, len(set(events)))
        if None not in names:
            self.assertEqual(names, set(events))
        self.assertEqual({'success'}, {row['status'] for row in rows})
        return time.monotonic() - started

    def test_rabbitmq(self):
        queue = self.useFixture(brokers.Rabbit())
        id = self.create('rabbitmq', {'url': queue.url, 'queue': queue.name},
                         credentials=test_event_sources.CREDENTIALS)

        def send(number):
            # The sender sends every message twice.
            for _ in range(2):
                queue.send({'number': number}, message_id=f'm{number}')
            return f'm{number}'
        self.run_events(id, send, queue.count)

    def test_redis(self):
        stream = self.useFixture(brokers.Redis())
        id = self.create('redis', {'url': stream.url, 'stream': stream.name})
        self.run_events(id, lambda number: stream.send(number=str(number)),
                        stream.count)

    def test_kafka(self):
        kafka = self.useFixture(kafka_brokers.Kafka())
        id = self.create('kafka', {'url': kafka.url, 'topic': kafka.topic})

        def count():
            position = self.cloud.database.execute(
                'SELECT position FROM event_sources '
                f"WHERE id = '{id}'").scalar()
            return COUNT - sum(json.loads(position).values())
        self.run_events(id, lambda number: kafka.send(
            b'{"number": %d}' % number, number % 3), count)

    def test_notifications(self):
        rabbit = self.useFixture(brokers.Rabbit())
        id = self.create(
            'notifications',
            {'url': rabbit.url, 'exchange': rabbit.exchange,
             'topics': [rabbit.exchange]},
            credentials=test_event_sources.CREDENTIALS,
            filter={'types': ['volume.*']})
        queue = f'qinling.{id}'
        self.addCleanup(rabbit.channel.queue_delete, queue)
        notifier = test_event_sources.create_notifier(self, rabbit)

        def count():
            return rabbit.channel.queue_declare(
                queue, passive=True).message_count
        self.run_events(
            id, lambda number: notifier.info({}, 'volume.create.end', {
                'number': number}), count)


class TestPoison(servers.Shared, base.BaseTestCase):
    """Malformed record of Kafka, up to the redrive."""

    make_server = servers.Standalone

    def test_from_record_to_redrive(self):
        kafka = self.useFixture(kafka_brokers.Kafka())
        function = self.client.create(CODE)['id']
        _, source = self.client.call('POST', '/v1/event_sources', {
            'kind': 'kafka', 'function_id': function, 'batch_size': 10,
            'settings': {'url': kafka.url, 'topic': kafka.topic,
                         'start': 'oldest'}})
        names = [kafka.send(value) for value in (b'1', b'{', b'3')]
        path = f'/v1/event_sources/{source["id"]}'
        servers.wait_for(lambda: self.client.get(path)['dead'] == 1,
                         'the dead letter')
        servers.wait_for(lambda: self.client.get(path)['accepted'] == 2,
                         'the other records')
        letters = f'/v1/dead_letters?source_id={source["id"]}'
        letter, = self.client.get(letters)['dead_letters']
        self.assertIn('is no JSON', letter['reason'])
        status, row = self.client.call(
            'POST', f'/v1/dead_letters/{letter["id"]}/redrive', {})
        self.assertEqual(201, status, row)
        self.assertEqual(
            [names[1]], json.loads(self.client.wait_for_end(
                row['id'])['result'])['output'])
        self.assertEqual([], self.client.get(letters)['dead_letters'])
        # Records wait while the source is paused.
        self.assertEqual(200, self.client.call(
            'POST', f'{path}/pause')[0])
        names.append(kafka.send(b'4'))
        self.assertEqual(200, self.client.call(
            'POST', f'{path}/resume')[0])
        servers.wait_for(lambda: self.client.get(path)['accepted'] == 3,
                         'the record after the pause')


class TestService(servers.Shared, base.BaseTestCase):
    make_server = servers.Standalone

    def test_deletion_guard_and_pages(self):
        function = self.client.create(CODE)['id']
        _, source = self.client.call('POST', '/v1/event_sources', {
            'kind': 'rabbitmq', 'function_id': function, 'settings': {
                'url': 'amqp://127.0.0.1:1', 'queue': 'q'}})
        path = f'/v1/event_sources/{source["id"]}'
        servers.wait_for(lambda: self.client.get(path)['state'] == 'error',
                         'the error')
        self.assertIn('cannot be reached',
                      self.client.get(path)['state_reason'])
        status, answer = self.client.call('DELETE',
                                          f'/v1/functions/{function}')
        self.assertEqual(403, status)
        self.assertIn(f'event_source {source["id"]}', answer['faultstring'])
        self.assertEqual(204, self.client.call('DELETE', path)[0])
        self.assertEqual(204, self.client.call(
            'DELETE', f'/v1/functions/{function}')[0])
