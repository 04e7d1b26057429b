# SPDX-License-Identifier: Apache-2.0
"""Logins of event sources at Kafka, and topics over TLS."""

from oslotest import base

from qinling.event_sources import addresses
from qinling.event_sources import base as drivers
from qinling.event_sources import kafka
from qinling import exception
from qinling.tests.contracts import kafka_brokers
from qinling.tests.contracts import sasl
from qinling.tests.contracts import test_event_source_tls as tls
from qinling.tests import databases
from qinling.tests import ports

USERNAME, PASSWORD = 'shop', 'secret-of-a-user'


class Port(databases.Fixture):
    """Port of a broker with a later start."""

    def _setUp(self):
        self.port = ports.free()


class TestTls(tls.Tls, base.BaseTestCase):
    KIND, SCHEME, CREDENTIALS = 'kafka', 'kafkas', {}
    BROKER = Port

    def listen(self, name):
        listener = self.useFixture(tls.Listener(
            self.authority.create_context(name),
            ('127.0.0.1', self.broker.port)))
        self.kafka = self.useFixture(kafka_brokers.Kafka(
            self.broker.port, f'127.0.0.1:{listener.port}',
            security_protocol='SSL', ssl_cafile=str(self.authority.path),
            ssl_check_hostname=False))
        return listener

    def list_settings(self):
        return {'topic': 'events', 'start': 'oldest'}

    def send(self, value):
        self.kafka.send(b'{"a": "%s"}' % value.encode())


class TestLogins(base.BaseTestCase):
    def open(self, mechanism, offered=None, password=PASSWORD):
        """Return a reader behind a login.

        :param offered: mechanism of the source, by default of the server.
        """
        server = self.useFixture(sasl.Sasl(
            ports.free(), ports.free(), mechanism, (USERNAME, PASSWORD)))
        broker = self.useFixture(kafka_brokers.Kafka(
            server.target_port, f'127.0.0.1:{server.port}',
            security_protocol='SASL_PLAINTEXT', sasl_mechanism=mechanism,
            sasl_plain_username=USERNAME, sasl_plain_password=PASSWORD))
        broker.send(b'1')
        logins = server.logins
        reader = kafka.Driver.open(drivers.Access(
            'source', kafka.Driver.parse({
                'url': f'kafka://{broker.server}', 'topic': 'events',
                'start': 'oldest', 'mechanism': offered or mechanism}),
            {'username': USERNAME, 'password': password},
            addresses.Guard(['127.0.0.1']), None, 10))
        self.addCleanup(reader.close)
        self.assertGreater(server.logins, logins)
        return reader

    def test_mechanisms(self):
        for mechanism in kafka.MECHANISMS:
            self.assertEqual(1, self.open(mechanism).measure().waiting)

    def test_wrong_logins(self):
        for mechanism in kafka.MECHANISMS:
            error = self.assertRaises(
                exception.TemporaryError, self.open, mechanism,
                password='wrong-secret')
            self.assertIn('Kafka refuses the access', str(error))
            self.assertNotIn('wrong-secret', str(error))
        error = self.assertRaises(
            exception.TemporaryError, self.open, 'SCRAM-SHA-512', 'PLAIN')
        self.assertIn('Kafka refuses the access', str(error))
