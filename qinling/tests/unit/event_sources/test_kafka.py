# SPDX-License-Identifier: Apache-2.0
"""Tests of the source of Kafka without a broker."""

import collections
import sys
from unittest import mock

from oslotest import base

from qinling.event_sources import base as drivers
from qinling.event_sources import kafka
from qinling.event_sources import kafka_client
from qinling.event_sources import kafka_codecs
from qinling import exception

Record = collections.namedtuple(
    'Record', ('value', 'key', 'headers', 'timestamp', 'topic', 'partition',
               'offset'))


def create_event(value=b'1', key=None, headers=(), timestamp=0, is_json=True):
    return kafka.create_event(Record(value, key, headers, timestamp, 'topic',
                                     2, 5), is_json)


class TestEvents(base.BaseTestCase):
    def test_malformed_json(self):
        event = create_event(b'{', key=b'\xff')
        self.assertEqual(('{', 'topic/2/5'), (event.body, event.id))
        self.assertIn('is no JSON', event.fault)
        self.assertEqual({'base64': '/w=='}, event.attributes['key'])
        self.assertIsNone(create_event(b'{', is_json=False).fault)

    def test_size_counts_everything(self):
        event = create_event(b'123', b'45', [('name', b'6'), ('null', None)])
        self.assertEqual(14, event.size)
        self.assertEqual({'name': '6', 'null': None},
                         event.attributes['headers'])

    def test_times(self):
        self.assertEqual('1970-01-01T00:00:01+00:00',
                         create_event(timestamp=1000).time)
        for timestamp in (None, -1, 1 << 62):
            self.assertIsNone(create_event(timestamp=timestamp).time)

    def test_types(self):
        for header, expected in ((b'a.b', 'a.b'), (b'', None), (None, None),
                                 (b'\xff', None)):
            self.assertEqual(expected, create_event(
                headers=[('ce_type', header)]).type)


class TestLibrary(base.BaseTestCase):
    def access(self, **credentials):
        return drivers.Access('source', kafka.Driver.parse({
            'url': 'kafkas://a:1,b:2', 'topic': 't'}), credentials, None,
            None, 1)

    def test_options(self):
        options = kafka_client.create_options(self.access())
        self.assertEqual((['a:1', 'b:2'], 'SSL', 'none', False), (
            options['bootstrap_servers'], options['security_protocol'],
            options['auto_offset_reset'], options['enable_auto_commit']))
        self.assertTrue(options['ssl_context'].check_hostname)
        options = kafka_client.create_options(self.access(
            username='u', password='p'))
        self.assertEqual(('SASL_SSL', 'SCRAM-SHA-512', 'u', 'p'), (
            options['security_protocol'], options['sasl_mechanism'],
            options['sasl_plain_username'], options['sasl_plain_password']))

    def test_missing_library(self):
        with mock.patch.dict(sys.modules, {
                'qinling.event_sources.kafka_client': None}):
            with mock.patch.object(
                    sys.modules['qinling.event_sources'], 'kafka_client',
                    create=True):
                del sys.modules['qinling.event_sources'].kafka_client
                error = self.assertRaises(exception.TemporaryError,
                                          kafka.Driver.open, self.access())
        self.assertIn('kafka-python', str(error))
        self.assertIn("pip install '.[kafka]'", str(error))

    def create_consumer(self, offset, first):
        """Return a consumer whose records begin at ``first``."""
        consumer = object.__new__(kafka_client.Consumer)
        place = kafka_client.kafka.TopicPartition('t', 3)
        consumer._topic, consumer._source_id = 't', 'source'
        consumer._consumer = mock.Mock()
        consumer._consumer.poll.side_effect = (
            kafka_client.errors.OffsetOutOfRangeError({place: offset}))
        consumer._consumer.beginning_offsets.return_value = {place: first}
        return consumer, place

    def test_records_that_the_cluster_has_deleted(self):
        consumer, place = self.create_consumer(4, 9)
        self.assertEqual([], consumer.receive(0, 1))
        consumer._consumer.seek.assert_called_once_with(place, 9)

    def test_place_behind_the_end(self):
        consumer, _place = self.create_consumer(4, 0)
        error = self.assertRaises(exception.TemporaryError, consumer.receive,
                                  0, 1)
        self.assertIn('Partition 3 of the topic ends before offset 4',
                      str(error))
        consumer._consumer.seek.assert_not_called()

    def test_snappy_that_lies_about_its_size(self):
        block = b'\xff\xff\xff\xff\x0f' + bytes(9)
        xerial = (kafka_codecs._XERIAL + bytes(8)
                  + len(block).to_bytes(4, 'big') + block)
        for data in (block, xerial):
            error = self.assertRaises(exception.TemporaryError,
                                      kafka_codecs._decompress_snappy, data)
            self.assertIn('64 MiB', str(error))
