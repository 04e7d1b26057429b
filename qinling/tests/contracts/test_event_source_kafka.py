# SPDX-License-Identifier: Apache-2.0
"""Events of topics of a real broker with the protocol of Kafka."""

import json

import fixtures
from oslotest import base

from qinling.db import crud
from qinling.db import models
from qinling.engine.periodic import event_sources
from qinling.event_sources import addresses
from qinling.event_sources import base as drivers
from qinling.event_sources import kafka
from qinling.event_sources import kafka_codecs
from qinling import exception
from qinling.tests.contracts import kafka_brokers
from qinling.tests.contracts import relays
from qinling.tests.contracts import test_event_sources
from qinling.tests import ports


class OneHost(addresses.Guard):
    """Allows a single name of the machine."""

    def check(self, address, host):
        if host != '127.0.0.1':
            super().check(address, host)


class TestKafka(test_event_sources.Sources, base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.kafka = self.useFixture(kafka_brokers.Kafka())

    def create_source(self, settings=(), **fields):
        return self.create('kafka', {
            'url': self.kafka.url, 'topic': self.kafka.topic,
            'start': 'oldest', **dict(settings)}, **fields)

    def set_status(self, id, status):
        self.noun.set_status(self.ctx, id,
                             event_sources.EventSourceStatus(status))
        if status == 'paused':
            self.wait(lambda: not self.turns._consumers)

    def open_reader(self, settings=(), position=None, limit=100, **fields):
        """Return a reader without an engine."""
        reader = kafka.Driver.open(drivers.Access(
            'source', kafka.Driver.parse({
                'url': self.kafka.url, 'topic': self.kafka.topic,
                'start': 'oldest', **dict(settings)}),
            fields.get('credentials', {}),
            fields.get('guard', addresses.Guard(['127.0.0.0/8'])), position,
            limit))
        self.addCleanup(reader.close)
        return reader

    def receive(self, reader, number):
        """Return a number of events."""
        events = []
        self.wait(lambda: events.extend(reader.receive(0))
                  or len(events) >= number)
        return events

    def test_records_become_executions(self):
        first = self.kafka.send(b'{"order": 1}', 1, key=b'k', headers=[
            ('ce_type', b'order.created'), ('raw', b'\xff')],
            timestamp_ms=1_700_000_000_123)
        second = self.kafka.send(None, 2, key=b'k')
        id = self.create_source()
        self.wait(lambda: len(self.list_executions()) == 2)
        events = {event['id']: event for event in self.list_events()}
        self.assertEqual(
            {'id': first, 'type': 'order.created', 'body': {'order': 1},
             'time': '2023-11-14T22:13:20.123000+00:00', 'attributes': {
                 'topic': 'events', 'partition': 1, 'offset': 0, 'key': 'k',
                 'headers': {'ce_type': 'order.created',
                             'raw': {'base64': '/w=='}}}}, events[first])
        self.assertIsNone(events[second]['body'])
        self.wait(lambda: self.get(id).position == '{"0": 0, "1": 1, "2": 1}')
        self.assertEqual((2, 'connected', None), (
            self.get(id).accepted, self.get(id).state,
            self.get(id).state_reason))

    def test_batches_of_all_partitions_in_order(self):
        for number in range(30):
            self.kafka.send(b'%d' % number, number % 3)
        id = self.create_source(batch_size=7, batch_window=1)
        self.wait(lambda: self.get(id).accepted == 30)
        events = [event['attributes'] | {'body': event['body']}
                  for event in self.list_events()]
        for partition in range(3):
            self.assertEqual(list(range(partition, 30, 3)), [
                event['body'] for event in events
                if event['partition'] == partition])
        self.assertEqual(5, len(self.list_executions()))

    def test_text_and_filter(self):
        self.kafka.send(b'{"state": "new"}', headers=[('ce_type', b'a')])
        self.kafka.send(b'{"state": "new"}', headers=[('ce_type', b'b')])
        id = self.create_source({'format': 'text'}, filter={'types': ['a']})
        self.wait(lambda: self.get(id).filtered == 1)
        self.wait(self.list_executions)
        self.assertEqual(['{"state": "new"}'], [
            event['body'] for event in self.list_events()])

    def test_poison_becomes_a_dead_letter_and_can_be_redriven(self):
        self.kafka.send(b'{')
        self.kafka.send(b'1')
        id = self.create_source(batch_size=10)
        self.wait(lambda: self.get(id).dead == 1)
        self.wait(lambda: self.get(id).accepted == 1)
        letter, = self.list_letters()
        self.assertIn('is no JSON', letter.reason)
        row = self.core.services.dead_letters.redrive(
            self.ctx, letter.id, {})
        self.assertEqual(('{', 'redrive'), (
            json.loads(row.input)['events'][0]['body'], row.trigger))
        self.assertEqual([], self.list_letters())

    def test_new_records_only(self):
        self.kafka.send(b'1')
        id = self.create_source({'start': 'new'})
        self.wait_connected(id)
        # The place is known before the first event: another engine would
        # begin there.
        self.assertEqual('{"0": 1, "1": 0, "2": 0}', self.get(id).position)
        self.kafka.send(b'2')
        self.wait(self.list_executions)
        self.assertEqual([2], [event['body']
                               for event in self.list_events()])

    def test_pause_and_resume(self):
        id = self.create_source()
        self.wait_connected(id)
        self.set_status(id, 'paused')
        names = [self.kafka.send(b'%d' % number, number)
                 for number in range(3)]
        self.assertEqual([], self.list_executions())
        self.set_status(id, 'running')
        self.wait(lambda: len(self.list_events()) == 3)
        self.assertEqual(set(names), {
            event['id'] for event in self.list_events()})

    def test_another_engine_goes_on(self):
        id = self.create_source()
        for number in range(5):
            self.kafka.send(b'%d' % number)
        self.wait(lambda: self.get(id).accepted == 5)
        self.stopped.set()
        for number in range(5, 9):
            self.kafka.send(b'%d' % number)
        _peer, turns, _stopped = self.open_engine()
        self.wait(lambda: self.get(id).accepted == 9, turns)
        self.assertEqual(list(range(9)), [
            event['body'] for event in self.list_events()])

    def test_records_that_are_read_again_run_once(self):
        """Let an engine die before the position is written."""
        id = self.create_source(batch_size=2)
        for number in range(4):
            self.kafka.send(b'%d' % number)
        self.wait(lambda: self.get(id).accepted == 4)
        self.set_status(id, 'paused')
        self.db.write(lambda tx: crud.update(
            tx, models.EventSource, id, {
                'position': '{"0": 1, "1": 0, "2": 0}'}))
        self.kafka.send(b'4')
        self.set_status(id, 'running')
        self.wait(lambda: self.get(id).accepted == 5)
        self.assertEqual(list(range(5)), [
            event['body'] for event in self.list_events()])

    def test_lag(self):
        self.core.conf.set_override('max_queued', 1, group='event_sources')
        self.engine.ids = ['a']
        for number in range(6):
            self.kafka.send(b'1', number % 3)
        id = self.create_source()
        self.wait_connected(id)
        self.assertEqual((6, None), (self.get(id).lag,
                                     self.get(id).lag_seconds))
        reader = self.open_reader()
        self.assertEqual(6, reader.measure().waiting)
        self.assertEqual(6, len(self.receive(reader, 6)))
        self.assertEqual(drivers.Lag(0, 0), reader.measure())

    def test_new_partitions_begin_at_their_beginning(self):
        self.kafka.create_topic('growing')
        reader = self.open_reader({'topic': 'growing', 'start': 'new'})
        del reader._offsets[0]
        self.kafka.send(b'1', topic='growing')
        self.assertEqual(1, reader.measure().waiting)
        self.assertEqual(1, len(self.receive(reader, 1)))

    def test_compressed_batches(self):
        for name in ('gzip', 'snappy', 'lz4', 'zstd'):
            self.kafka.send_compressed(name, b'{"a": "%s"}' % (b'x' * 9000))
        events = self.receive(self.open_reader(), 4)
        self.assertEqual({'x' * 9000}, {event.body['a'] for event in events})

    def test_batch_that_grows_too_much(self):
        self.useFixture(fixtures.MonkeyPatch(
            f'{kafka_codecs.__name__}.MAX_BATCH_BYTES', 100_000))
        for name in ('gzip', 'snappy', 'lz4', 'zstd'):
            self.kafka.create_topic(name)
            self.kafka.send_compressed(name, b'0' * 200_000, topic=name)
            error = self.assertRaises(
                exception.TemporaryError, self.receive,
                self.open_reader({'topic': name}), 1)
            self.assertIn('after its decompression', str(error))

    def test_server_that_dies(self):
        reader = self.open_reader()
        self.kafka.stop()
        error = self.assertRaises(exception.TemporaryError, reader.measure)
        self.assertIn('cannot be reached', str(error))

    def test_place_behind_the_end(self):
        reader = self.open_reader(position='{"0": 7, "1": 0, "2": 0}')
        error = self.assertRaises(exception.TemporaryError, reader.measure)
        self.assertIn('Partition 0 of the topic ends before offset 7',
                      str(error))

    def test_problems_are_shown(self):
        relay = self.useFixture(relays.Relay(self.kafka.port))
        relay.stop()
        for settings, words in (
                ({'topic': 'none'}, 'There is no such topic'),
                ({'url': f'kafka://127.0.0.1:{relay.port}'},
                 'cannot be reached'),
                ({'url': 'kafka://none.invalid:9092'}, 'none.invalid')):
            id = self.create_source(settings)
            self.wait(lambda: self.get(id).state == 'error')
            self.assertIn(words, self.get(id).state_reason)
            self.noun.delete(self.ctx, id)

    def test_another_server_of_the_list(self):
        relay = self.useFixture(relays.Relay(self.kafka.port))
        relay.stop()
        self.kafka.send(b'1')
        reader = self.open_reader({
            'url': f'kafka://127.0.0.1:{relay.port},127.0.0.1:'
                   f'{self.kafka.port}'})
        self.assertEqual(1, len(self.receive(reader, 1)))

    def test_address_that_is_not_allowed(self):
        error = self.assertRaises(
            exception.TemporaryError, self.open_reader,
            guard=addresses.Guard())
        self.assertIn('may not use', str(error))

    def test_address_that_the_cluster_announces(self):
        """Let a cluster announce an address within the private network."""
        port = ports.free()
        hidden = self.useFixture(kafka_brokers.Kafka(
            port, f'localhost:{port}'))
        error = self.assertRaises(
            exception.TemporaryError, self.open_reader,
            {'url': hidden.url}, guard=OneHost())
        self.assertIn('The host localhost has an address that event sources '
                      'may not use', str(error))
