# SPDX-License-Identifier: Apache-2.0
"""Contract of the engine client, which core calls after each commit."""

import typing

if typing.TYPE_CHECKING:
    from qinling.core.execution import outcomes
    from qinling.core.execution import records
    from qinling.core import targets


class EngineLost(Exception):
    """The engine ended, or is silent, after it started an execution."""


class RowNeeded(Exception):
    """No engine takes the execution without a row; nothing has started."""


class Starter(typing.Protocol):
    """What starts and stops asynchronous executions."""

    def start(self, message: 'records.ExecutionMessage',
              target: 'targets.Target') -> None:
        """Notify an engine of an asynchronous execution."""

    def cancel(self, id: str) -> None:
        """Stop an execution whose row has ended."""


def hand_over(engine: Starter, new: 'records.NewExecution') -> None:
    """Notify an engine of a new execution, unless the execution waits.

    :raises Unavailable: no engine can be reached.
    """
    stop_superseded(engine, new)
    if new.has_message:
        engine.start(new.message(), new.target)


def stop_superseded(engine: Starter, new: 'records.NewExecution') -> None:
    """Stop the executions that a new one replaces.

    :raises Unavailable: no engine can be reached; an engine notices the end
        when it renews the lease.
    """
    for id in new.flow.superseded if new.flow else ():
        engine.cancel(id)


class EngineClient(typing.Protocol):
    """Verbs of the engines, in the same process or over the message bus.

    Every method raises :class:`qinling.exception.Unavailable` when no engine
    answers in time.  :class:`qinling.engine.service.Engine` and
    :class:`qinling.rpc.EngineClient` implement the contract.
    """

    @property
    def owner(self) -> str | None:
        """Return the owner of new executions, ``None`` before a claim."""

    @property
    def writes_rows(self) -> bool:
        """Return whether an engine writes the rows of new executions."""

    def run(self, message: 'records.ExecutionMessage',
            target: 'targets.Target') -> 'outcomes.Ended | None':
        """Run an execution on any engine and wait for the end.

        :returns: ``None`` when another engine owns the execution.
        :raises EngineLost: the execution may run, or have ended.
        :raises RowNeeded: write the row, and call again.
        """

    def start(self, message: 'records.ExecutionMessage',
              target: 'targets.Target') -> None:
        """Notify an engine of an asynchronous execution."""

    def start_stream(self, message: 'records.ExecutionMessage',
                     target: 'targets.Target') -> str:
        """Start a synchronous execution whose output is read in parts.

        :returns: name of the engine.
        :raises EngineLost: the execution may run.
        """

    def read_stream(self, id: str, owner: str, offset: int, seconds: float
                    ) -> 'outcomes.OutputPart | None':
        """Return the next part of the output of a streamed execution.

        :param owner: engine that runs the execution.
        :param offset: characters or values to leave out, -1 to get a head
            before texts.
        :param seconds: time to wait for more.
        :returns: ``None`` when the engine does not stream the execution.
        """

    def is_alive(self, owner: str) -> bool | None:
        """Return whether an engine answers, ``None`` without a bus."""

    def read_log(self, id: str, owner: str, offset: int) -> str | None:
        """Return the log of a running execution.

        :param owner: engine that runs the execution.
        :param offset: characters to leave out.
        :returns: ``None`` when the engine does not run the execution.
        """

    def cancel(self, id: str) -> None:
        """Stop an execution whose row has ended."""

    def ensure_runtime(self, id: str) -> None:
        """Create or change the pool of a runtime."""

    def delete_runtime(self, id: str) -> None:
        """Destroy the pool of a runtime, then delete the row."""

    def pool_capacity(self, id: str) -> dict[str, int] | None:
        """Return ``{"total", "available"}``, ``None`` without a pool."""

    def list_workers(self, function_id: str, version: int,
                     local: bool = False) -> list[str]:
        """Return the names of the workers of a function.

        :param local: only those of the answering engine.
        """

    def scale_up(self, target: 'targets.Target', count: int) -> None:
        """Start ``count`` more workers."""

    def scale_down(self, target: 'targets.Target', count: int,
                   keep: int = 1) -> None:
        """Retire ``count`` workers; ``keep`` workers remain."""

    def install(self, target: 'targets.Target') -> None:
        """Install the dependencies of a function."""

    def detach(self, function_id: str, version: int | None) -> None:
        """Retire the workers of a version, of all versions if ``None``."""
