# SPDX-License-Identifier: Apache-2.0
"""Contract between the engine and an orchestrator of workers.

A *pool* is the supply of generic, warm, idle workers of a runtime.  A *worker*
is an agent (see :mod:`qinling.runtimes.agent`) at an address.  The engine
claims a worker for a single function, then destroys the worker.

A driver declares its abilities as class attributes, so that callers can read
the abilities without building the driver.

Drivers raise :class:`qinling.exception.TemporaryError` when another try may
help, else :class:`qinling.exception.PermanentError`, with a sentence for
operators.  Every method is safe for many threads.
"""

import abc
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import socket
import typing

from qinling import exception


@dataclasses.dataclass(frozen=True)
class RuntimeSpec:
    """A runtime as drivers need it."""

    id: str
    image: str
    trusted: bool = True


class FunctionKey(typing.NamedTuple):
    """Function and version of a worker."""

    function_id: str
    version: int = 0

    def __str__(self) -> str:
        return f'{self.function_id}/{self.version}'


@dataclasses.dataclass(frozen=True)
class Limits:
    """Limits of a worker with ``slots`` executions at the same time.

    Each execution has ``cpu`` thousandths of a core and ``memory_size``
    bytes.  ``installs`` asks for a worker that installs dependencies: the
    worker runs Python for every runtime, and has a network.  Only the
    process orchestrator has such workers.  ``offline`` asks for a worker that
    never had a network, and reaches no address.
    """

    cpu: int
    memory_size: int
    slots: int
    installs: bool = False
    offline: bool = False


class Transport(abc.ABC):
    """Connection to an agent through a relay."""

    #: Prefix of the path of each call.
    prefix = ''

    @abc.abstractmethod
    def connect(self, timeout: float) -> socket.socket:
        """Return a connected socket."""

    @abc.abstractmethod
    def headers(self) -> Mapping[str, str]:
        """Return the additional headers of each call."""

    @abc.abstractmethod
    def failure(self, answer: Mapping[str, typing.Any]) -> bool | None:
        """Return whether a call failed behind the relay.

        :returns: for an answer of the relay, whether the call has reached
            the agent; ``None`` for an answer of the agent.
        """


@dataclasses.dataclass(frozen=True)
class Worker:
    """Agent at an address.

    ``address`` is ``unix:<path>`` or ``tcp:<host>:<port>``; every call to the
    agent carries the ``secret``.  ``used`` marks a worker with an
    earlier claim by a dead engine for the same fingerprint; the agent reports
    whether the code is loaded.
    """

    name: str
    runtime_id: str
    address: str
    secret: str = dataclasses.field(repr=False)
    function: FunctionKey | None = None
    used: bool = dataclasses.field(default=False, compare=False)
    transport: Transport | None = dataclasses.field(
        default=None, repr=False, compare=False)


class NoPool(exception.PermanentError):
    """A runtime has no pool, or no pool yet."""

    def __init__(self, runtime_id: str | None) -> None:
        super().__init__(
            f'There is no pool for the runtime {runtime_id}.')


@dataclasses.dataclass(frozen=True)
class ExitReason:
    """Cause of the death of a worker.

    ``own_fault`` means that the function exceeded the memory of the worker,
    ``disrupted`` that the platform ended the worker for its own reasons.
    """

    sentence: str
    own_fault: bool = False
    disrupted: bool = False


@dataclasses.dataclass(frozen=True)
class Capacity:
    """``total`` workers wanted in a pool, ``available`` ready workers."""

    total: int
    available: int


@dataclasses.dataclass(frozen=True)
class ImageRun:
    """Execution of an image function.

    ``cpu`` in thousandths of a core, ``memory_size`` in bytes, ``timeout`` in
    seconds, at most ``max_log_size`` bytes of log.  A ``command`` replaces the
    entry point of the image; an ``offline`` run reaches no address.
    """

    execution_id: str
    function_id: str
    image: str
    args: tuple[str, ...]
    cpu: int
    memory_size: int
    timeout: int
    max_log_size: int
    command: tuple[str, ...] = ()
    offline: bool = False


@dataclasses.dataclass(frozen=True)
class ImageOutcome:
    """End of an image function.

    ``log`` has the output, ``duration`` is in seconds; a failure has a
    ``sentence`` and a ``reason``: a value of
    :class:`qinling.states.ExecutionReason`.
    """

    success: bool
    log: str
    duration: float
    sentence: str = ''
    reason: str | None = None


class LostListener(typing.Protocol):
    """Receiver of claimed workers that end without a release."""

    def __call__(self, worker: Worker) -> None:
        """Handle a dead or ending worker."""


def ignore_lost(worker: Worker) -> None:
    """Ignore a dead worker."""


class Orchestrator(abc.ABC):
    """Place where workers live."""

    #: Whether the driver is an :class:`ImageRunner` as well.
    runs_images: bool = False

    #: Whether all engines share the workers.
    shared: bool = False

    #: Whether the driver has workers that install dependencies.
    installs_dependencies: bool = False

    #: Receiver of dead workers, set by the engine.
    on_lost: LostListener = staticmethod(ignore_lost)

    #: Receiver of workers that the platform ends soon, set by the engine:
    #: their executions may finish, but no more may start.
    on_leaving: LostListener = staticmethod(ignore_lost)

    #: Destroys an idle worker, set by the engine: a new worker has no room.
    on_full: Callable[[], object] = bool

    @abc.abstractmethod
    def ensure_pool(self, runtime: RuntimeSpec) -> None:
        """Create the pool of a runtime, or change its image.

        Return when the pool has a ready worker.

        :raises PermanentError: the image cannot run here.
        """

    @abc.abstractmethod
    def delete_pool(self, runtime_id: str) -> None:
        """Destroy a pool with its idle workers; ignore unknown ids."""

    @abc.abstractmethod
    def pools(self) -> Mapping[str, Capacity]:
        """Return the capacity of each pool by runtime id."""

    @abc.abstractmethod
    def claim(self, runtime_id: str | None, function: FunctionKey,
              limits: Limits, build: str = '') -> Worker:
        """Claim a warm worker for a function; the pool refills itself.

        :param build: fingerprint of the code to load; where workers outlive
            their engine, a later claim finds a loaded worker again.
        :raises NoRoom: no worker is free, and none may start.
        :raises TemporaryError: no worker can be claimed at the moment.
        :raises NoPool: the runtime has no pool.
        :raises PermanentError: no worker can be offline here.
        """

    @abc.abstractmethod
    def release(self, worker: Worker, disconnected: bool = False
                ) -> ExitReason | None:
        """Destroy a claimed worker immediately; a dead worker is no error.

        :param disconnected: the connection broke; find out why.
        :returns: the cause of death, if known.
        """

    @abc.abstractmethod
    def claimed(self) -> Sequence[Worker]:
        """Return the claimed workers.

        Where engines share workers, include those of other engines.
        """

    def outdated(self) -> Sequence[Worker]:
        """Return the claimed workers with an earlier image of their pool.

        While a new image is not ready, no worker is outdated.
        """
        return ()

    @abc.abstractmethod
    def describe(self) -> Mapping[str, str]:
        """Return the isolation and limits in force, as texts."""

    def reserve(self, worker: Worker, limits: Limits, is_idle: bool) -> None:
        """Change what a claimed worker reserves; return immediately.

        :param limits: those of the claim, which stay.
        :param is_idle: reserve little, as an idle worker of a pool.
        """

    def find_missing_permissions(self) -> Sequence[str]:
        """Return the permissions that an engine needs, but does not have.

        :raises TemporaryError, PermanentError: the driver cannot find out.
        """
        return ()

    def languages(self) -> Mapping[str, tuple[str, str | None]]:
        """Return the built-in images: image -> (language, version)."""
        return {}

    @abc.abstractmethod
    def close(self) -> None:
        """Destroy the workers of this process.

        Where workers outlive their engine, leave them to other engines.
        """


class ImageRunner(abc.ABC):
    """Runner of images, with a container per execution."""

    runs_images: bool = True

    @abc.abstractmethod
    def run_image(self, run: ImageRun) -> ImageOutcome:
        """Run an image to completion, then delete the container.

        :raises TemporaryError: the container could not start now.
        :raises PermanentError: the container can never start.
        """

    @abc.abstractmethod
    def cancel_image(self, execution_id: str) -> None:
        """Stop the container of an execution, if any runs."""
