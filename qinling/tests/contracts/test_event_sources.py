# SPDX-License-Identifier: Apache-2.0
"""Event sources on real brokers, with engines over one database."""

import json
import threading
import uuid

# First: oslo.messaging starts with the chosen backend.
from qinling import threading_backend  # noqa: F401

import kombu  # noqa: H306
import oslo_messaging
from oslotest import base

from qinling import conf as qinling_conf
from qinling.core import secrets
from qinling.db import crud
from qinling.db import models
from qinling.engine.periodic import event_sources
from qinling import exception
from qinling.tests.contracts import brokers
from qinling.tests import databases
from qinling.tests import fixtures
from qinling.tests.functional import base as servers

KEY = secrets.new_key()
CREDENTIALS = {'username': 'guest', 'password': 'guest'}


class Peer:
    """Engine that only queues executions."""

    def __init__(self):
        self.owner = f'engine:{uuid.uuid4().hex[:8]}'
        self.started = []
        self.ids = []

    def start(self, message, target):
        self.started.append(message)

    def cancel(self, id):
        """Cancel nothing."""

    def local_ids(self):
        return self.ids


class Sources:
    """Sources and engines on the database ``backend``."""

    backend = 'sqlite'

    def setUp(self):
        super().setUp()
        self.core = self.useFixture(fixtures.Core(
            self.backend, secrets={'encryption_keys': [KEY]},
            event_sources={'lease': 3}))
        self.db = self.core.db
        self.ctx = fixtures.caller()
        self.noun = self.core.services.event_sources
        self.function = self.core.function()
        self.engine, self.turns, self.stopped = self.open_engine()

    def open_engine(self):
        """Return another engine, its turns, and the event that stops it."""
        peer, stopped = Peer(), threading.Event()
        turns = event_sources.EventSources(
            self.core.conf, self.core.database.open(), peer, stopped)

        def stop():
            stopped.set()
            for consumer in list(turns._consumers.values()):
                consumer.join(databases.PATIENCE)
        self.addCleanup(stop)
        return peer, turns, stopped

    def create(self, kind, settings, **fields):
        fields.setdefault('function_id', self.function.id)
        return self.noun.create(self.ctx, {
            'kind': kind, 'settings': settings, **fields}).id

    def get(self, id):
        return self.noun.get(self.ctx, id)

    def wait(self, condition, *peers):
        """Take turns until a condition holds."""
        def run():
            for turns in peers or (self.turns,):
                turns.run()
            return condition()
        return servers.wait_for(run, 'a condition', databases.PATIENCE)

    def wait_connected(self, id):
        self.wait(lambda: self.get(id).state == 'connected')

    def list_executions(self):
        return self.db.read(lambda tx: crud.select(
            tx, models.Execution, order=(models.Execution.created_at,)))

    def list_events(self):
        """Return the events of all executions."""
        return [event for row in self.list_executions()
                for event in json.loads(row.input)['events']]

    def list_letters(self):
        return self.db.read(lambda tx: crud.select(tx, models.DeadLetter))


class TestRabbitmq(Sources, base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.queue = self.useFixture(brokers.Rabbit())

    def create_source(self, **fields):
        return self.create('rabbitmq', {
            'url': self.queue.url, 'queue': self.queue.name},
            **{'credentials': CREDENTIALS, **fields})

    def test_messages_become_executions(self):
        id = self.create_source()
        self.queue.send({'order': 1}, message_id='a', type='order.created',
                        headers={'tenant': 'x'})
        self.queue.send(b'\xff\x00', serializer=None,
                        content_type='application/octet-stream',
                        content_encoding='binary')
        self.wait(lambda: len(self.list_executions()) == 2)
        first, second = self.list_events()
        self.assertEqual(
            ('a', 'order.created', {'order': 1}, {'tenant': 'x'}),
            (first['id'], first['type'], first['body'],
             first['attributes']['headers']))
        self.assertEqual({'base64': '/wA='}, second['body'])
        row = self.list_executions()[0]
        self.assertEqual((id, 'event_source', False, 'running'), (
            row.group_id, row.trigger, row.sync, row.status))
        self.wait(lambda: len(self.engine.started) == 2)
        source = self.get(id)
        self.assertEqual((2, 'connected', None), (
            source.accepted, source.state, source.state_reason))
        # The reports of the engine are no changes by a user.
        self.assertEqual((1, None), (source.revision, source.updated_at))

    def test_batches(self):
        self.create_source(batch_size=5, batch_window=60)
        for number in range(10):
            self.queue.send(number)
        self.wait(lambda: len(self.list_executions()) == 2)
        self.assertEqual(list(range(10)), sorted(
            event['body'] for event in self.list_events()))

    def test_repeated_ids_run_once(self):
        id = self.create_source(batch_size=10)
        for name in ('a', 'b', 'a', 'c', 'b'):
            self.queue.send(name, message_id=name)
        self.wait(lambda: self.get(id).accepted == 3)
        self.wait(lambda: self.queue.count() == 0)
        self.assertEqual(['a', 'b', 'c'], sorted(
            event['body'] for event in self.list_events()))

    def test_filter(self):
        id = self.create_source(batch_size=10, filter={
            'types': ['order.*'], 'match': {'$.state': ['new', 'paid']}})
        self.queue.send({'state': 'new'}, type='order.created')
        self.queue.send({'state': 'old'}, type='order.created')
        self.queue.send({'state': 'new'}, type='customer.created')
        self.wait(lambda: self.get(id).filtered == 2)
        event, = self.list_events()
        self.assertEqual('order.created', event['type'])

    def test_poison_becomes_a_dead_letter_and_can_be_redriven(self):
        strict = self.core.function(input_schema={
            'type': 'object', 'properties': {'events': {
                'items': {'properties': {'body': {'type': 'integer'}}}}}})
        id = self.create_source(batch_size=10, batch_window=1,
                                function_id=strict.id)
        self.queue.send(1)
        self.queue.send('no number')
        self.queue.send(b'{', serializer=None,
                        content_type='application/json',
                        content_encoding='utf-8')
        self.wait(lambda: self.get(id).dead == 2)
        self.wait(lambda: self.get(id).accepted == 1)
        letters = {json.loads(row.payload)['events'][0]['body']: row
                   for row in self.list_letters()}
        self.assertEqual({'no number', '{'}, set(letters))
        self.assertIn('does not fit the input_schema',
                      letters['no number'].reason)
        self.assertIn('is no JSON', letters['{'].reason)
        core = self.core.services.dead_letters
        letter = letters['{']
        self.assertEqual((id, 'event_source', strict.id), (
            letter.source_id, letter.trigger, letter.function_id))
        self.assertRaises(exception.InputRefused, core.redrive, self.ctx,
                          letter.id, {})
        row = core.redrive(self.ctx, letter.id,
                           {'function_id': self.function.id})
        self.assertEqual((letter.payload, 'redrive', self.function.id),
                         (row.input, row.trigger, row.function_id))
        self.assertEqual(['no number'], [
            json.loads(row.payload)['events'][0]['body']
            for row in self.list_letters()])

    def test_errors_are_shown_and_retried(self):
        id = self.create('rabbitmq', {'url': self.queue.url,
                                      'queue': f'{self.queue.name}-later'},
                         credentials=CREDENTIALS)
        self.wait(lambda: self.get(id).state == 'error')
        self.assertIn('no queue', self.get(id).state_reason)
        self.queue.channel.queue_declare(
            f'{self.queue.name}-later', auto_delete=False)
        self.addCleanup(self.queue.channel.queue_delete,
                        f'{self.queue.name}-later')
        self.wait_connected(id)
        self.assertIsNone(self.get(id).state_reason)

    def test_wrong_password(self):
        id = self.create_source(credentials={
            'username': 'guest', 'password': 'secret-of-a-user'})
        self.wait(lambda: self.get(id).state == 'error')
        self.assertIn('refuses the access', self.get(id).state_reason)
        self.assertNotIn('secret-of-a-user', self.get(id).state_reason)
        self.assertNotIn('secret-of-a-user', self.get(id).credentials)

    def test_pause_and_resume(self):
        id = self.create_source()
        self.wait_connected(id)
        self.noun.set_status(self.ctx, id, event_sources.EventSourceStatus(
            'paused'))
        self.wait(lambda: not self.turns._consumers)
        self.queue.send(1, message_id='a')
        self.assertEqual(('waiting', None), (self.get(id).state,
                                             self.get(id).owner))
        self.assertEqual([], self.list_executions())
        self.noun.set_status(self.ctx, id, event_sources.EventSourceStatus(
            'running'))
        self.wait(self.list_executions)

    def test_an_update_opens_a_new_connection(self):
        id = self.create_source()
        self.wait_connected(id)
        self.noun.update(self.ctx, id, {'batch_size': 7})
        self.wait(lambda: [
            consumer for consumer in self.turns._consumers.values()
            if consumer.row.batch_size == 7])
        self.queue.send(1)
        self.wait(self.list_executions)

    def test_quota_makes_messages_wait(self):
        self.core.services.quotas.update(
            self.ctx.project_id, {'concurrent_executions': 1})
        id = self.create_source()
        for number in range(3):
            self.queue.send(number, message_id=str(number))
        self.wait(lambda: self.get(id).state == 'error')
        self.assertIn('Quota exceeded', self.get(id).state_reason)
        row, = self.list_executions()
        self.core.succeed(row, None)
        self.wait(lambda: len(self.list_executions()) == 2)
        self.assertEqual([], self.list_letters())

    def test_a_full_engine_reads_nothing(self):
        self.core.conf.set_override('max_queued', 2, group='event_sources')
        self.engine.ids = ['a', 'b']
        id = self.create_source()
        self.wait_connected(id)
        self.queue.send(1)
        self.wait(lambda: self.queue.count() == 0)
        self.assertEqual([], self.list_executions())
        self.engine.ids = []
        self.wait(self.list_executions)

    def test_lag(self):
        self.core.conf.set_override('max_queued', 1, group='event_sources')
        self.engine.ids = ['a']
        for number in range(5):
            self.queue.send(number)
        self.wait(lambda: self.queue.count() == 5)
        id = self.create_source()
        self.wait_connected(id)
        # One message is on the way to the engine.
        self.assertIn(self.get(id).lag, (4, 5))


def create_notifier(test, rabbit):
    """Return a notifier as those of OpenStack services.

    It sends to the exchange and the topic with the name of the exchange.
    """
    path, = test.create_tempfiles([('notifier', (
        f'[DEFAULT]\ncontrol_exchange = {rabbit.exchange}\n'))])
    conf = qinling_conf.load(['--config-file', path], files=[])
    transport = oslo_messaging.get_notification_transport(
        conf, 'rabbit://guest:guest@127.0.0.1:5672//')
    test.addCleanup(transport.cleanup)
    for priority in ('info', 'error'):
        # The notifier declares a queue for readers of its own.
        test.addCleanup(rabbit.channel.queue_delete,
                        f'{rabbit.exchange}.{priority}')
    return oslo_messaging.Notifier(
        transport, 'compute.host1', driver='messagingv2',
        topics=[rabbit.exchange])


class TestNotifications(Sources, base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.rabbit = self.useFixture(brokers.Rabbit())
        self.id_ = self.create(
            'notifications', {'url': self.rabbit.url,
                              'exchange': self.rabbit.exchange,
                              'topics': [self.rabbit.exchange]},
            credentials=CREDENTIALS, filter={
                'types': ['compute.instance.*.end'],
                'match': {'$.state': 'active'}})
        self.addCleanup(self.rabbit.channel.queue_delete,
                        f'qinling.{self.id_}')

    def test_notifications_of_a_service(self):
        self.wait_connected(self.id_)
        notifier = create_notifier(self, self.rabbit)
        notifier.info({}, 'compute.instance.create.start', {'state': 'x'})
        notifier.info({}, 'compute.instance.create.end', {
            'state': 'active', 'instance_id': 'i-1'})
        notifier.info({}, 'compute.instance.create.end', {'state': 'error'})
        notifier.error({}, 'compute.instance.create.end',
                       {'state': 'active'})
        self.wait(lambda: self.get(self.id_).filtered == 2)
        event, = self.list_events()
        self.assertEqual(
            ('compute.instance.create.end', 'i-1', 'compute.host1', 'INFO'),
            (event['type'], event['body']['instance_id'],
             event['attributes']['publisher_id'],
             event['attributes']['priority']))
        self.assertTrue(event['id'])
        self.assertTrue(event['time'])

    def test_messages_that_are_no_notifications(self):
        self.wait_connected(self.id_)
        self.rabbit.channel.queue_bind(
            f'qinling.{self.id_}', self.rabbit.exchange, 'any')
        self.rabbit.send({'hello': 1})
        for body in ({'hello': 1}, {'oslo.message': '{'}):
            kombu.Producer(self.rabbit.channel).publish(
                body, exchange=self.rabbit.exchange, routing_key='any')
        self.wait(lambda: self.get(self.id_).dead == 2)
        self.assertEqual([], self.list_executions())


class TestRedis(Sources, base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.stream = self.useFixture(brokers.Redis())

    def create_source(self, **fields):
        return self.create('redis', {
            'url': self.stream.url, 'stream': self.stream.name,
            'start': 'oldest'}, **fields)

    def test_entries_become_executions(self):
        name = self.stream.send(order='1', image=b'\xff')
        id = self.create_source()
        self.wait(self.list_executions)
        event, = self.list_events()
        self.assertEqual(
            (name, {'order': '1', 'image': {'base64': '/w=='}}),
            (event['id'], event['body']))
        self.wait(lambda: self.stream.count() == 0)
        self.assertEqual(1, self.get(id).accepted)

    def test_batches_and_lag(self):
        for number in range(10):
            self.stream.send(number=str(number))
        self.core.conf.set_override('max_queued', 1, group='event_sources')
        self.engine.ids = ['a']
        id = self.create_source(batch_size=5)
        self.wait_connected(id)
        row = self.get(id)
        self.assertEqual(10, row.lag)
        self.assertGreater(row.lag_seconds, 0)
        self.engine.ids = []
        self.wait(lambda: self.stream.count() == 0)
        self.assertEqual(2, len(self.list_executions()))

    def test_unacknowledged_entries_come_again(self):
        """Let an engine die between the commit and the acknowledgement."""
        id = self.create_source(batch_size=3)
        self.wait_connected(id)
        self.noun.set_status(self.ctx, id, event_sources.EventSourceStatus(
            'paused'))
        self.wait(lambda: not self.turns._consumers)
        for number in range(3):
            self.stream.send(number=str(number))
        # The dead engine had got the entries.
        self.stream.client.xreadgroup('qinling', 'qinling',
                                      {self.stream.name: '>'})
        self.noun.set_status(self.ctx, id, event_sources.EventSourceStatus(
            'running'))
        self.wait(lambda: self.stream.count() == 0)
        self.assertEqual(3, len(self.list_events()))
