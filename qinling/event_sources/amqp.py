# SPDX-License-Identifier: Apache-2.0
"""Reader of a queue of an AMQP 0-9-1 broker; two kinds of sources use it."""

import abc
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import contextlib
import ssl
import time
import typing
from urllib import parse

import amqp
import kombu

from qinling.event_sources import base
from qinling import exception

SCHEMES = ('amqp', 'amqps')
PORTS = {'amqp': 5672, 'amqps': 5671}
HEARTBEAT_SECONDS = 30
#: Seconds that a batch without a window waits for events that are on the way.
DRAIN_SECONDS = 0.01

Channel = typing.Any
Message = typing.Any


def parse_url(text: str) -> None:
    """Check the URL of a broker; the path is a virtual host.

    :raises ValueError: the URL is not valid.
    """
    url = base.parse_url(text, SCHEMES)
    if '/' in url.path[1:]:
        raise ValueError('url of settings has a virtual host with "/"; '
                         'write the "/" in the name as %2F.')


@contextlib.contextmanager
def translate_errors() -> Iterator[None]:
    """Raise ``TemporaryError`` for errors of the libraries."""
    try:
        yield
    except amqp.AccessRefused as e:
        raise exception.TemporaryError(
            'The broker refuses the access; check username, password and '
            f'permissions: {_describe(e)}') from e
    except amqp.ConsumerCancelled as e:
        raise exception.TemporaryError(
            'The broker has ended the connection to the queue; the queue was '
            'deleted or has moved.') from e
    except (amqp.AMQPError, kombu.exceptions.OperationalError) as e:
        raise exception.TemporaryError(
            f'The broker reports an error: {_describe(e)}') from e
    except OSError as e:
        raise exception.TemporaryError(
            f'The broker cannot be reached: {e}') from e


def _describe(error: Exception) -> str:
    return str(getattr(error, 'reply_text', None) or error)


def connect(access: base.Access) -> kombu.Connection:
    """Return an open connection to the broker of the settings."""
    url = parse.urlsplit(access.settings['url'])
    host, port = str(url.hostname), url.port or PORTS[url.scheme]
    options = ({'server_hostname': host, 'cert_reqs': ssl.CERT_REQUIRED}
               if url.scheme == 'amqps' else False)
    connection = kombu.Connection(
        transport='pyamqp', hostname=access.guard.resolve(host, port),
        port=port, virtual_host=parse.unquote(url.path[1:]) or '/',
        userid=access.credentials.get('username') or 'guest',
        password=access.credentials.get('password') or 'guest', ssl=options,
        connect_timeout=base.CONNECT_SECONDS, heartbeat=HEARTBEAT_SECONDS)
    try:
        with translate_errors():
            connection.connect()
    except BaseException:
        close(connection)
        raise
    return connection


def close(connection: kombu.Connection) -> None:
    """Close a connection; raise nothing."""
    with contextlib.suppress(Exception):
        connection.release()


class Reader(base.Reader):
    """Open queue."""

    def __init__(self, access: base.Access) -> None:
        self._limit = access.limit
        self._messages: list[Message] = []
        self._connection = connect(access)
        try:
            with translate_errors():
                self._channel = self._connection.channel()
                self._queue = self.declare(access, self._channel)
                self._channel.basic_qos(0, self._limit, False)
                self._consumer = kombu.Consumer(
                    self._channel, [kombu.Queue(self._queue,
                                                no_declare=True)],
                    on_message=self._messages.append, auto_declare=False,
                    accept=None)
                self._consumer.consume()
        except BaseException:
            self.close()
            raise

    @abc.abstractmethod
    def declare(self, access: base.Access, channel: Channel) -> str:
        """Check or declare the queue of a source; return the name."""

    @abc.abstractmethod
    def read_event(self, message: Message) -> base.Event:
        """Return the event of a message."""

    def receive(self, seconds: float) -> Sequence[base.Event]:
        """Return the next messages as events."""
        with translate_errors():
            self._connection.heartbeat_check()
            self._drain(time.monotonic() + base.WAIT_SECONDS, 1)
            if self._messages:
                self._drain(time.monotonic() + max(seconds, DRAIN_SECONDS),
                            self._limit)
        return [self.read_event(message) for message in self._messages]

    def _drain(self, deadline: float, number: int) -> None:
        """Receive until a number of messages is here, or to a time."""
        while len(self._messages) < number:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return
            try:
                self._connection.drain_events(
                    timeout=min(remaining, base.WAIT_SECONDS))
            except TimeoutError:
                self._connection.heartbeat_check()

    def acknowledge(self) -> None:
        """Acknowledge the last batch, which are all messages here."""
        with translate_errors():
            if self._messages:
                self._channel.basic_ack(
                    self._messages[-1].delivery_tag, multiple=True)
        self._messages.clear()

    def measure(self) -> base.Lag:
        """Return the number of messages in the queue."""
        with translate_errors():
            answer = self._channel.queue_declare(self._queue, passive=True)
        return base.Lag(int(answer.message_count))

    def close(self) -> None:
        """Close the connection; unacknowledged messages return."""
        close(self._connection)


def read_headers(message: Message) -> Mapping[str, typing.Any]:
    """Return the headers of a message that are texts or numbers."""
    return {str(name): value for name, value in (message.headers or {}).items()
            if isinstance(value, (str, int, float, bool))}


def read_bytes(message: Message) -> bytes:
    """Return the body of a message."""
    body = message.body
    return body.encode() if isinstance(body, str) else bytes(body)
