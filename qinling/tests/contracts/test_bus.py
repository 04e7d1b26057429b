# SPDX-License-Identifier: Apache-2.0
"""Tests of the engine client over a RabbitMQ with outages."""

import contextlib
import dataclasses
import datetime
import threading

import kombu
from oslotest import base

from qinling.core.execution import outcomes
from qinling.core.execution import records
from qinling.core import targets
from qinling.db import crud
from qinling.db import engines
from qinling.db import models
from qinling.engine import endpoint
from qinling import exception
from qinling import message_bus
from qinling.rpc import bus as bus_client
from qinling.tests.contracts import relays
from qinling.tests import databases
from qinling.tests import fixtures
from qinling.tests import virtual_hosts

TARGET = targets.Target(
    project_id='p', function_id='f', version=0, alias=None, runtime_id='r',
    runtime_status='available', code={'source': 'package'}, package='key',
    entry='main.main', cpu=100, memory_size=1, timeout=5)
MESSAGE = records.ExecutionMessage('e', None, True)


class BusTest(base.BaseTestCase):
    """Servers next to the bus, and a client behind a relay."""

    is_direct = True

    def setUp(self):
        super().setUp()
        self.url = self.useFixture(virtual_hosts.VirtualHost()).url
        self.topic = virtual_hosts.create_topic()
        self.relay = self.useFixture(relays.Relay(5672))
        self.db = self.useFixture(databases.Database()).db

    def bus(self, url):
        conf = self.useFixture(fixtures.Conf()).conf
        conf.register_opts(
            message_bus.oslo_messaging.transport._transport_opts)
        conf.set_override('transport_url', url)
        conf.set_override('topic', self.topic, group='engine')
        transport = message_bus.create_transport(conf)
        self.addCleanup(transport.cleanup)
        return conf, transport

    def serve(self, name, url=None, **answers):
        """Return the fake engine of a new server."""
        engine = fixtures.FakeEngine()
        engine.answers.update(answers)
        conf, bus = self.bus(url or self.url)
        server = message_bus.create_server(
            conf, bus, name, endpoint.Endpoint(engine, 3))
        server.start()

        def stop():
            message_bus.stop_server(server)
            server.wait()
        self.addCleanup(stop)
        return engine

    def client(self):
        conf, bus = self.bus(
            self.url.replace(':5672', f':{self.relay.port}'))
        conf.set_override('enabled', self.is_direct, 'direct')
        client = bus_client.EngineClient(conf, bus, self.db)
        self.addCleanup(client.close)
        return client

    def check_unavailable(self, client):
        """Check that all kinds of calls are rejected as unavailable."""
        calls = ((client.run, MESSAGE, TARGET),
                 (client.start, MESSAGE, TARGET),
                 (client.cancel, 'e'), (client.pool_capacity, 'r'))
        results = []

        def call(action, *arguments):
            try:
                results.append(action(*arguments))
            except exception.Unavailable as e:
                results.append(e.http_code)
        threads = [threading.Thread(target=call, args=call_args, daemon=True)
                   for call_args in calls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(databases.PATIENCE)
        self.assertEqual([503] * 4, results)

    def check_works(self, client):
        def pool():
            try:
                return client.pool_capacity('r')
            except exception.Unavailable:
                return None
        databases.wait_until(lambda: pool() == {'total': 1, 'available': 1})
        client.cancel('e')


class TestOutages(BusTest):
    def setUp(self):
        super().setUp()
        self.serve('a', pool_capacity={'total': 1, 'available': 1})

    def test_bus_restart(self):
        client = self.client()
        self.check_works(client)
        for _ in range(2):
            self.relay.stop()
            self.check_unavailable(client)
            self.relay.start()
            self.check_works(client)

    def test_bus_missing_at_start(self):
        self.relay.stop()
        client = self.client()
        self.check_unavailable(client)
        self.relay.start()
        self.check_works(client)

    def test_bus_that_does_not_answer(self):
        client = self.client()
        self.check_works(client)
        self.relay.pause()
        self.check_unavailable(client)
        self.relay.resume()
        self.check_works(client)


class TestOtherEngines(BusTest):
    """Executions that one engine refuses or does not answer."""

    is_direct = False

    def setUp(self):
        super().setUp()
        for name in 'ab':
            # The engines stay alive, however slow the test is.
            self.db.write(lambda tx, name=name: crud.insert(
                tx, models.Engine, id=name,
                seen_at=models.now() + datetime.timedelta(hours=1)))
        self.ended = outcomes.Ended(
            status='success', result='{}', reason=None,
            updated_at=models.now())

    def add(self, **values):
        """Return the message of a new execution."""
        id = self.db.write(lambda tx: crud.insert(
            tx, models.Execution, **databases.sample(
                models.Execution, **values)))
        return dataclasses.replace(MESSAGE, id=id)

    def test_refusal(self):
        refusing = self.serve('a', run=exception.Unavailable(
            reason='the engine is stopping.'))
        self.serve('b', run=self.ended)
        client = self.client()
        databases.wait_until(lambda: self.is_success(client)
                             and refusing.calls)
        for _ in range(4):
            self.assertTrue(self.is_success(client))

    def is_success(self, client):
        return client.run(self.add(), TARGET).status == 'success'

    def test_refusal_of_a_claimed_execution_is_final(self):
        refusing = self.serve('a', run=exception.Unavailable(
            reason='the engine is stopping.'))
        self.assertRaises(exception.Unavailable, self.client().run,
                          self.add(owner='b'), TARGET)
        self.assertEqual(1, refusing.verbs().count('run'))

    def test_silent_engine(self):
        relay = self.useFixture(relays.Relay(5672))
        self.serve('a', self.url.replace(':5672', f':{relay.port}'),
                   run=self.ended)
        self.serve('b', run=self.ended)
        client = self.client()
        self.assertTrue(self.is_success(client))
        relay.pause()
        for _ in range(3):
            self.assertTrue(self.is_success(client))
        relay.resume()


class TestAnswers(BusTest):
    """Tests of the answers of several engines."""

    def test_answers_are_combined(self):
        servers = [
            self.serve(name,
                       pool_capacity={'total': 2, 'available': number},
                       list_workers=[f'{name}{place}' for place in range(3)])
            for number, name in enumerate('ab')]
        client = self.client()
        for name in 'ab':
            engines.heartbeat(self.db, name)
        self.assertEqual({'total': 4, 'available': 1},
                         client.pool_capacity('r'))
        self.assertEqual(6, len(client.list_workers('f', 0)))
        client.scale_down(TARGET, 3)
        databases.wait_until(lambda: 3 == sum(
            call[2] for engine in servers for call in engine.calls
            if call[0] == 'scale_down'))

    def test_dead_engines_are_ignored(self):
        self.serve('a', pool_capacity={'total': 2, 'available': 2})
        client = self.client()
        for name in ('a', 'dead'):
            engines.heartbeat(self.db, name)
        self.assertEqual({'total': 2, 'available': 2},
                         client.pool_capacity('r'))
        engines.prune_stalled(self.db, 0)
        self.assertEqual([], engines.list_alive(self.db, 60))

    def test_is_alive(self):
        engine = self.serve('host-1-a', is_alive=True)
        client = self.client()
        self.assertIs(True, client.is_alive('host:1:a'))
        self.assertEqual([('is_alive', 'host:1:a')], engine.calls[-1:])
        self.assertIs(False, client.is_alive('host:1:b'))
        self.relay.stop()
        self.assertIsNone(client.is_alive('host:1:a'))

    def test_full_engines_reject_calls(self):
        running, gate = threading.Semaphore(0), threading.Event()
        self.addCleanup(gate.set)

        def run(row, target):
            running.release()
            gate.wait(databases.PATIENCE)
        self.serve('a', run=run)
        client = self.client()
        threads = [threading.Thread(target=client.run, args=(
            dataclasses.replace(MESSAGE, id=str(number)), TARGET))
            for number in range(2)]
        for thread in threads:
            thread.start()
            self.assertTrue(running.acquire(timeout=databases.PATIENCE))
        error = self.assertRaises(
            exception.Unavailable, client.run, MESSAGE, TARGET)
        self.assertIn('as many executions of the function', str(error))
        gate.set()
        for thread in threads:
            thread.join()


class TestDraining(BusTest):
    def queues(self, names):
        """Return the existing queues among the names."""
        with kombu.Connection(self.url.replace('rabbit', 'pyamqp')) as bus:
            def is_there(name):
                with bus.channel() as channel:
                    channel.queue_declare(name, passive=True)
                return True
            existing = []
            for name in names:
                with contextlib.suppress(bus.channel_errors):
                    existing += [name] if is_there(name) else []
            return existing

    def test_stopped_servers_leave_no_queue(self):
        """Check that stopped servers leave no queue: names are never reused.
        """
        conf, bus = self.bus(self.url)
        topic = conf.engine.topic
        self.serve('a')
        leaving = message_bus.create_server(
            conf, bus, 'b', endpoint.Endpoint(fixtures.FakeEngine(), 3))
        leaving.start()
        names = [topic, f'{topic}.a', f'{topic}.b']
        self.assertEqual(names, self.queues(names))
        message_bus.stop_server(leaving)
        leaving.wait()
        databases.wait_until(lambda: self.queues(names) == names[:2])

    def test_calls_survive_a_server_stop(self):
        """Stop a server during calls; another server handles the remaining
        calls.
        """
        remaining = self.serve('a')
        engine = fixtures.FakeEngine()
        conf, bus = self.bus(self.url)
        leaving = message_bus.create_server(
            conf, bus, 'b', endpoint.Endpoint(engine, 3))
        leaving.start()
        client = message_bus.oslo_messaging.get_rpc_client(
            bus, message_bus.oslo_messaging.Target(topic=conf.engine.topic))
        failed, stop = [], threading.Event()

        def call():
            while not stop.is_set():
                try:
                    client.prepare(timeout=databases.PATIENCE).call(
                        {}, 'list_workers', function_id='f', version=0)
                except message_bus.oslo_messaging.MessagingException as e:
                    failed.append(e)
        threads = [threading.Thread(target=call) for _ in range(4)]
        for thread in threads:
            thread.start()
        databases.wait_until(lambda: len(engine.calls) > 50)
        message_bus.stop_server(leaving)
        leaving.wait()
        count = len(remaining.calls)
        databases.wait_until(lambda: len(remaining.calls) > count + 100)
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual([], failed)
