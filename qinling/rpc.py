# SPDX-License-Identifier: Apache-2.0
"""Message bus between API processes and engines.

Calls and casts carry plain data.  A cast may be lost with the process that
received it, and a message may arrive twice; both are harmless, since the
execution row decides.
"""

import collections
from collections.abc import Callable
from collections.abc import Iterator
from concurrent import futures
import contextlib
import dataclasses
import datetime
import socket
import sys
import time
import typing

from kombu import exceptions as bus_exceptions
from oslo_config import cfg
from oslo_log import log

# futurist would import an installed eventlet, for a sixth of a start.
sys.modules.setdefault('eventlet', None)  # type: ignore[arg-type]

from oslo_service import backend  # noqa: E402

# Before the import of oslo.messaging, which would choose eventlet.
backend.init_backend(backend.BackendType.THREADING)

import oslo_messaging  # noqa: E402
from oslo_messaging._drivers import amqpdriver  # noqa: E402
from oslo_messaging._metrics import client as bus_metrics  # noqa: E402
from oslo_messaging._tracing import client as bus_tracing  # noqa: E402

from qinling import circuit_breaker  # noqa: E402
from qinling import context  # noqa: E402
from qinling.core.execution import records  # noqa: E402
from qinling.core import targets  # noqa: E402
from qinling.db import engines  # noqa: E402
from qinling.db import session  # noqa: E402
from qinling import exception  # noqa: E402
from qinling.telemetry import metrics  # noqa: E402

LOG = log.getLogger(__name__)

# The readers of RabbitMQ poll for late acknowledgements, at an interval that
# starts with each message at this value and doubles.  Qinling acknowledges
# early, and the default of 1 ms costs more than the messages.
amqpdriver.ACK_REQUEUE_EVERY_SECONDS_MIN = 0.2

#: Seconds of a call on the bus beyond the work.
RPC_MARGIN_SECONDS = 30
#: Seconds without a heartbeat after which a call gives an engine up.
MONITOR_TIMEOUT_SECONDS = 10
#: Seconds for an engine to answer a question about its workers.
GATHER_TIMEOUT_SECONDS = 5
#: Seconds of silence after which a connection is dropped, and between two
#: tries to connect.
RABBIT_OPTIONS = {'heartbeat_timeout_threshold': 10, 'rabbit_interval_max': 3}
#: Threads of an engine beside its executions, for short verbs and for the
#: rejection of executions.
SPARE_THREADS = 16

#: Errors of a message that was not sent.
_NOT_SENT = (oslo_messaging.MessageDeliveryFailure, bus_exceptions.KombuError,
             OSError)
ping = circuit_breaker.ping

_Json = dict[str, typing.Any]


def create_transport(conf: cfg.ConfigOpts) -> typing.Any:
    """Return the bus of ``transport_url``.

    oslo.messaging registers two option groups on the global configuration
    only, so this function registers them on ``conf``.
    """
    conf.register_opts(bus_metrics.oslo_messaging_metrics,
                       group='oslo_messaging_metrics')
    conf.register_opts(bus_tracing.oslo_messaging_tracing,
                       group='oslo_messaging_tracing')
    transport = oslo_messaging.get_rpc_transport(conf)
    if 'oslo_messaging_rabbit' in conf:
        for name, value in RABBIT_OPTIONS.items():
            conf.set_default(name, value, group='oslo_messaging_rabbit')
    return transport


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
        transport, target, [endpoint],
        access_policy=oslo_messaging.DefaultRPCAccessPolicy)


def stop_server(server: typing.Any) -> None:
    """Stop the delivery of messages, and finish the delivered ones.

    ``stop`` of oslo.messaging leaves the consumers to the broker, and drops
    the messages that still arrive.  So the reading thread, the only one that
    may, cancels the consumers first, and deletes the queue of the server.
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


@contextlib.contextmanager
def expected_errors() -> Iterator[None]:
    """Send :class:`~qinling.exception.Unavailable` to the caller unlogged."""
    try:
        yield
    except exception.Unavailable:
        raise oslo_messaging.ExpectedException()


def decode_message(value: _Json) -> records.ExecutionMessage:
    """Return the execution message of plain data."""
    return records.ExecutionMessage(**dict(
        value, trace=context.TraceContext(**value['trace'])))


def encode_ended(ended: records.Ended | None) -> _Json | None:
    """Return the end of an execution as plain data."""
    if ended is None:
        return None
    return dict(vars(ended), updated_at=ended.updated_at.isoformat())


def decode_ended(value: _Json | None) -> records.Ended | None:
    """Return the end of an execution of plain data."""
    if value is None:
        return None
    return records.Ended(**dict(value, updated_at=(
        datetime.datetime.fromisoformat(value['updated_at']))))


class EngineClient:
    """Verbs of the engines over the bus.

    See :class:`qinling.core.engine_client.EngineClient`.  Every method raises
    :class:`qinling.exception.Unavailable` when no engine answers in time, or
    the bus is down.

    :param db: names the engines that have workers of their own.
    """

    def __init__(self, conf: cfg.ConfigOpts, transport: typing.Any,
                 db: session.Database) -> None:
        self._conf = conf
        self._db = db
        self._client = oslo_messaging.get_rpc_client(
            transport, oslo_messaging.Target(topic=conf.engine.topic))
        self._breaker = circuit_breaker.CircuitBreaker(
            self._client, conf.engine.topic)

    @property
    def owner(self) -> str | None:
        """Return ``None``: the claiming engine is not known in advance."""
        return None

    def run(self, message: records.ExecutionMessage,
            target: targets.Target) -> records.Ended | None:
        """Run an execution on any engine and wait for the end."""
        timeout = (target.timeout + self._conf.engine.queue_timeout
                   + RPC_MARGIN_SECONDS)
        return decode_ended(self._call(
            'run', timeout, message=dataclasses.asdict(message),
            target=dataclasses.asdict(target)))

    def start(self, message: records.ExecutionMessage,
              target: targets.Target) -> None:
        """Notify an engine of an asynchronous execution."""
        self._cast('start', message=dataclasses.asdict(message),
                   target=dataclasses.asdict(target))

    def is_alive(self, owner: str) -> bool | None:
        """Return whether an engine answers, ``None`` without a bus."""
        try:
            return bool(self._call(
                'is_alive', GATHER_TIMEOUT_SECONDS,
                server=engines.bus_name(owner), owner=owner))
        except exception.Unavailable:
            return False if self._breaker.is_closed() else None

    def cancel(self, id: str) -> None:
        """Stop an execution on the engine that runs it."""
        self._cast('cancel', fanout=True, id=id)

    def ensure_runtime(self, id: str,
                       previous_image: str | None = None) -> None:
        """Create or change a pool on all engines."""
        self._cast('ensure_runtime', fanout=True, id=id,
                   previous_image=previous_image)

    def delete_runtime(self, id: str) -> None:
        """Destroy a pool on all engines."""
        self._cast('delete_runtime', fanout=True, id=id)

    def pool_capacity(self, id: str) -> dict[str, int] | None:
        """Return the sum of ``{"total", "available"}`` of all engines."""
        capacities = [
            capacity for capacity in
            self._gather('pool_capacity', id=id).values() if capacity]
        return {name: sum(capacity[name] for capacity in capacities)
                for name in ('total', 'available')} if capacities else None

    def list_workers(self, function_id: str, version: int) -> list[str]:
        """Return the names of the workers of a function."""
        answers = self._gather('list_workers', function_id=function_id,
                               version=version)
        return [name for names in answers.values() for name in names]

    def has_workers(self, runtime_id: str) -> bool:
        """Return whether any worker of a runtime serves a function."""
        return any(self._gather('has_workers', strict=True,
                                runtime_id=runtime_id).values())

    def scale_up(self, target: targets.Target, count: int) -> None:
        """Start ``count`` more workers."""
        self._cast('scale_up', target=dataclasses.asdict(target),
                   count=count)

    def scale_down(self, target: targets.Target, count: int) -> None:
        """Retire ``count`` workers.

        The engines with most workers retire first, and each keeps one.
        """
        answers = self._gather('list_workers', function_id=target.function_id,
                               version=target.version)
        spare = {name: len(workers) - 1 for name, workers in answers.items()}
        counts: collections.Counter[str | None] = collections.Counter()
        for _ in range(count):
            name = max(spare, key=lambda name: spare[name])
            spare[name] -= 1
            counts[name] += 1
        for name, number in counts.items():
            self._cast('scale_down', server=name, count=number,
                       target=dataclasses.asdict(target))

    def install(self, target: targets.Target) -> None:
        """Install the dependencies of a function on any engine."""
        self._cast('install', target=dataclasses.asdict(target))

    def detach(self, function_id: str, version: int | None) -> None:
        """Retire the workers of a function on all engines."""
        self._cast('detach', fanout=True, function_id=function_id,
                   version=version)

    def _gather(self, method: str, strict: bool = False,
                **arguments: typing.Any) -> dict[str | None, typing.Any]:
        """Return the answer of each engine by the name of the engine.

        Engines that share workers give one answer, of ``None``.

        :param strict: fail when any engine does not answer.
        """
        names: list[str | None] = [*engines.list_alive(
            self._db, self._conf.engine.lease)] or [None]
        with futures.ThreadPoolExecutor(len(names)) as pool:
            calls = {name: pool.submit(
                self._call, method, GATHER_TIMEOUT_SECONDS, server=name,
                **arguments) for name in names}
        errors = {name: error for name, call in calls.items()
                  if (error := call.exception())}
        if errors and (strict or len(errors) == len(calls)):
            raise next(iter(errors.values()))
        return {name: call.result() for name, call in calls.items()
                if name not in errors}

    def _call(self, method: str, timeout: float, server: str | None = None,
              **arguments: typing.Any) -> typing.Any:
        return self._send(self._client.prepare(
            timeout=timeout, call_monitor_timeout=MONITOR_TIMEOUT_SECONDS,
            retry=0, server=server).call, method, arguments)

    def _cast(self, method: str, fanout: bool = False,
              server: str | None = None, **arguments: typing.Any) -> None:
        self._send(self._client.prepare(
            fanout=fanout, retry=0, server=server).cast, method, arguments)

    def _send(self, action: Callable[..., typing.Any], method: str,
              arguments: _Json) -> typing.Any:
        retry_until = (time.monotonic()
                       + circuit_breaker.REQUEST_TIMEOUT_SECONDS)
        while True:
            self._breaker.check()
            try:
                return action({}, method, **arguments)
            except _NOT_SENT as e:
                # A connection may have been broken for long; another try
                # opens a new connection.
                if time.monotonic() < retry_until:
                    retry_until = 0
                    continue
                self._breaker.open()
                metrics.rpc_failures.labels(method).inc()
                reason = f'the message bus is down ({type(e).__name__}).'
            except oslo_messaging.RemoteError as e:
                if e.exc_type == exception.Unavailable.__name__:
                    raise exception.Unavailable(e.value)
                reason = f'an engine failed ({e.exc_type}).'
            except oslo_messaging.MessagingException as e:
                metrics.rpc_failures.labels(method).inc()
                reason = f'no engine answers ({type(e).__name__}).'
            raise exception.Unavailable(reason=reason)
