# SPDX-License-Identifier: Apache-2.0
"""Verbs of the engine on the message bus, which carries plain data."""

import typing

from qinling import context
from qinling.core.execution import concurrency
from qinling.core.execution import outcomes
from qinling.core.execution import records
from qinling.core import targets
from qinling.engine import service
from qinling.rpc import forms
from qinling.rpc import verbs

_Json = dict[str, typing.Any]


class Slot(concurrency.Slot):
    """Thread of the engine for an execution."""

    def create_rejection(self) -> Exception:
        """Return the exception to raise without a thread."""
        return verbs.NotAnswered(
            reason='the engine has as many executions of the function, or of '
                   'its project, as allowed; try again later.')


class Endpoint:
    """Passes each message to the engine; see :mod:`qinling.rpc.verbs`.

    :param threads: synchronous executions at the same time, shared by
        :class:`.concurrency.ConcurrencyLimiter`; ``None`` if the clients
        limit themselves.
    """

    def __init__(self, engine: service.Engine, threads: int | None) -> None:
        self._engine = engine
        self._limiter = (None if threads is None else
                         concurrency.ConcurrencyLimiter(threads))

    def run(self, _ctx: _Json, message: _Json, target: _Json
            ) -> _Json | None:
        """Run a synchronous execution."""
        return forms.encode_ended(self.run_message(
            forms.decode_message(message), targets.Target(**target)))

    def run_message(self, message: records.ExecutionMessage,
                    target: targets.Target) -> outcomes.Ended | None:
        """Run a synchronous execution.

        :raises NotAnswered: the engine has too many executions.
        :raises OrchestratorUnavailable: no worker can start.
        """
        context.log_context(message.trace, target.project_id).use_in_log()
        if self._limiter is None:
            return self._engine.run(message, target)
        with Slot(self._limiter, target.project_id, target.function_id):
            return self._engine.run(message, target)

    def start(self, _ctx: _Json, message: _Json, target: _Json) -> None:
        """Queue an asynchronous execution."""
        self._engine.start(forms.decode_message(message),
                           targets.Target(**target))

    def start_if_room(self, ctx: _Json, message: _Json, target: _Json
                      ) -> None:
        """Start an asynchronous execution that need not wait.

        :raises NotAnswered: the engine has no thread for the function now.
        """
        if not self._engine.has_room(targets.Target(**target)):
            raise verbs.NotAnswered(
                reason='the engine has no thread for the function now.')
        self.start(ctx, message, target)

    def start_stream(self, _ctx: _Json, message: _Json, target: _Json) -> str:
        """Start a streamed execution; return the name of the engine."""
        return self._engine.start_stream(
            forms.decode_message(message), targets.Target(**target))

    def read_stream(self, _ctx: _Json, id: str, owner: str, offset: int,
                    seconds: float) -> _Json | None:
        """Return the next part of an output that is streamed here."""
        part = self._engine.read_stream(id, owner, offset, seconds)
        return None if part is None else vars(part)

    def is_alive(self, _ctx: _Json, owner: str) -> bool:
        """Return whether this engine is the named owner."""
        return self._engine.is_alive(owner)

    def read_log(self, _ctx: _Json, id: str, owner: str, offset: int
                 ) -> str | None:
        """Return the log of an execution that runs here."""
        return self._engine.read_log(id, owner, offset)

    def cancel(self, _ctx: _Json, id: str) -> None:
        """Stop an execution."""
        self._engine.cancel(id)

    def ensure_runtime(self, _ctx: _Json, id: str) -> None:
        """Create or change a pool."""
        self._engine.ensure_runtime(id)

    def delete_runtime(self, _ctx: _Json, id: str) -> None:
        """Destroy a pool."""
        self._engine.delete_runtime(id)

    def pool_capacity(self, _ctx: _Json, id: str) -> dict[str, int] | None:
        """Return the capacity of a pool."""
        return self._engine.pool_capacity(id)

    def list_workers(self, _ctx: _Json, function_id: str, version: int,
                     local: bool = False) -> list[str]:
        """Return the names of the workers of a function."""
        return self._engine.list_workers(function_id, version, local)

    def has_workers(self, _ctx: _Json, runtime_id: str) -> bool:
        """Answer the probes of circuit breakers.

        APIs of earlier releases ask whether workers forbid the change of an
        image: they do not.
        """
        return False

    def scale_up(self, _ctx: _Json, target: _Json, count: int) -> None:
        """Start workers."""
        self._engine.scale_up(targets.Target(**target), count)

    def scale_down(self, _ctx: _Json, target: _Json, count: int,
                   keep: int = 1) -> None:
        """Retire workers."""
        self._engine.scale_down(targets.Target(**target), count, keep)

    def install(self, _ctx: _Json, target: _Json) -> None:
        """Install the dependencies of a function."""
        self._engine.install(targets.Target(**target))

    def detach(self, _ctx: _Json, function_id: str, version: int | None
               ) -> None:
        """Retire the workers of a function."""
        self._engine.detach(function_id, version)
