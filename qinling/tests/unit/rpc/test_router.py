# SPDX-License-Identifier: Apache-2.0
"""Direct connections from an API to the engines of a cloud."""

import datetime
import secrets
import socket
import threading
from unittest import mock

import fixtures as fixtures_module
from oslotest import base

from qinling.core import engine_client
from qinling.core.execution import outcomes
from qinling.core.execution import records
from qinling.db import engines
from qinling.db import models
from qinling.engine import endpoint
from qinling import exception
from qinling.rpc import bus
from qinling.rpc import channel
from qinling.rpc import direct_server
from qinling.rpc import direct_tls
from qinling.rpc import router
from qinling.tests import databases
from qinling.tests import fixtures
from qinling.tests.unit.engine import base as engine_base

ENDED = outcomes.Ended('success', '{"output": 1}', None, models.now())


class DirectTest(base.BaseTestCase):
    """An API and engines that listen on TCP."""

    def setUp(self):
        super().setUp()
        self.conf = self.useFixture(fixtures.Conf()).conf
        self.conf.set_override('host', '127.0.0.1', group='direct')
        self.db = self.useFixture(databases.Database()).db
        self.engines = {}
        self.servers = {}
        self.stopped = set()

    def serve(self, owner, **options):
        """Start an engine and publish its address."""
        listener = direct_tls.listen(self.conf)
        tls = direct_tls.create_server(self.conf)
        address = engines.Address(
            owner, '127.0.0.1', listener.getsockname()[1],
            secrets.token_hex(), tls is not None)
        self.engines[owner] = fixtures.FakeEngine()
        self.engines[owner].answers['run'] = ENDED
        server = self.servers[owner] = direct_server.Server(
            listener, endpoint.Endpoint(
                self.engines[owner], options.get('threads', 8)),
            owner, address.secret, tls)
        server.start()
        self.addCleanup(server.stop)
        engines.publish_address(self.db, address)
        return address

    def create_client(self):
        """Return a client whose bus never answers."""
        client = bus.EngineClient.__new__(bus.EngineClient)
        client._conf, client._db = self.conf, self.db
        client._router = router.Router(self.conf, self.db)
        client._breaker = mock.Mock()
        client._call = mock.Mock(side_effect=AssertionError('the bus'))
        self.addCleanup(client.close)
        return client

    def new(self, **fields):
        return records.NewExecution(records.ExecutionRow(
            id=models.new_id(), project_id='p', function_id='f',
            function_version=0, function_alias=None,
            created_at=models.now(), lease_until=models.now()),
            engine_base.target(**fields))

    def call(self, client, **fields):
        new = self.new(**fields)
        self.wait_for_engines(client)
        return client.run(new.message(is_written=False), new.target)

    def wait_for_engines(self, client):
        """Wait until the client has reached all engines that listen."""
        client.writes_rows
        databases.wait_until(lambda: all(
            engine.is_reached or engine.address.owner in self.stopped
            for engine in client._router._engines.values()))

    def counts(self):
        return {name: len(engine.calls)
                for name, engine in self.engines.items()}


class TestAsynchronous(DirectTest):
    """Asynchronous executions, which prefer the engine of their function."""

    def setUp(self):
        super().setUp()
        self.addresses = [self.serve(name) for name in ('one', 'two')]
        self.client = self.create_client()
        self.client._cast = mock.Mock()
        self.wait_for_engines(self.client)

    def start(self, **fields):
        new = self.new(**fields)
        self.client.start(new.message(), new.target)

    def test_one_engine_gets_few_executions(self):
        for _ in range(router.MIN_BUSY):
            self.start()
        self.assertEqual([0, router.MIN_BUSY], sorted(self.counts().values()))
        self.client._cast.assert_not_called()
        # The same one as for synchronous executions.
        self.call(self.client)
        self.assertEqual([0, router.MIN_BUSY + 1],
                         sorted(self.counts().values()))

    def test_many_executions_are_shared(self):
        for _ in range(3 * router.MIN_BUSY):
            self.start()
        self.assertEqual(2 * router.MIN_BUSY, self.client._cast.call_count)

    def test_another_engine_starts_what_would_wait(self):
        self.start()
        full, free = sorted(self.engines.values(),
                            key=lambda engine: -len(engine.calls))
        full.is_full = True
        self.start()
        self.assertEqual((1, 1), (len(full.calls), len(free.calls)))
        free.is_full = True
        self.client._cast.assert_not_called()
        self.start()
        self.assertEqual((1, 1), (len(full.calls), len(free.calls)))
        self.client._cast.assert_called_once()

    def test_functions_have_different_engines(self):
        for number in range(30):
            self.start(function_id=f'f{number}')
        self.assertNotIn(0, self.counts().values())

    def test_dead_engines_are_replaced_by_the_bus(self):
        for name, server in self.servers.items():
            server.stop()
            self.stopped.add(name)
        self.start()
        self.assertEqual(1, self.client._cast.call_count)

    def test_living_engines_answer(self):
        self.assertIs(True, self.client.is_alive('one'))
        self.servers['two'].stop()
        self.assertIs(False, self.client.is_alive('two'))


class TestUnreachable(DirectTest):
    """Engines whose orchestrator does not answer."""

    def setUp(self):
        super().setUp()
        for name in ('one', 'two'):
            self.serve(name)
            self.engines[name].answers['run'] = (
                exception.OrchestratorUnavailable(reason='it is away.'))
        self.client = self.create_client()

    def test_another_engine_may_have_a_worker(self):
        self.engines['two'].answers['run'] = ENDED
        for number in range(10):
            self.assertEqual(ENDED, self.call(self.client,
                                              function_id=f'f{number}'))

    def test_refusal(self):
        error = self.assertRaises(exception.OrchestratorUnavailable,
                                  self.call, self.client)
        self.assertIn('it is away.', str(error))
        self.assertEqual({'one': 1, 'two': 1}, self.counts())


class TestRouter(DirectTest):
    def test_no_engine_needs_the_row(self):
        client = self.create_client()
        self.assertFalse(client.writes_rows)
        new = self.new()
        self.assertRaises(engine_client.RowNeeded, client.run,
                          new.message(is_written=False), new.target)

    def test_execution_goes_to_the_engine(self):
        self.serve('one')
        self.assertEqual(ENDED, self.call(self.create_client()))
        self.assertEqual('one', self.engines['one'].calls[0][1]
                         .unwritten.row.owner)

    def test_written_executions_go_directly_too(self):
        self.serve('one')
        client, new = self.create_client(), self.new()
        self.wait_for_engines(client)
        self.assertEqual(ENDED, client.run(new.message(), new.target))
        self.assertIsNone(self.engines['one'].calls[0][1].unwritten)

    def test_a_function_stays_with_an_engine(self):
        for owner in ('one', 'two', 'three'):
            self.serve(owner)
        client = self.create_client()
        for _ in range(10):
            self.call(client)
        self.assertEqual([0, 0, 10], sorted(self.counts().values()))

    def test_functions_are_divided(self):
        for owner in ('one', 'two', 'three'):
            self.serve(owner)
        client = self.create_client()
        for number in range(60):
            self.call(client, function_id=f'f{number}')
        self.assertLess(5, min(self.counts().values()))

    def test_a_busy_engine_shares(self):
        for owner in ('one', 'two'):
            self.serve(owner, threads=100)
        arrived, proceed = threading.Semaphore(0), threading.Event()

        def wait(*_):
            arrived.release()
            proceed.wait(databases.PATIENCE)
            return ENDED
        for engine in self.engines.values():
            engine.answers['run'] = wait
        client = self.create_client()
        threads = []
        for _ in range(30):
            threads.append(threading.Thread(target=self.call, args=(client,)))
            threads[-1].start()
            self.assertTrue(arrived.acquire(timeout=databases.PATIENCE))
        self.assertLess(8, min(self.counts().values()))
        proceed.set()
        for thread in threads:
            thread.join()

    def test_a_full_engine_is_passed_over(self):
        addresses = [self.serve(owner) for owner in ('one', 'two')]
        client = self.create_client()
        self.call(client)
        first = max(self.counts(), key=self.counts().get)
        self.servers[first]._endpoint._limiter._free = 0
        for _ in range(3):
            self.assertEqual(ENDED, self.call(client))
        self.assertEqual([1, 3], sorted(self.counts().values()))
        self.assertEqual(2, len(addresses))

    def test_a_stopped_engine_is_passed_over(self):
        for owner in ('one', 'two'):
            self.serve(owner)
        client = self.create_client()
        self.call(client)
        first = max(self.counts(), key=self.counts().get)
        # The address is still in the database.
        self.servers[first].leave(databases.PATIENCE)
        self.stopped.add(first)
        for _ in range(3):
            self.assertEqual(ENDED, self.call(client))
        self.assertEqual([1, 3], sorted(self.counts().values()))

    def test_withdrawn_and_old_addresses_are_not_used(self):
        address = self.serve('one')
        client = self.create_client()
        self.assertEqual(ENDED, self.call(client))
        engines.withdraw_address(self.db, 'one')
        client._router._refresh_at = 0
        self.assertFalse(client.writes_rows)
        engines.publish_address(self.db, address)
        later = models.now() + datetime.timedelta(
            seconds=self.conf.engine.lease + 1)
        with mock.patch.object(models, 'now', return_value=later):
            client._router._refresh_at = 0
            self.assertFalse(client.writes_rows)

    def test_a_frozen_engine_may_start_later(self):
        self.serve('one')
        client = self.create_client()
        self.call(client)
        engine, = client._router._engines.values()
        arrived = threading.Event()

        def freeze(*_):
            arrived.set()
            raise channel.Silent(reason='no answer')
        new = self.new()
        with mock.patch.object(engine.channel, 'exchange', freeze), \
                mock.patch.object(router.Engine, 'connect'):
            self.assertRaises(engine_client.RowNeeded, client.run,
                              new.message(is_written=False), new.target)
            self.assertTrue(arrived.is_set())
            # Executions do not wait for it until it answers.
            self.assertEqual([], client._router.choose(new.target))
            self.assertFalse(client.writes_rows)
        engine.connect()
        databases.wait_until(lambda: client.writes_rows)

    def test_executions_do_not_wait_for_unreachable_engines(self):
        address = self.serve('one')
        self.servers['one'].stop()
        engines.publish_address(self.db, address)
        with mock.patch.object(router, 'MIN_PAUSE_SECONDS', 0.01):
            client = self.create_client()
            self.assertFalse(client.writes_rows)
            log = self.useFixture(fixtures_module.FakeLogger())
            databases.wait_until(
                lambda: log.output.count('Cannot reach engine one') > 2)
            self.assertFalse(client.writes_rows)
            client.close()

    def test_the_database_is_not_asked_for_each_execution(self):
        self.serve('one')
        client = self.create_client()
        with mock.patch.object(
                engines, 'list_addresses',
                side_effect=engines.list_addresses) as list_addresses:
            for _ in range(5):
                client._router._refresh_at = client._router._refresh_at and (
                    float('inf'))
                self.call(client)
        self.assertEqual(1, list_addresses.call_count)


class TestListen(DirectTest):
    def test_the_next_free_port_is_used(self):
        with socket.create_server(('127.0.0.1', 0)) as used:
            port = used.getsockname()[1]
            self.conf.set_override('port', port, group='direct')
            with direct_tls.listen(self.conf) as listener:
                self.assertGreater(listener.getsockname()[1], port)

    def test_addresses_of_others_are_refused(self):
        self.conf.set_override('host', '192.0.2.77', group='direct')
        error = self.assertRaises(ValueError, direct_tls.listen, self.conf)
        self.assertIn('192.0.2.77', str(error))
