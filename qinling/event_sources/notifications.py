# SPDX-License-Identifier: Apache-2.0
"""Events from the notifications of OpenStack services.

Each source has a queue of its own at the exchange of the service, so that
other readers of notifications get all of them, too.  The queue remains while
the source is paused; the broker deletes it when no engine has read it for a
week.
"""

from collections.abc import Mapping
import typing

from qinling.event_sources import amqp
from qinling.event_sources import base
from qinling import strict_json

#: Milliseconds without a reader after which the broker deletes a queue.
EXPIRY_MS = 7 * 24 * 3600 * 1000
#: Attributes of a notification that functions get.
_ATTRIBUTES = ('publisher_id', 'priority')
_ENVELOPE = 'oslo.message'


class Driver(base.Driver):
    """Notifications of oslo.messaging."""

    @staticmethod
    def parse(settings: Mapping[str, typing.Any]) -> dict[str, typing.Any]:
        """Return ``url``, ``exchange``, ``topics`` and ``priorities``."""
        fields = base.parse_fields(settings, {
            'url': base.REQUIRED, 'exchange': base.REQUIRED,
            'topics': ['notifications', 'versioned_notifications'],
            'priorities': ['info']})
        amqp.parse_url(fields['url'])
        return fields

    @staticmethod
    def open(access: base.Access) -> base.Reader:
        """Return the reader of the queue of the source."""
        return Reader(access)


class Reader(amqp.Reader):
    """Open queue that belongs to the source."""

    def declare(self, access: base.Access, channel: amqp.Channel) -> str:
        """Declare and bind the queue; return the name."""
        settings = access.settings
        queue = f'qinling.{access.source_id}'
        # Services declare the exchange with options of their own, which must
        # not be declared in another way before.
        channel.exchange_declare(settings['exchange'], 'topic', passive=True)
        channel.queue_declare(queue, durable=True, auto_delete=False,
                              arguments={'x-expires': EXPIRY_MS})
        for topic in settings['topics']:
            for priority in settings['priorities']:
                channel.queue_bind(queue, settings['exchange'],
                                   f'{topic}.{priority}')
        return queue

    def read_event(self, message: amqp.Message) -> base.Event:
        """Return the event of a notification."""
        data = amqp.read_bytes(message)
        body, fault = base.decode_body(data, is_json=True)
        if fault is None:
            body, fault = _open_envelope(body)
        if fault is not None:
            return base.Event(body, len(data), fault=fault)
        return base.Event(
            body['payload'], len(data), _text(body.get('message_id')),
            body['event_type'], _text(body.get('timestamp')),
            {name: body.get(name) for name in _ATTRIBUTES})


def _open_envelope(body: typing.Any) -> tuple[typing.Any, str | None]:
    """Return the notification of a message, and perhaps a fault."""
    try:
        if isinstance(body, dict) and _ENVELOPE in body:
            body = strict_json.loads(body[_ENVELOPE], rounded=True)
    except (ValueError, TypeError) as e:
        return body, f'The envelope of the notification is malformed: {e}'
    if not (isinstance(body, dict) and 'payload' in body
            and isinstance(body.get('event_type'), str)):
        return body, ('The message is no notification: it has no event_type '
                      'or no payload.')
    return body, None


def _text(value: typing.Any) -> str | None:
    return value if isinstance(value, str) and value else None
