# SPDX-License-Identifier: Apache-2.0
"""Identification and encryption of direct connections."""

import socket
import ssl
import subprocess
import threading
from unittest import mock

import fixtures as fixtures_module

from qinling.core import engine_client
from qinling.db import engines
from qinling.rpc import direct_server
from qinling.rpc import direct_tls
from qinling.rpc import roads
from qinling.tests import databases
from qinling.tests import fixtures
from qinling.tests.unit.rpc import test_router

ENDED = test_router.ENDED


class TestIdentification(test_router.DirectTest):
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


class TestTls(test_router.DirectTest):
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
