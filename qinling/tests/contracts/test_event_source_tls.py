# SPDX-License-Identifier: Apache-2.0
"""Event sources over TLS, with real listeners before the real brokers."""

import contextlib
import pathlib
import selectors
import socket
import ssl
import subprocess
import threading

# First: oslo.messaging starts with the chosen backend.
from qinling import threading_backend  # noqa: F401

import fixtures  # noqa: H306
from oslotest import base

from qinling.core.trigger import event_sources
from qinling.event_sources import addresses
from qinling.event_sources import base as drivers
from qinling import exception
from qinling.tests.contracts import brokers
from qinling.tests import databases

CREDENTIALS = {'username': 'guest', 'password': 'guest'}
CHUNK_BYTES = 65536


def run_openssl(*arguments):
    """Run a command of OpenSSL."""
    subprocess.run(['openssl', *arguments], check=True,
                   stderr=subprocess.DEVNULL)


class Authority(fixtures.Fixture):
    """Certificate authority of one test; ``path`` is its certificate."""

    def _setUp(self):
        self.directory = pathlib.Path(self.useFixture(
            fixtures.TempDir()).path)
        self.path = self.directory / 'ca.pem'
        run_openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt',
                    'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1',
                    '-subj', '/CN=authority of a test', '-keyout',
                    str(self.directory / 'ca.key'), '-out', str(self.path))

    def create_context(self, name):
        """Return the context of a server with a certificate for a name."""
        key, request, certificate, extension = (
            str(self.directory / f'server.{end}')
            for end in ('key', 'csr', 'pem', 'ext'))
        run_openssl('req', '-newkey', 'ec', '-pkeyopt',
                    'ec_paramgen_curve:prime256v1', '-nodes', '-subj',
                    '/CN=broker', '-keyout', key, '-out', request)
        pathlib.Path(extension).write_text(f'subjectAltName={name}\n')
        run_openssl('x509', '-req', '-in', request, '-CA', str(self.path),
                    '-CAkey', str(self.directory / 'ca.key'), '-days', '1',
                    '-set_serial', '1', '-extfile', extension, '-out',
                    certificate)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        return context


class Listener(databases.Fixture):
    """TLS listener that hands all bytes to a broker; ``port``.

    ``versions`` has the TLS version of each connection.
    """

    def __init__(self, context, broker):
        super().__init__()
        self._context = context
        self._broker = broker
        self.versions = []

    def _setUp(self):
        self._socket = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(self._close)
        self.port = self._socket.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _close(self):
        # A closed socket does not end the call in the thread.
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join(databases.PATIENCE)

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._socket.accept()
                thread = threading.Thread(target=self._serve, args=(client,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, client):
        # The broker may not listen yet.
        with client, contextlib.suppress(OSError), socket.create_connection(
                self._broker) as broker:
            try:
                client = self._context.wrap_socket(client, server_side=True)
            except OSError:
                return
            self.versions.append(client.version())
            with client, contextlib.suppress(OSError):
                relay(client, broker)


def relay(client, broker):
    """Copy bytes in both directions until a side closes."""
    with selectors.DefaultSelector() as selector:
        selector.register(client, selectors.EVENT_READ, broker)
        selector.register(broker, selectors.EVENT_READ, client)
        while True:
            for key, _ in selector.select():
                data = key.fileobj.recv(CHUNK_BYTES)
                while key.fileobj is client and client.pending():
                    data += client.recv(CHUNK_BYTES)
                if not data:
                    return
                key.data.sendall(data)


class Tls:
    """Tests of a kind of source."""

    def setUp(self):
        super().setUp()
        self.authority = self.useFixture(Authority())
        self.guard = addresses.Guard(allowed=['127.0.0.0/8'])
        self.broker = self.useFixture(self.BROKER())

    def trust(self, path):
        """Trust the certificates of an authority."""
        self.useFixture(fixtures.EnvironmentVariable(
            'SSL_CERT_FILE', str(path)))

    def listen(self, name):
        return self.useFixture(Listener(
            self.authority.create_context(name), self.ADDRESS))

    def open(self, listener):
        settings = {'url': f'{self.SCHEME}://127.0.0.1:{listener.port}',
                    **self.list_settings()}
        driver = event_sources.load_driver(self.KIND)
        reader = driver.open(drivers.Access(
            'source', driver.parse(settings), self.CREDENTIALS, self.guard,
            None, 10))
        self.addCleanup(reader.close)
        return reader

    def test_events_arrive_over_tls(self):
        self.trust(self.authority.path)
        listener = self.listen('IP:127.0.0.1')
        self.send('first')
        reader = self.open(listener)
        events = reader.receive(0)
        reader.acknowledge()
        self.assertEqual(['first'], [event.body['a'] for event in events])
        self.assertEqual(0, reader.measure().waiting)
        self.assertIn(listener.versions[0], ('TLSv1.2', 'TLSv1.3'))

    def test_authority_that_is_not_trusted(self):
        listener = self.listen('IP:127.0.0.1')
        error = self.assertRaises(exception.TemporaryError, self.open,
                                  listener)
        self.assertIn('certificate verify failed', str(error))

    def test_certificate_of_another_host(self):
        self.trust(self.authority.path)
        listener = self.listen('DNS:other.test')
        error = self.assertRaises(exception.TemporaryError, self.open,
                                  listener)
        self.assertIn('certificate', str(error))


class TestRabbitmq(Tls, base.BaseTestCase):
    KIND, SCHEME, CREDENTIALS = 'rabbitmq', 'amqps', CREDENTIALS
    BROKER, ADDRESS = brokers.Rabbit, brokers.RABBITMQ

    def list_settings(self):
        return {'queue': self.broker.name}

    def send(self, value):
        self.broker.send({'a': value})


class TestRedis(Tls, base.BaseTestCase):
    KIND, SCHEME, CREDENTIALS = 'redis', 'rediss', {}
    BROKER, ADDRESS = brokers.Redis, brokers.REDIS

    def list_settings(self):
        return {'stream': self.broker.name, 'start': 'oldest'}

    def send(self, value):
        self.broker.send(a=value)
