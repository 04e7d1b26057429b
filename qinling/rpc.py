# SPDX-License-Identifier: Apache-2.0
"""Client of the engines over the message bus.

Calls and casts carry plain data.  A cast may be lost with the process that
received it, and a message may arrive twice; both are harmless, since the
execution row decides.
"""

import collections
from collections.abc import Callable
from concurrent import futures
import random
import time
import typing

from kombu import exceptions as bus_exceptions
from oslo_config import cfg

# First: oslo.messaging starts with the chosen backend.
from qinling import threading_backend  # noqa: F401

import oslo_messaging  # noqa: H306

from qinling import circuit_breaker
from qinling.core.execution import lifecycle
from qinling.core.execution import records
from qinling.core import targets
from qinling.db import engines
from qinling.db import session
from qinling import exception
from qinling import rpc_forms
from qinling.telemetry import metrics

#: Seconds of a call on the bus beyond the work.
RPC_MARGIN_SECONDS = 30
#: Seconds without a heartbeat after which a call gives an engine up.  The
#: answer may be lost, since oslo.messaging drops the answers to a client for
#: a minute after an outage of RabbitMQ; the row has the result.
MONITOR_TIMEOUT_SECONDS = 3
#: Engines asked after the first one.
MAX_OTHER_SERVERS = 3
#: Seconds for an engine to answer a question about its workers.
GATHER_TIMEOUT_SECONDS = 5

#: Errors of a message that was not sent.
_NOT_SENT = (oslo_messaging.MessageDeliveryFailure, bus_exceptions.KombuError,
             OSError)

_Json = dict[str, typing.Any]


class _NotAnswered(exception.Unavailable):
    """An engine refused a call, or did not answer."""


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

    def close(self) -> None:
        """Stop probing the bus; the transport is closed next."""
        self._breaker.stop()

    def run(self, message: records.ExecutionMessage,
            target: targets.Target) -> records.Ended | None:
        """Run an execution on any engine and wait for the end.

        An engine that refuses, or is silent, does not decide for all: as long
        as no engine has claimed the execution, others are asked.  A message
        that arrives late finds the execution claimed.
        """
        options = self._conf.engine
        timeout = (target.timeout + options.import_timeout
                   + options.queue_timeout + RPC_MARGIN_SECONDS)
        end = time.monotonic() + options.queue_timeout
        arguments: _Json = {
            'message': rpc_forms.encode_message(message),
            'target': rpc_forms.encode_target(target)}
        try:
            return rpc_forms.decode_ended(self._call(
                'run', timeout, **arguments))
        except _NotAnswered as e:
            error = e
        for server in self._other_servers():
            if time.monotonic() > end or not lifecycle.is_unclaimed(
                    self._db, message.id):
                break
            try:
                return rpc_forms.decode_ended(self._call(
                    'run', timeout, server=server, **arguments))
            except _NotAnswered as e:
                error = e
        raise error

    def _other_servers(self) -> list[str | None]:
        """Return the servers to ask after the first one, in a random order.

        Engines with shared workers have no names here, so the bus chooses.
        """
        names: list[str | None] = [*engines.list_alive(
            self._db, self._conf.engine.lease)]
        random.shuffle(names)
        return names[:MAX_OTHER_SERVERS] or [None] * MAX_OTHER_SERVERS

    def start(self, message: records.ExecutionMessage,
              target: targets.Target) -> None:
        """Notify an engine of an asynchronous execution."""
        self._cast('start', message=rpc_forms.encode_message(message),
                   target=rpc_forms.encode_target(target))

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

    def scale_up(self, target: targets.Target, count: int) -> None:
        """Start ``count`` more workers."""
        self._cast('scale_up', target=rpc_forms.encode_target(target),
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
                       target=rpc_forms.encode_target(target))

    def install(self, target: targets.Target) -> None:
        """Install the dependencies of a function on any engine."""
        self._cast('install', target=rpc_forms.encode_target(target))

    def detach(self, function_id: str, version: int | None) -> None:
        """Retire the workers of a function on all engines."""
        self._cast('detach', fanout=True, function_id=function_id,
                   version=version)

    def _gather(self, method: str, **arguments: typing.Any
                ) -> dict[str | None, typing.Any]:
        """Return the answer of each engine by the name of the engine.

        Engines with shared workers answer together, under ``None``.
        """
        names: list[str | None] = [*engines.list_alive(
            self._db, self._conf.engine.lease)] or [None]
        with futures.ThreadPoolExecutor(len(names)) as pool:
            calls = {name: pool.submit(
                self._call, method, GATHER_TIMEOUT_SECONDS, server=name,
                **arguments) for name in names}
        errors = {name: error for name, call in calls.items()
                  if (error := call.exception())}
        if len(errors) == len(calls):
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
                    raise _NotAnswered(e.value)
                reason = f'an engine failed ({e.exc_type}).'
            except oslo_messaging.MessagingException as e:
                metrics.rpc_failures.labels(method).inc()
                raise _NotAnswered(
                    reason=f'no engine answers ({type(e).__name__}).')
            raise exception.Unavailable(reason=reason)
