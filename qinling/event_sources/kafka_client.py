# SPDX-License-Identifier: Apache-2.0
"""Consumer of a topic of Kafka, with allowed addresses and bounded memory.

A cluster announces the addresses of servers, so every connection is checked.
The library of Kafka is optional: import the module on demand.
"""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
import contextlib
import functools
import logging
import ssl
import time
import typing
import weakref

import kafka
from kafka import errors
from kafka.net import compat
from kafka.net import inet
from kafka.net import manager
from kafka.net import selector
from oslo_log import log

from qinling.event_sources import base
from qinling.event_sources import kafka_codecs
from qinling import exception

LOG = log.getLogger(__name__)
NO_TOPIC = ('There is no such topic, or the user may not read the description '
            'of the topic.')

#: Bytes that a fetch of all partitions of a server, and of one, asks for.
FETCH_BYTES, PARTITION_FETCH_BYTES = 8 << 20, 1 << 20
#: Bytes of an answer.
MAX_ANSWER_BYTES = 64 << 20
#: Milliseconds for an answer, and between two looks for new partitions.
ANSWER_MS, METADATA_MS = 10_000, 60_000


class _Net(selector.NetworkSelector):
    """Event loop of a consumer."""

    guard: typing.Any = None

    def __init__(self, **configs: typing.Any) -> None:
        super().__init__(**configs)
        self._deadlines: weakref.WeakKeyDictionary[typing.Any, float] = (
            weakref.WeakKeyDictionary())

    def wait_read(self, fileobj: typing.Any,
                  timeout_at: float | None = None) -> typing.Any:
        """Wait for data; a handshake of TLS has a deadline."""
        if isinstance(fileobj, ssl.SSLSocket) and fileobj.version() is None:
            timeout_at = self._deadlines.setdefault(
                fileobj, time.monotonic() + base.CONNECT_SECONDS)
        return super().wait_read(fileobj, timeout_at)


class _Socket(inet.KafkaNetSocket):
    """Connects to the allowed addresses."""

    #: The library chooses the class by the scheme of the proxy, and fails if
    #: there is no class for the scheme.
    SCHEMES = ('guarded',)
    _host = ''

    def dns_lookup(self, host: str, port: int, raise_error: bool = True
                   ) -> typing.Any:
        """Return the addresses of a host."""
        self._host = host
        return super().dns_lookup(host, port, raise_error=True)

    async def connect(self, net: typing.Any, addrinfo: typing.Any,
                      *args: typing.Any, **kwargs: typing.Any) -> typing.Any:
        """Return a socket, connected to an allowed address."""
        net.guard.check(str(addrinfo[4][0]), self._host)
        return await super().connect(net, addrinfo, *args, **kwargs)


class _Manager(manager.KafkaConnectionManager):
    """Connections to the servers; ``failures`` has the last errors."""

    def __init__(self, net: _Net, **configs: typing.Any) -> None:
        self.failures: dict[typing.Any, Exception] = {}
        self._watched: weakref.WeakSet[typing.Any] = weakref.WeakSet()
        super().__init__(net, **configs)
        # The library does not hand the option on.
        self.cluster.config['allow_auto_create_topics'] = False

    def get_connection(self, node_id: typing.Any, *args: typing.Any,
                       **kwargs: typing.Any) -> typing.Any:
        """Return a connection; do not try without end to start.

        :raises Exception: each of the first servers has failed.
        """
        if not self.bootstrapped and len(self.failures) >= len(
                self.cluster.bootstrap_brokers()):
            raise list(self.failures.values())[-1]
        connection = super().get_connection(node_id, *args, **kwargs)
        if connection not in self._watched:
            self._watched.add(connection)
            connection.init_future.add_callback(
                lambda _: self.failures.pop(node_id, None))
            connection.close_future.add_errback(functools.partial(
                self.failures.__setitem__, node_id))
        return connection


class Consumer:
    """Consumer of all partitions of a topic, for a single thread."""

    _client: typing.Any = None
    _consumer: typing.Any = None

    def __init__(self, access: base.Access) -> None:
        kafka_codecs.limit()
        # The library logs the requests, also those with a password.
        logging.getLogger('kafka').setLevel(logging.CRITICAL)
        self._topic = access.settings['topic']
        self._guard, self._source_id = access.guard, access.source_id
        try:
            with self._translate_errors():
                self._consumer = kafka.KafkaConsumer(
                    **create_options(access),
                    kafka_client=self._create_client)
                self._connections.run(
                    self._connections.wait_for,
                    self._connections.cluster.set_topics([self._topic]),
                    ANSWER_MS)
        except BaseException:
            self.close()
            raise

    def _create_client(self, **configs: typing.Any) -> typing.Any:
        net = _Net(**configs)
        net.guard = self._guard
        self._connections = _Manager(net, **configs)
        self._client = compat.KafkaNetClient(
            net, self._connections, **configs)
        return self._client

    @contextlib.contextmanager
    def _translate_errors(self) -> Iterator[None]:
        """Raise ``TemporaryError`` for all errors.

        The library raises errors of all kinds for malformed answers.
        """
        try:
            yield
        except exception.TemporaryError:
            raise
        except errors.KafkaTimeoutError as e:
            failures = list(self._connections.failures.values())
            raise describe(failures[-1] if failures else e) from e
        except Exception as e:
            raise describe(e) from e

    def list_partitions(self) -> list[int]:
        """Return the numbers of the partitions, also of new ones.

        :raises TemporaryError: there is no such topic.
        """
        numbers = self._connections.cluster.partitions_for_topic(
            self._topic)
        if not numbers:
            raise exception.TemporaryError(NO_TOPIC)
        return sorted(numbers)

    def read_limits(self, numbers: Iterable[int], is_end: bool
                    ) -> dict[int, int]:
        """Return the first or the next offset of each partition."""
        partitions = self._name(numbers)
        with self._translate_errors():
            limits = (self._consumer.end_offsets(partitions) if is_end
                      else self._consumer.beginning_offsets(partitions))
        return {partition.partition: offset
                for partition, offset in limits.items()}

    def assign(self, offsets: Mapping[int, int]) -> None:
        """Read partitions from offsets."""
        with self._translate_errors():
            self._consumer.assign(self._name(offsets))
            for partition in self._name(offsets):
                self._consumer.seek(partition, offsets[partition.partition])

    def count_waiting(self, offsets: Mapping[int, int]) -> int:
        """Return the number of records from offsets on.

        :raises TemporaryError: a partition ends before the offset.
        """
        ends = self.read_limits(offsets, True)
        for number, end in ends.items():
            if end < offsets[number]:
                raise describe_end(number, offsets[number])
        return sum(ends.values()) - sum(offsets.values())

    def read_offsets(self) -> dict[int, int]:
        """Return the offsets behind the received records."""
        with self._translate_errors():
            return {partition.partition: self._consumer.position(partition)
                    for partition in self._consumer.assignment()}

    def receive(self, seconds: float, limit: int) -> list[typing.Any]:
        """Return the next records."""
        with self._translate_errors():
            try:
                answer = self._consumer.poll(int(seconds * 1000), limit)
            except errors.OffsetOutOfRangeError as e:
                self._skip_deleted(e.args[0])
                return []
        return [record for records in answer.values() for record in records]

    def _skip_deleted(self, places: Mapping[typing.Any, int]) -> None:
        """Go on behind records deleted by the cluster."""
        for place, offset in places.items():
            number = place.partition
            first = self.read_limits([number], False)[number]
            if offset > first:
                raise describe_end(number, offset)
            LOG.warning(
                'Event source %s: Kafka has deleted the records %s to %s of '
                'partition %s before the source has read any of these.',
                self._source_id, offset, first - 1, number)
            self._consumer.seek(place, first)

    def close(self) -> None:
        """Close all connections; raise nothing."""
        with contextlib.suppress(Exception):
            if self._consumer is not None:
                self._consumer.close(autocommit=False, timeout_ms=1000)
        with contextlib.suppress(Exception):
            self._client.close()

    def _name(self, numbers: Iterable[int]) -> list[typing.Any]:
        return [kafka.TopicPartition(self._topic, number)
                for number in numbers]


def create_options(access: base.Access) -> dict[str, typing.Any]:
    """Return the options of the library."""
    scheme, _, hosts = access.settings['url'].partition('://')
    username = access.credentials.get('username')
    protocol = 'SSL' if scheme == 'kafkas' else 'PLAINTEXT'
    options: dict[str, typing.Any] = {
        'bootstrap_servers': hosts.split(','), 'client_id': 'qinling',
        'security_protocol': f'SASL_{protocol}' if username else protocol,
        'enable_auto_commit': False, 'auto_offset_reset': 'none',
        'isolation_level': 'read_committed', 'proxy_url': 'guarded://',
        'fetch_max_bytes': FETCH_BYTES, 'metrics_enabled': False,
        'max_partition_fetch_bytes': PARTITION_FETCH_BYTES,
        'receive_message_max_bytes': MAX_ANSWER_BYTES,
        'request_timeout_ms': ANSWER_MS, 'bootstrap_timeout_ms': ANSWER_MS,
        'metadata_max_age_ms': METADATA_MS}
    if protocol == 'SSL':
        options['ssl_context'] = ssl.create_default_context()
    if username:
        options |= {'sasl_mechanism': access.settings['mechanism'],
                    'sasl_plain_username': username,
                    'sasl_plain_password': access.credentials.get(
                        'password', '')}
    return options


def describe_end(number: int, offset: int) -> exception.TemporaryError:
    """Return the error of a partition with an end before an offset."""
    return exception.TemporaryError(
        f'Partition {number} of the topic ends before offset {offset}, from '
        'which the source would go on: the topic was deleted or has lost '
        'records. Create the source again.')


def describe(error: BaseException) -> exception.TemporaryError:
    """Return an error with a sentence for the user."""
    if isinstance(error, exception.TemporaryError):
        return error
    if isinstance(error, (errors.AuthorizationError,
                          errors.SaslAuthenticationFailedError,
                          errors.UnsupportedSaslMechanismError)):
        return exception.TemporaryError(
            'Kafka refuses the access; check mechanism, username, password '
            f'and permissions: {error}')
    if isinstance(error, (errors.KafkaConnectionError, OSError,
                          errors.KafkaTimeoutError)):
        return exception.TemporaryError(
            f'Kafka cannot be reached: {error}')
    if isinstance(error, errors.UnknownTopicOrPartitionError):
        return exception.TemporaryError(NO_TOPIC)
    return exception.TemporaryError(
        f'Kafka reports an error: {error or type(error).__name__}')
