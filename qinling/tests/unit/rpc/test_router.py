# SPDX-License-Identifier: Apache-2.0
"""Direct connections from an API to the engines of a cloud."""

import datetime
import secrets
import socket
import ssl
import subprocess
import threading
from unittest import mock

import fixtures as fixtures_module
from oslotest import base

from qinling.core import engine_client
from qinling.core.execution import records
from qinling.db import engines
from qinling.db import models
from qinling.engine import endpoint
from qinling.rpc import bus
from qinling.rpc import channel
from qinling.rpc import direct_server
from qinling.rpc import direct_tls
from qinling.rpc import roads
from qinling.rpc import router
from qinling.tests import databases
from qinling.tests import fixtures
from qinling.tests.unit.engine import base as engine_base

ENDED = records.Ended('success', '{"output": 1}', None, models.now())


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


class TestIdentification(DirectTest):
    def open(self, address, **fields):
        values = {**vars(address), **fields}
        connection, owner = roads.TcpRoad(
            values['owner'], values['host'], values['port'],
            values['secret']).open()
        connection.close()
        return owner

    def test_both_sides_know_the_secret(self):
        address = self.serve('one')
        self.assertEqual('one', self.open(address))

    def test_wrong_secrets_are_refused(self):
        address = self.serve('one')
        self.assertRaises(roads.Refused, self.open, address, secret='x')
        self.assertEqual({}, self.servers['one']._connections)

    def test_wrong_names_are_refused(self):
        address = self.serve('one')
        self.assertRaises(roads.Refused, self.open, address, owner='two')

    def test_engines_prove_themselves(self):
        with socket.create_server(('127.0.0.1', 0)) as listener:
            def impersonate():
                connection = listener.accept()[0]
                connection.sendall(b'one 1234\n')
                connection.recv(1000)
                connection.sendall(b'5678\n')
                connection.close()
            thread = threading.Thread(target=impersonate)
            thread.start()
            self.assertRaises(roads.Refused, self.open, engines.Address(
                'one', *listener.getsockname(), 'secret', False))
            thread.join()

    def test_strangers_are_bounded(self):
        address = self.serve('one')
        for data in (b'x' * 100_000, b'\n', b'\xff\n', b'a b c\n', b'c\n',
                     'ü ü\n'.encode()):
            with socket.create_connection(
                    (address.host, address.port)) as stranger:
                stranger.settimeout(databases.PATIENCE)
                self.assertTrue(stranger.recv(1000).startswith(b'one '))
                try:
                    stranger.sendall(data)
                    self.assertEqual(b'', stranger.recv(1000))
                except ConnectionError:
                    pass
        self.assertEqual({}, self.servers['one']._connections)

    def test_silent_strangers_leave_room(self):
        with mock.patch.object(direct_server, 'MAX_STRANGERS', 2):
            address = self.serve('one')
        where = (address.host, address.port)
        strangers = [socket.create_connection(where) for _ in range(2)]
        for stranger in strangers:
            self.addCleanup(stranger.close)
            stranger.recv(1000)
        with socket.create_connection(where) as third:
            self.assertEqual(b'', third.recv(1000))
        strangers[0].close()

        def is_open():
            try:
                return self.open(address)
            except OSError:
                return False
        databases.wait_until(is_open)

    def test_secrets_are_not_shown(self):
        address = self.serve('one')
        self.assertNotIn(address.secret, repr(address))
        self.assertNotIn(address.secret, repr(roads.TcpRoad(
            'one', 'h', 1, address.secret)))


class TestTls(DirectTest):
    def setUp(self):
        super().setUp()
        directory = self.useFixture(fixtures_module.TempDir()).path
        self.cert = f'{directory}/cert.pem'
        self.key = f'{directory}/key.pem'
        subprocess.run(
            ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
             'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1',
             '-subj', '/CN=engine', '-addext',
             'subjectAltName=IP:127.0.0.1', '-keyout', self.key, '-out',
             self.cert], check=True, stderr=subprocess.DEVNULL)
        for name, path in (('tls_cert_file', self.cert),
                           ('tls_key_file', self.key),
                           ('tls_ca_file', self.cert)):
            self.conf.set_override(name, path, group='direct')

    def test_executions_arrive(self):
        self.serve('one')
        client = self.create_client()
        for _ in range(3):
            self.assertEqual(ENDED, self.call(client))
        self.assertIsInstance(next(iter(self.servers['one']._connections)),
                              ssl.SSLSocket)
        # An idle connection ends with the engine.
        self.servers['one'].leave(databases.PATIENCE)
        new = self.new()
        self.assertRaises(engine_client.RowNeeded, client.run,
                          new.message(is_written=False), new.target)

    def test_slow_executions_are_waited_for(self):
        self.serve('one')
        proceed = threading.Event()
        self.engines['one'].answers['run'] = lambda *_: (
            proceed.wait(databases.PATIENCE) and ENDED)
        probes = []
        road_open = roads.TcpRoad.open
        with mock.patch('qinling.rpc.channel.SILENCE_SECONDS', 0.05), \
                mock.patch.object(
                    roads.TcpRoad, 'open', lambda road: (
                        probes.append(1) or road_open(road))):
            results = []
            client = self.create_client()
            thread = threading.Thread(target=lambda: results.append(
                self.call(client)))
            thread.start()
            databases.wait_until(lambda: len(probes) > 2)
            proceed.set()
            thread.join(databases.PATIENCE)
        self.assertEqual([ENDED], results)

    def test_unknown_authorities_are_refused(self):
        self.serve('one')
        self.conf.clear_override('tls_ca_file', group='direct')
        log = self.useFixture(fixtures_module.FakeLogger())
        client = self.create_client()
        self.assertFalse(client.writes_rows)
        databases.wait_until(lambda: 'SSLCertVerificationError' in log.output)
        self.assertFalse(client.writes_rows)

    def test_missing_files_are_named(self):
        for name, create in (('tls_cert_file', direct_tls.create_server),
                             ('tls_ca_file', direct_tls.create_client)):
            self.conf.set_override(name, '/missing.pem', group='direct')
            error = self.assertRaises(ValueError, create, self.conf)
            self.assertIn('/missing.pem', str(error))
            self.assertIn(name, str(error))


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
