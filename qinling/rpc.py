# SPDX-License-Identifier: Apache-2.0
"""The message bus: how an API process reaches engines.

Calls and casts carry plain data.  A cast may be lost with the process that
took it, and a message may come twice; both are harmless, since the execution
row says what is to be done.
"""

import collections
from concurrent import futures
import dataclasses
import datetime
import socket
import sys
import time

from kombu import exceptions as bus_exceptions
from oslo_log import log

# Nothing of ours uses it, and futurist would spend a sixth of a start on it.
sys.modules.setdefault('eventlet', None)

from oslo_service import backend  # noqa: E402

# Before oslo.messaging is imported: it would choose eventlet.
backend.init_backend(backend.BackendType.THREADING)

import oslo_messaging  # noqa: E402
from oslo_messaging._drivers import amqpdriver  # noqa: E402
from oslo_messaging._metrics import client as bus_metrics  # noqa: E402
from oslo_messaging._tracing import client as bus_tracing  # noqa: E402

from qinling import circuit_breaker  # noqa: E402
from qinling.db import engines  # noqa: E402
from qinling import exception  # noqa: E402
from qinling.telemetry import metrics  # noqa: E402

LOG = log.getLogger(__name__)

# The threads that read from RabbitMQ look up after so many seconds, twice as
# many and so on, anew with each message, for acknowledgements that come late.
# Ours do not, and from 1 ms on that took longer than the messages.
amqpdriver.ACK_REQUEUE_EVERY_SECONDS_MIN = 0.2

#: Seconds that a call may take on the bus beyond the work itself.
MARGIN = 30
#: Seconds without a sign of life after which a call gives an engine up.
MONITOR = 10
#: Seconds that an engine may take to tell what it has.
GATHER = 5
#: Seconds after which a silent connection to the bus is given up, and those
#: between two tries to connect, however long it was away.
OPTIONS = {'heartbeat_timeout_threshold': 10, 'rabbit_interval_max': 3}
#: Threads of an engine that tell that all others are busy, and do what takes
#: no time.
SPARE_THREADS = 16

#: What is raised when nothing could be sent.
_BROKEN = (oslo_messaging.MessageDeliveryFailure, bus_exceptions.KombuError,
           OSError)
ping = circuit_breaker.ping
#: Around a verb that refuses: it is no fault of the engine.
refuses = oslo_messaging.expected_exceptions(exception.Unavailable)


def transport(conf):
    """The bus that ``transport_url`` names.

    :param conf: a ``ConfigOpts``; oslo.messaging registers two of its groups
        on the global one only, hence here on this one.
    """
    conf.register_opts(bus_metrics.oslo_messaging_metrics,
                       group='oslo_messaging_metrics')
    conf.register_opts(bus_tracing.oslo_messaging_tracing,
                       group='oslo_messaging_tracing')
    made = oslo_messaging.get_rpc_transport(conf)
    if 'oslo_messaging_rabbit' in conf:
        for name, value in OPTIONS.items():
            conf.set_default(name, value, group='oslo_messaging_rabbit')
    return made


def notifier(conf):
    """What tells the audit trail, or ``None`` when the options of
    ``[oslo_messaging_notifications]`` want none."""
    transport = oslo_messaging.get_notification_transport(conf)
    drivers = conf.oslo_messaging_notifications.driver
    if not set(drivers) - {'noop'}:
        return None
    return oslo_messaging.Notifier(
        transport, publisher_id=f'qinling.{socket.gethostname()}')


def server(conf, bus, name, endpoint):
    """A server that hands the messages for engines to ``endpoint``."""
    address = oslo_messaging.Target(topic=conf.engine.topic, server=name)
    return oslo_messaging.get_rpc_server(
        bus, address, [endpoint],
        access_policy=oslo_messaging.DefaultRPCAccessPolicy)


def stop(listener):
    """Have a server get no more messages, and let it do what it has got.

    oslo.messaging's own ``stop`` leaves the consumers to the broker, which
    sends on; what comes after it is acknowledged and dropped.  So the thread
    that reads is told to cancel them before it ends, which is the one that
    may, and which then has all that was sent before.  It also deletes the
    queue of the server's own name, which would be there for ever.
    """
    poller = getattr(listener.listener, '_poll_style_listener', None)
    if hasattr(poller, '_message_operations_handler'):
        own = f'{listener._target.topic}.{listener._target.server}'
        poller._message_operations_handler.do(
            lambda: _cancel(poller.conn, own))
    listener.stop()


def _cancel(connection, own):
    for consumer, tag in list(connection._consumers.items()):
        try:
            consumer.cancel(tag)
            if consumer.queue_name == own:
                consumer.queue.delete()
        except Exception as e:
            # Then nothing comes, either.
            LOG.info('The message bus is down: %s', e)


class EngineClient:
    """The engine's verbs, over the bus.

    Every method raises :class:`qinling.exception.Unavailable` when no
    engine answers in time or the bus is down.

    :param db: tells which engines have workers of their own.
    """

    #: No engine is known before one claims the execution.
    owner = None

    def __init__(self, conf, bus, db):
        self._conf = conf
        self._db = db
        self._client = oslo_messaging.get_rpc_client(
            bus, oslo_messaging.Target(topic=conf.engine.topic))
        self._pulse = circuit_breaker.Pulse(self._client, conf.engine.topic)

    def run(self, row, target):
        """Run an execution on any engine and wait for its end.

        :returns: the columns written, as a dict, or ``None``.
        """
        timeout = target.timeout + self._conf.engine.queue_timeout + MARGIN
        outcome = self._call('run', timeout, row=_row(row),
                             target=dataclasses.asdict(target))
        if outcome is not None:
            outcome['updated_at'] = datetime.datetime.fromisoformat(
                outcome['updated_at'])
        return outcome

    def start(self, row, target):
        """Wake some engine up for an execution."""
        self._cast('start', row=_row(row), target=dataclasses.asdict(target))

    def lives(self, owner):
        """Whether an engine answers; ``None`` if the bus is down."""
        try:
            return self._call('lives', GATHER, server=engines.name(owner),
                              owner=owner)
        except exception.Unavailable:
            return False if self._pulse.beats() else None

    def cancel(self, id):
        """Have the engine that runs an execution stop it."""
        self._cast('cancel', fanout=True, id=id)

    def ensure_runtime(self, id, previous_image=None):
        """Have all engines make or change a pool."""
        self._cast('ensure_runtime', fanout=True, id=id,
                   previous_image=previous_image)

    def delete_runtime(self, id):
        """Have all engines destroy a pool."""
        self._cast('delete_runtime', fanout=True, id=id)

    def pool(self, id):
        """``{"total", "available"}``, or ``None``."""
        found = [each for each in self._gather('pool', id=id).values()
                 if each is not None]
        return {name: sum(each[name] for each in found)
                for name in ('total', 'available')} if found else None

    def workers(self, function_id, version):
        """Names of the workers that serve a function."""
        found = self._gather('workers', function_id=function_id,
                             version=version)
        return [name for names in found.values() for name in names]

    def workers_of(self, runtime_id):
        """Whether any worker of the runtime serves a function."""
        return any(self._gather('workers_of', strict=True,
                                runtime_id=runtime_id).values())

    def scale_up(self, target, count):
        """Have ``count`` workers more."""
        self._cast('scale_up', target=dataclasses.asdict(target),
                   count=count)

    def scale_down(self, target, count):
        """Have ``count`` workers less; those engines lose some that have
        most, and each keeps one."""
        found = self._gather('workers', function_id=target.function_id,
                             version=target.version)
        spare = {name: len(workers) - 1 for name, workers in found.items()}
        less = collections.Counter()
        for _ in range(count):
            name = max(spare, key=spare.get)
            spare[name] -= 1
            less[name] += 1
        for name, number in less.items():
            self._cast('scale_down', server=name, count=number,
                       target=dataclasses.asdict(target))

    def install(self, target):
        """Have some engine install what a function depends on."""
        self._cast('install', target=dataclasses.asdict(target))

    def detach(self, function_id, version):
        """Have all engines retire the workers of a function."""
        self._cast('detach', fanout=True, function_id=function_id,
                   version=version)

    def _gather(self, method, strict=False, **arguments):
        """What each engine that has workers of its own answers, by its name;
        one answer, of ``None``, where engines share them.

        :param strict: an engine that does not answer is an error, rather
            than gone.
        """
        names = engines.living(self._db, self._conf.engine.lease) or [None]
        with futures.ThreadPoolExecutor(len(names)) as pool:
            asked = {name: pool.submit(
                self._call, method, GATHER, server=name, **arguments)
                for name in names}
        failed = {name: each.exception() for name, each in asked.items()
                  if each.exception()}
        if failed and (strict or len(failed) == len(asked)):
            raise next(iter(failed.values()))
        return {name: each.result() for name, each in asked.items()
                if name not in failed}

    def _call(self, method, timeout, server=None, **arguments):
        return self._send(self._client.prepare(
            timeout=timeout, call_monitor_timeout=MONITOR, retry=0,
            server=server).call, method, arguments)

    def _cast(self, method, fanout=False, server=None, **arguments):
        self._send(self._client.prepare(
            fanout=fanout, retry=0, server=server).cast, method, arguments)

    def _send(self, action, method, arguments):
        again = time.monotonic() + circuit_breaker.PATIENCE
        while True:
            self._pulse.check()
            try:
                return action({}, method, **arguments)
            except _BROKEN as e:
                # The connection may have been broken for long; another try
                # makes a new one.
                if time.monotonic() < again:
                    again = 0
                    continue
                self._pulse.lost()
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


def _row(row):
    return {name: row.get(name)
            for name in ('id', 'input', 'sync', 'owner', 'trail')}
