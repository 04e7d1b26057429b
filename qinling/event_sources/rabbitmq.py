# SPDX-License-Identifier: Apache-2.0
"""Events from a queue of RabbitMQ, or of another AMQP 0-9-1 broker.

The queue has to exist.  The ``message_id`` of a message is the id of its
event.
"""

from collections.abc import Mapping
import datetime
import typing

from qinling.event_sources import amqp
from qinling.event_sources import base


class Driver(base.Driver):
    """Queue of a broker."""

    @staticmethod
    def parse(settings: Mapping[str, typing.Any]) -> dict[str, typing.Any]:
        """Return ``url`` and ``queue``."""
        fields = base.parse_fields(settings, {
            'url': base.REQUIRED, 'queue': base.REQUIRED})
        amqp.parse_url(fields['url'])
        return fields

    @staticmethod
    def open(access: base.Access) -> base.Reader:
        """Return the reader of the queue."""
        return Reader(access)


class Reader(amqp.Reader):
    """Reader of an existing queue."""

    def declare(self, access: base.Access, channel: amqp.Channel) -> str:
        """Check the queue; return the name."""
        queue: str = access.settings['queue']
        channel.queue_declare(queue, passive=True)
        return queue

    def read_event(self, message: amqp.Message) -> base.Event:
        """Return the event of a message."""
        data = amqp.read_bytes(message)
        properties = message.properties
        media_type = (message.content_type or '').partition(';')[0].strip()
        body, fault = base.decode_body(data, media_type == 'application/json'
                                       or media_type.endswith('+json'))
        info = message.delivery_info or {}
        return base.Event(
            body, len(data), properties.get('message_id') or None,
            properties.get('type') or None, _format_time(
                properties.get('timestamp')),
            {'exchange': info.get('exchange'),
             'routing_key': info.get('routing_key'),
             'headers': amqp.read_headers(message)}, fault)


def _format_time(value: typing.Any) -> str | None:
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if not isinstance(value, (int, float)):
        return None
    try:
        return datetime.datetime.fromtimestamp(
            value, datetime.timezone.utc).isoformat()
    except (ValueError, OverflowError, OSError):
        return None
