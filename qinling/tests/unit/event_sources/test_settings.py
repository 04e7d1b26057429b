# SPDX-License-Identifier: Apache-2.0
"""Settings of the kinds of event sources."""

import sys
from unittest import mock

from oslotest import base

from qinling.event_sources import base as drivers
from qinling.event_sources import kafka
from qinling.event_sources import notifications
from qinling.event_sources import rabbitmq
from qinling.event_sources import redis
from qinling import exception

WRONG_URLS = ('http://h', 'amqp://', 'amqp://u:p@h', 'amqp://h/a/b',
              'amqp://h?x=1', 'amqp://h#x', 'amqp://h:99999', 'amqp://h:0',
              'h', 'amqp://[::1')


class TestSettings(base.BaseTestCase):
    def check_refused(self, driver, settings, text):
        error = self.assertRaises(ValueError, driver.Driver.parse, settings)
        self.assertIn(text, str(error))

    def test_rabbitmq(self):
        settings = {'url': 'amqps://h:5671/%2F', 'queue': 'q'}
        self.assertEqual(settings, rabbitmq.Driver.parse(settings))
        self.check_refused(rabbitmq, {'queue': 'q'}, 'needs url')
        self.check_refused(rabbitmq, {'url': 'amqp://h'}, 'needs queue')
        self.check_refused(rabbitmq, dict(settings, x=1), "no 'x'")
        for value in (1, '', 'a\nb', 'x' * 1025, ['q'], {}):
            self.check_refused(rabbitmq, dict(settings, queue=value),
                               'queue of settings must be')
        for url in WRONG_URLS:
            self.assertRaises(ValueError, rabbitmq.Driver.parse,
                              dict(settings, url=url))

    def test_notifications(self):
        settings = {'url': 'amqp://h', 'exchange': 'nova'}
        self.assertEqual(
            {'topics': ['notifications', 'versioned_notifications'],
             'priorities': ['info'], **settings},
            notifications.Driver.parse(settings))
        self.check_refused(notifications, dict(settings, topics='x'),
                           'a list of texts')
        self.check_refused(notifications, {'url': 'amqp://h'}, 'exchange')

    def test_kafka(self):
        settings = {'url': 'kafkas://a:9093,[::1]:9093', 'topic': 'a.b_c-1'}
        self.assertEqual(
            {'start': 'new', 'format': 'json', 'mechanism': 'SCRAM-SHA-512',
             **settings}, kafka.Driver.parse(settings))
        for url in ('kafka://h', 'kafka://h:1,', 'kafka://h:1,g', 'kafka://,',
                    'kafka://u:p@h:1', 'kafka://a:1,u:p@h:1', 'kafka://h:1/x',
                    'kafka://h:0', 'http://h:1', 'kafka:h:1', 'h:1',
                    'kafka://h:1?x=1', 'kafka://a:1,kafka://b:1'):
            self.assertRaises(ValueError, kafka.Driver.parse,
                              dict(settings, url=url))
        self.check_refused(kafka, dict(settings, url='kafka://h:1,g'),
                           'needs the port of each server')
        for topic in ('', '.', '..', 'a/b', 'ä', 'a b', 'x' * 250, 1):
            self.assertRaises(ValueError, kafka.Driver.parse,
                              dict(settings, topic=topic))
        for name in ('start', 'format', 'mechanism'):
            self.check_refused(kafka, dict(settings, **{name: 'x'}),
                               f'{name} of settings must be one of')

    def test_redis(self):
        settings = {'url': 'rediss://h/3', 'stream': 's'}
        self.assertEqual({'group': 'qinling', 'start': 'new', **settings},
                         redis.Driver.parse(settings))
        self.check_refused(redis, dict(settings, start='x'), 'new or oldest')
        self.check_refused(redis, dict(settings, url='redis://h/x'),
                           'number of a database')
        self.check_refused(redis, dict(settings, url='amqp://h'),
                           'redis://HOST')

    def test_missing_library_of_redis(self):
        settings = redis.Driver.parse({'url': 'redis://h/0', 'stream': 's'})
        access = drivers.Access('source', settings, {}, None, None, 1)
        with mock.patch.dict(sys.modules, {'redis': None}):
            error = self.assertRaises(exception.TemporaryError,
                                      redis.create_client, access)
        self.assertIn("pip install '.[redis]'", str(error))
