# SPDX-License-Identifier: Apache-2.0
"""Events from the records of a topic of Kafka.

The source reads all partitions, without a consumer group: the next
offset of each partition is the position of the source.  The id of an event is
``TOPIC/PARTITION/OFFSET``.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import datetime
import json
import string
import time
import typing

from qinling.event_sources import base
from qinling import exception

SCHEMES = ('kafka', 'kafkas')
MECHANISMS = ('PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512')
STARTS, FORMATS = ('new', 'oldest'), ('json', 'text')
TOPIC_CHARACTERS = frozenset(string.ascii_letters + string.digits + '._-')
MISSING = ('Topics of Kafka need the Python library "kafka-python" in the '
           'service; ask an operator to install the extra "kafka" for the '
           'engines: run "pip install \'.[kafka]\'" in the checkout.')


class Driver(base.Driver):
    """Topic of Kafka."""

    @staticmethod
    def parse(settings: Mapping[str, typing.Any]) -> dict[str, typing.Any]:
        """Return ``url``, ``topic``, ``start``, ``format``, ``mechanism``.
        """
        fields = base.parse_fields(settings, {
            'url': base.REQUIRED, 'topic': base.REQUIRED, 'start': 'new',
            'format': 'json', 'mechanism': 'SCRAM-SHA-512'})
        scheme, _, hosts = fields['url'].partition('://')
        for host in hosts.split(','):
            if not base.parse_url(f'{scheme}://{host}', SCHEMES).port:
                raise ValueError('url of settings needs the port of each '
                                 'server, such as kafka://HOST:9092.')
            if '/' in host:
                raise ValueError('url of settings has a path; Kafka has '
                                 'none.')
        topic = fields['topic']
        if len(topic) > 249 or topic in ('.', '..') or not (
                set(topic) <= TOPIC_CHARACTERS):
            raise ValueError('topic of settings must be the name of a topic: '
                             'letters, digits, ".", "_" and "-".')
        for name, values in (('start', STARTS), ('format', FORMATS),
                             ('mechanism', MECHANISMS)):
            if fields[name] not in values:
                raise ValueError(f'{name} of settings must be one of: '
                                 f'{", ".join(values)}.')
        return fields

    @staticmethod
    def open(access: base.Access) -> base.Reader:
        """Return the reader of the topic."""
        return Reader(access)


class Reader(base.Reader):
    """Open topic; the position has the next offset of each partition."""

    def __init__(self, access: base.Access) -> None:
        try:
            # Imported on demand: an optional library.
            from qinling.event_sources import kafka_client
        except ImportError as e:
            raise exception.TemporaryError(MISSING) from e
        self._access = access
        self._is_json = access.settings['format'] == 'json'
        self._consumer = kafka_client.Consumer(access)
        try:
            self._move_to(self._find_start())
            self._assign()
        except BaseException:
            self.close()
            raise

    def _find_start(self) -> dict[int, int]:
        """Return the offsets behind the last batch, or the first offsets."""
        if self._access.position is not None:
            return {int(number): offset for number, offset in json.loads(
                self._access.position).items()}
        return self._consumer.read_limits(
            self._consumer.list_partitions(),
            self._access.settings['start'] == 'new')

    def _move_to(self, offsets: dict[int, int]) -> None:
        self._offsets = offsets
        self.position = json.dumps(offsets, sort_keys=True)

    def _assign(self) -> None:
        """Read all partitions, new partitions from the beginning."""
        numbers = self._consumer.list_partitions()
        new = set(numbers) - set(self._offsets)
        if new:
            self._move_to(self._offsets
                          | self._consumer.read_limits(new, False))
        self._consumer.assign({number: self._offsets[number]
                               for number in numbers})

    def receive(self, seconds: float) -> Sequence[base.Event]:
        """Return the next records as events."""
        limit = self._access.limit
        records = self._consumer.receive(base.WAIT_SECONDS, limit)
        deadline = time.monotonic() + seconds
        while records and len(records) < limit:
            remaining = deadline - time.monotonic()
            records += self._consumer.receive(
                min(max(0, remaining), base.WAIT_SECONDS),
                limit - len(records))
            if remaining <= 0:
                break
        self._move_to(self._offsets | self._consumer.read_offsets())
        return [create_event(record, self._is_json) for record in records]

    def acknowledge(self) -> None:
        """Acknowledge nothing: the position is in the database."""

    def measure(self) -> base.Lag:
        """Return the number of records behind the position."""
        numbers = self._consumer.list_partitions()
        if set(numbers) - set(self._offsets):
            self._assign()
        waiting = self._consumer.count_waiting({
            number: self._offsets[number] for number in numbers})
        return base.Lag(waiting, None if waiting else 0)

    def close(self) -> None:
        """Close the connections; raise nothing."""
        self._consumer.close()


def create_event(record: typing.Any, is_json: bool) -> base.Event:
    """Return the event of a record."""
    value, headers = record.value, dict(record.headers or ())
    body, fault = (None, None) if value is None else base.decode_body(
        value, is_json)
    return base.Event(
        body, sum(len(part or b'') for part in (
            value, record.key, *headers.values())) + sum(map(len, headers)),
        f'{record.topic}/{record.partition}/{record.offset}',
        _read_text(headers.get('ce_type')), _format_time(record.timestamp),
        {'topic': record.topic, 'partition': record.partition,
         'offset': record.offset, 'key': _decode(record.key), 'headers': {
             name: _decode(text) for name, text in headers.items()}}, fault)


def _decode(data: bytes | None) -> typing.Any:
    return None if data is None else base.decode_body(data)[0]


def _read_text(data: bytes | None) -> str | None:
    text = _decode(data)
    return text if isinstance(text, str) and text else None


def _format_time(milliseconds: int | None) -> str | None:
    if milliseconds is None or milliseconds < 0:
        return None
    try:
        return datetime.datetime.fromtimestamp(
            milliseconds / 1000, datetime.timezone.utc).isoformat()
    except (ValueError, OverflowError, OSError):
        return None
