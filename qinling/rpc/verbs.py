# SPDX-License-Identifier: Apache-2.0
"""Verbs of the engines as messages of plain data."""

import abc
import collections
import typing

from qinling.core.execution import outcomes
from qinling.core.execution import records
from qinling.core import targets
from qinling.db import engines
from qinling import exception
from qinling.rpc import forms

#: Seconds for an engine to answer a question about its workers.
GATHER_TIMEOUT_SECONDS = 5
#: Seconds of a call beyond the work.
MARGIN_SECONDS = 30


class NotAnswered(exception.Unavailable):
    """An engine refused a call, or did not answer."""


class Verbs(abc.ABC):
    """Verbs of the engines over any channel.

    See :class:`qinling.core.engine_client.EngineClient`.  Calls and casts
    raise :class:`qinling.exception.Unavailable` when no engine answers in
    time, or the channel is broken.  A cast may be lost with the process that
    received it.
    """

    @abc.abstractmethod
    def _call(self, method: str, timeout: float, server: str | None = None,
              **arguments: typing.Any) -> typing.Any:
        """Return the answer of one engine.

        :param server: name of the engine, any engine if ``None``.
        """

    @abc.abstractmethod
    def _cast(self, method: str, fanout: bool = False,
              server: str | None = None, **arguments: typing.Any) -> None:
        """Send a message to one engine, or to all engines."""

    @abc.abstractmethod
    def _gather(self, method: str, **arguments: typing.Any
                ) -> dict[str | None, typing.Any]:
        """Return the answer of each engine by the name of the engine.

        Engines with shared workers answer together, under ``None``.
        """

    @abc.abstractmethod
    def _gather_all(self, method: str, **arguments: typing.Any
                    ) -> dict[str | None, typing.Any]:
        """Return the answer of each engine, even with shared workers."""

    def start(self, message: records.ExecutionMessage,
              target: targets.Target) -> None:
        """Notify an engine of an asynchronous execution."""
        self._cast('start', message=forms.encode_message(message),
                   target=forms.encode_target(target))

    def start_stream(self, message: records.ExecutionMessage,
                     target: targets.Target) -> str:
        """Start a streamed execution; return the name of the engine."""
        owner: str = self._call(
            'start_stream', GATHER_TIMEOUT_SECONDS,
            message=forms.encode_message(message),
            target=forms.encode_target(target))
        return owner

    def read_stream(self, id: str, owner: str, offset: int, seconds: float
                    ) -> outcomes.OutputPart | None:
        """Return the next part of an output from its engine."""
        return forms.decode_part(self._call(
            'read_stream', GATHER_TIMEOUT_SECONDS + seconds,
            server=engines.bus_name(owner), id=id, owner=owner,
            offset=offset, seconds=seconds))

    def read_log(self, id: str, owner: str, offset: int) -> str | None:
        """Return the log of an execution that its engine runs."""
        log: str | None = self._call(
            'read_log', GATHER_TIMEOUT_SECONDS,
            server=engines.bus_name(owner), id=id, owner=owner, offset=offset)
        return log

    def cancel(self, id: str) -> None:
        """Stop an execution on the engine that runs it."""
        self._cast('cancel', fanout=True, id=id)

    def ensure_runtime(self, id: str) -> None:
        """Create or change a pool on all engines."""
        self._cast('ensure_runtime', fanout=True, id=id)

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

    def list_workers(self, function_id: str, version: int,
                     local: bool = False) -> list[str]:
        """Return the names of the workers of a function."""
        # Engines of earlier releases do not know the argument.
        extra = {'local': True} if local else {}
        answers = self._gather('list_workers', function_id=function_id,
                               version=version, **extra)
        return [name for names in answers.values() for name in names]

    def scale_up(self, target: targets.Target, count: int) -> None:
        """Start ``count`` more workers."""
        self._cast('scale_up', target=forms.encode_target(target),
                   count=count)

    def scale_down(self, target: targets.Target, count: int,
                   keep: int = 1) -> None:
        """Retire ``count`` workers.

        The engines with most workers retire first.

        :param keep: workers of all engines together that remain.
        """
        answers = self._gather_all(
            'list_workers', function_id=target.function_id,
            version=target.version, local=True)
        numbers = {name: len(workers) for name, workers in answers.items()}
        counts: collections.Counter[str | None] = collections.Counter()
        for _ in range(min(count, sum(numbers.values()) - keep)):
            name = max(numbers, key=lambda name: numbers[name])
            numbers[name] -= 1
            counts[name] += 1
        for name, number in counts.items():
            self._cast('scale_down', server=name, count=number,
                       keep=numbers[name],
                       target=forms.encode_target(target))

    def install(self, target: targets.Target) -> None:
        """Install the dependencies of a function on any engine."""
        self._cast('install', target=forms.encode_target(target))

    def detach(self, function_id: str, version: int | None) -> None:
        """Retire the workers of a function on all engines."""
        self._cast('detach', fanout=True, function_id=function_id,
                   version=version)
