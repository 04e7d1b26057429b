# SPDX-License-Identifier: Apache-2.0
"""Client of the engines over the message bus.

Calls and casts carry plain data.  A cast may be lost with the process that
received it, and a message may arrive twice; both are harmless, since the
execution row decides.
"""

from collections.abc import Callable
from collections.abc import Sequence
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
from qinling.core import engine_client
from qinling.core.execution import lifecycle
from qinling.core.execution import outcomes
from qinling.core.execution import records
from qinling.core import targets
from qinling.db import engines
from qinling.db import session
from qinling import exception
from qinling.rpc import channel
from qinling.rpc import direct_calls
from qinling.rpc import forms
from qinling.rpc import router
from qinling.rpc import verbs
from qinling.telemetry import metrics

#: Seconds without a heartbeat after which a call gives an engine up.  The
#: answer may be lost, since oslo.messaging drops the answers to a client for
#: a minute after an outage of RabbitMQ; the row has the result.
MONITOR_TIMEOUT_SECONDS = 3
#: Engines asked after the first one.
MAX_OTHER_SERVERS = 3

#: Errors of a message that was not sent.
_NOT_SENT = (oslo_messaging.MessageDeliveryFailure, bus_exceptions.KombuError,
             OSError)

_Json = dict[str, typing.Any]


class EngineClient(verbs.Verbs):
    """Verbs of the engines over the bus.

    Synchronous executions go to the engines directly where that is possible.

    :param db: names the engines.
    """

    def __init__(self, conf: cfg.ConfigOpts, transport: typing.Any,
                 db: session.Database) -> None:
        self._conf = conf
        self._db = db
        self._router = (router.Router(conf, db) if conf.direct.enabled
                        else None)
        self._client = oslo_messaging.get_rpc_client(
            transport, oslo_messaging.Target(topic=conf.engine.topic))
        self._breaker = circuit_breaker.CircuitBreaker(
            self._client, conf.engine.topic)

    @property
    def owner(self) -> str | None:
        """Return ``None``: the claiming engine is not known in advance."""
        return None

    @property
    def writes_rows(self) -> bool:
        """Return whether an engine writes the rows of new executions."""
        return self._router is not None and self._router.has_engines()

    def close(self) -> None:
        """Stop probing the bus; the transport is closed next."""
        self._breaker.stop()
        if self._router is not None:
            self._router.close()

    def run(self, message: records.ExecutionMessage,
            target: targets.Target) -> outcomes.Ended | None:
        """Run an execution on any engine and wait for the end.

        :raises EngineLost: the execution may run, or have ended.
        :raises RowNeeded: no engine could be reached directly.
        """
        if self._router is not None:
            try:
                return direct_calls.run(self._router, message, target)
            except engine_client.RowNeeded:
                if message.unwritten is not None:
                    raise
        return self._run_over_bus(message, target)

    def start(self, message: records.ExecutionMessage,
              target: targets.Target) -> None:
        """Notify an engine: that with the workers of the function, if any."""
        if self._router is None or not direct_calls.start(
                self._router, message, target):
            super().start(message, target)

    def _run_over_bus(self, message: records.ExecutionMessage,
                      target: targets.Target) -> outcomes.Ended | None:
        """Run an execution that has a row.

        An engine that refuses, or is silent, does not decide for all: as long
        as no engine has claimed the execution, others are asked.  A message
        that arrives late finds the execution claimed.
        """
        options = self._conf.engine
        timeout = (target.timeout + options.import_timeout
                   + options.queue_timeout + verbs.MARGIN_SECONDS)
        end = time.monotonic() + options.queue_timeout
        arguments: _Json = {
            'message': forms.encode_message(message),
            'target': forms.encode_target(target)}
        try:
            return forms.decode_ended(self._call(
                'run', timeout, **arguments))
        except verbs.NotAnswered as e:
            error = e
            if isinstance(e, channel.Silent) and self._router is not None and (
                    not self._router.has_engines()):
                # Each further silence would only take time.
                raise
        for server in self._other_servers():
            if time.monotonic() > end or not lifecycle.is_unclaimed(
                    self._db, message.id):
                break
            try:
                return forms.decode_ended(self._call(
                    'run', timeout, server=server, **arguments))
            except verbs.NotAnswered as e:
                error = e
        raise error

    def start_stream(self, message: records.ExecutionMessage,
                     target: targets.Target) -> str:
        """Start a streamed execution, directly where that is possible."""
        if self._router is not None and self._router.has_engines():
            for engine in self._router.choose(target):
                try:
                    return str(engine.channel.call(
                        'start_stream', message=forms.encode_message(message),
                        target=forms.encode_target(target)))
                except exception.Unavailable as e:
                    self._give_up(engine, e)
        return super().start_stream(message, target)

    def read_stream(self, id: str, owner: str, offset: int, seconds: float
                    ) -> outcomes.OutputPart | None:
        """Return the next part of an output from its engine."""
        engine = (None if self._router is None else
                  self._router.find(owner))
        if engine is not None:
            try:
                return forms.decode_part(engine.channel.call(
                    'read_stream', id=id, owner=owner, offset=offset,
                    seconds=seconds))
            except exception.Unavailable as e:
                self._give_up(engine, e)
        return super().read_stream(id, owner, offset, seconds)

    def _give_up(self, engine: router.Engine, error: exception.Unavailable
                 ) -> None:
        """Use an engine no more that does not answer directly."""
        if self._router is not None and isinstance(
                error, verbs.NotAnswered) and not isinstance(
                    error, channel.Busy):
            self._router.give_up(engine)

    def _other_servers(self) -> list[str | None]:
        """Return the servers to ask after the first one, in a random order.

        Engines with shared workers have no names here, so the bus chooses.
        """
        names: list[str | None] = [*engines.list_alive(
            self._db, self._conf.engine.lease)]
        random.shuffle(names)
        return names[:MAX_OTHER_SERVERS] or [None] * MAX_OTHER_SERVERS

    def is_alive(self, owner: str) -> bool | None:
        """Return whether an engine answers, ``None`` without a bus."""
        if self._router is not None:
            is_listening = self._router.is_listening(owner)
            if is_listening is not None:
                return is_listening
        try:
            return bool(self._call(
                'is_alive', verbs.GATHER_TIMEOUT_SECONDS,
                server=engines.bus_name(owner), owner=owner))
        except exception.Unavailable:
            return False if self._breaker.is_closed() else None

    def _gather(self, method: str, **arguments: typing.Any
                ) -> dict[str | None, typing.Any]:
        """Return the answer of each engine by the name of the engine.

        Engines with shared workers answer together, under ``None``.
        """
        return self._ask([*engines.list_alive(
            self._db, self._conf.engine.lease)] or [None], method, arguments)

    def _gather_all(self, method: str, **arguments: typing.Any
                    ) -> dict[str | None, typing.Any]:
        seconds = self._conf.engine.lease
        return self._ask([*engines.list_alive(self._db, seconds)] or [
            engines.bus_name(address.owner) for address in
            engines.list_addresses(self._db, seconds)] or [None],
            method, arguments)

    def _ask(self, names: Sequence[str | None], method: str, arguments: _Json
             ) -> dict[str | None, typing.Any]:
        """Return the answers of engines by name.

        :raises NotAnswered: no engine answers.
        """
        with futures.ThreadPoolExecutor(len(names)) as pool:
            calls = {name: pool.submit(
                self._call, method, verbs.GATHER_TIMEOUT_SECONDS, server=name,
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
                    raise verbs.NotAnswered(e.value)
                reason = f'an engine failed ({e.exc_type}).'
            except oslo_messaging.MessagingException as e:
                metrics.rpc_failures.labels(method).inc()
                raise channel.Silent(
                    reason=f'no engine answers ({type(e).__name__}).')
            raise exception.Unavailable(reason=reason)
