# SPDX-License-Identifier: Apache-2.0
"""Message bus: transports, notifiers and servers of oslo.messaging."""

from collections.abc import Callable
import functools
import socket
import typing

import amqp
from oslo_config import cfg
from oslo_log import log

# First: oslo.messaging starts with the chosen backend.
from qinling import threading_backend  # noqa: F401

import oslo_messaging  # noqa: H306
from oslo_messaging._drivers import amqpdriver
from oslo_messaging._metrics import client as bus_metrics
from oslo_messaging._tracing import client as bus_tracing

from qinling import circuit_breaker
from qinling import exception

LOG = log.getLogger(__name__)

# The readers of RabbitMQ poll for late acknowledgements, at an interval that
# starts with each message at this value and doubles.  Qinling acknowledges
# early, and the default of 1 ms costs more than the messages.
amqpdriver.ACK_REQUEUE_EVERY_SECONDS_MIN = 0.2

#: Seconds of silence after which a connection is dropped, and between two
#: tries to connect.
RABBIT_OPTIONS = {'heartbeat_timeout_threshold': 10, 'rabbit_interval_max': 3}
#: Threads of an engine beside its executions, for short verbs and for the
#: rejection of executions.
SPARE_THREADS = 16
ping = circuit_breaker.ping


def create_transport(conf: cfg.ConfigOpts) -> typing.Any:
    """Return the bus of ``transport_url``.

    oslo.messaging registers two option groups on the global configuration
    only, so this function registers them on ``conf``.

    :raises ValueError: the option is not valid.
    """
    conf.register_opts(bus_metrics.oslo_messaging_metrics,
                       group='oslo_messaging_metrics')
    conf.register_opts(bus_tracing.oslo_messaging_tracing,
                       group='oslo_messaging_tracing')
    try:
        transport = oslo_messaging.get_rpc_transport(conf)
    except oslo_messaging.DriverLoadFailure as e:
        raise ValueError(f'[DEFAULT] transport_url: {e}')
    except (oslo_messaging.InvalidTransportURL, ValueError):
        # The error would show the password.
        raise ValueError(
            '[DEFAULT] transport_url is not a URL such as rabbit://user:'
            'password@host:5672/; write special characters as %XX.')
    if 'oslo_messaging_rabbit' in conf:
        for name, value in RABBIT_OPTIONS.items():
            conf.set_default(name, value, group='oslo_messaging_rabbit')
    return transport


def is_refusal(error: BaseException) -> bool:
    """Return whether a broker refuses the name, the password or the vhost."""
    return isinstance(error, amqp.AMQPError)


def create_notifier(conf: cfg.ConfigOpts) -> typing.Any:
    """Return the notifier of the audit trail.

    :returns: ``None`` when ``[oslo_messaging_notifications]`` has no driver.
    """
    transport = oslo_messaging.get_notification_transport(conf)
    drivers = conf.oslo_messaging_notifications.driver
    if not set(drivers) - {'noop'}:
        return None
    return oslo_messaging.Notifier(
        transport, publisher_id=f'qinling.{socket.gethostname()}')


def create_server(conf: cfg.ConfigOpts, transport: typing.Any, name: str,
                  endpoint: object) -> typing.Any:
    """Return a server that passes messages for engines to ``endpoint``."""
    target = oslo_messaging.Target(topic=conf.engine.topic, server=name)
    return oslo_messaging.get_rpc_server(
        transport, target, [Receiver(endpoint)],
        access_policy=oslo_messaging.DefaultRPCAccessPolicy)


def stop_server(server: typing.Any) -> None:
    """Stop the delivery of messages, and finish the delivered ones.

    ``stop`` of oslo.messaging leaves the consumers to the broker, and drops
    later messages.  So the reading thread, which alone may, cancels the
    consumers first, and deletes the queue of the server.
    """
    poller: typing.Any = getattr(server.listener, '_poll_style_listener',
                                 None)
    if hasattr(poller, '_message_operations_handler'):
        queue = f'{server._target.topic}.{server._target.server}'
        poller._message_operations_handler.do(
            lambda: _cancel_consumers(poller.conn, queue))
    server.stop()


def _cancel_consumers(connection: typing.Any, queue: str) -> None:
    for consumer, tag in list(connection._consumers.items()):
        try:
            consumer.cancel(tag)
            if consumer.queue_name == queue:
                consumer.queue.delete()
        except Exception as e:
            # Without the bus, no message arrives either.
            LOG.info('Could not cancel a consumer: %s', e)


class Receiver:
    """Endpoint whose refusals are answers, not failures with a traceback."""

    def __init__(self, endpoint: object) -> None:
        self._endpoint = endpoint

    def __getattr__(self, name: str) -> Callable[..., typing.Any]:
        verb = getattr(self._endpoint, name)

        @functools.wraps(verb)
        def answer(*args: typing.Any, **kwargs: typing.Any) -> typing.Any:
            try:
                return verb(*args, **kwargs)
            except exception.Unavailable as e:
                raise _expect(e)
        return answer


def _expect(error: exception.Unavailable) -> Exception:
    """Return the error for the other side, which knows general errors only.
    """
    try:
        raise exception.Unavailable(str(error))
    except exception.Unavailable:
        expected: Exception = oslo_messaging.ExpectedException()
        return expected
