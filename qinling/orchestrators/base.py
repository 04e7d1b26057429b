# SPDX-License-Identifier: Apache-2.0
"""The contract between the engine and whatever workers live on.

A *pool* is a runtime's supply of generic, warm, idle workers.  A *worker* is
an agent (see :mod:`qinling.runtimes.agent`) at an address; it is claimed for
one function, serves it, and is destroyed: never handed to another function.

Drivers raise :class:`qinling.exception.TemporaryError` when another try may
help and :class:`qinling.exception.PermanentError` when it will not, with a
sentence that an operator understands.  Every method may be called from many
threads at once.
"""

import abc
import dataclasses

from qinling import exception


@dataclasses.dataclass(frozen=True)
class RuntimeSpec:
    """What a driver needs to know of a runtime."""

    id: str
    image: str
    trusted: bool = True


@dataclasses.dataclass(frozen=True)
class Limits:
    """What one worker may use: ``slots`` executions at the same time, each
    with ``cpu`` thousandths of a core and ``memory_size`` bytes.

    ``installs`` asks for a worker that installs what functions depend on:
    it runs Python, whatever the runtime is, and has a network.  Only the
    process orchestrator has such.
    """

    cpu: int
    memory_size: int
    slots: int
    installs: bool = False


class Reach(abc.ABC):
    """A way to an agent that is more than a connection to its address."""

    #: What stands before the path of each call.
    prefix = ''

    @abc.abstractmethod
    def connect(self, timeout):
        """A connected socket."""

    @abc.abstractmethod
    def headers(self):
        """A dict of what each call must say beside its own headers."""

    @abc.abstractmethod
    def failure(self, answer):
        """Of an answer that is none of the agent's: whether the call has
        reached the agent; ``None`` for the agent's own answers."""


@dataclasses.dataclass(frozen=True)
class Worker:
    """One worker: ``address`` is ``unix:<path>`` or ``tcp:<host>:<port>``;
    ``secret`` must come with every call to its agent.

    ``used`` says that an engine which is gone had it for the same build of
    the function; whether it has loaded the code, it can tell itself.
    """

    name: str
    runtime_id: str
    address: str
    secret: str = dataclasses.field(repr=False)
    function: str = ''
    used: bool = dataclasses.field(default=False, compare=False)
    reach: Reach = dataclasses.field(default=None, repr=False, compare=False)


class NoPool(exception.PermanentError):
    """There is no pool for a runtime, or not yet."""

    def __init__(self, runtime_id):
        super().__init__(
            f'There is no pool for the runtime {runtime_id}.')


@dataclasses.dataclass(frozen=True)
class Death:
    """Why a worker died: a sentence, and whether what it ran is to blame."""

    sentence: str
    own_fault: bool = False


@dataclasses.dataclass(frozen=True)
class Capacity:
    """``total`` workers wanted in a pool, ``available`` ready ones."""

    total: int
    available: int


@dataclasses.dataclass(frozen=True)
class ImageOrder:
    """One execution of a function that is an image: ``cpu`` in thousandths
    of a core, ``memory_size`` in bytes, ``timeout`` in seconds, at most
    ``max_log_size`` bytes of log."""

    execution_id: str
    function_id: str
    image: str
    args: tuple
    cpu: int
    memory_size: int
    timeout: int
    max_log_size: int


@dataclasses.dataclass(frozen=True)
class ImageOutcome:
    """How it ended: ``success``, what it printed as ``log``, ``duration`` in
    seconds, and if it failed a ``sentence`` that says why."""

    success: bool
    log: str
    duration: float
    sentence: str = ''


class Orchestrator(abc.ABC):
    """Where workers live."""

    #: Whether :meth:`ImageRunner.run_image` is there, too.
    runs_images = False

    #: Whether all engines have the same workers.
    shared = False

    #: Called with a claimed worker that died by itself, or is about to; the
    #: engine puts its own function here.
    on_lost = staticmethod(lambda worker: None)

    @abc.abstractmethod
    def ensure_pool(self, runtime):
        """Make the pool of ``runtime`` (a :class:`RuntimeSpec`), or bring it
        to the given image; returns when the pool has a ready worker.

        :raises PermanentError: the image cannot be run here.
        """

    @abc.abstractmethod
    def delete_pool(self, runtime_id):
        """Destroy a pool with its idle workers; unknown ids are ignored."""

    @abc.abstractmethod
    def pools(self):
        """All pools: runtime id -> :class:`Capacity`."""

    @abc.abstractmethod
    def claim(self, runtime_id, function, limits, build=''):
        """Take a warm worker for ``function`` (text ``<id>/<version>``)
        under ``limits``; the pool refills itself.

        :param build: what will be loaded; where workers can outlive their
            engine, one that has it is found again by this.
        :returns: a :class:`Worker`.
        :raises TemporaryError: no worker is free and none may be started.
        :raises NoPool: there is none for the runtime.
        """

    @abc.abstractmethod
    def release(self, worker, lost=False):
        """Destroy a claimed worker at once; a dead one is no error.

        :param lost: its connection broke; find out why.
        :returns: a :class:`Death` if that is known, else ``None``.
        """

    @abc.abstractmethod
    def claimed(self):
        """The claimed :class:`Worker` list, also those of other engines
        where engines share workers."""

    @abc.abstractmethod
    def describe(self):
        """A flat dict of texts: what isolation and limits are in force."""

    def languages(self):
        """The images that are there by themselves: a dict of image ->
        (language, its version or ``None``)."""
        return {}

    @abc.abstractmethod
    def close(self):
        """Destroy every worker that this process owns, or leave them to
        other engines where workers can outlive theirs."""


class ImageRunner(abc.ABC):
    """An orchestrator that runs images, one container per execution."""

    runs_images = True

    @abc.abstractmethod
    def run_image(self, order):
        """Run an :class:`ImageOrder` to its end and leave nothing behind.

        :returns: an :class:`ImageOutcome`.
        :raises TemporaryError: it could not be begun now.
        :raises PermanentError: it can never be begun.
        """

    @abc.abstractmethod
    def cancel_image(self, execution_id):
        """End what :meth:`run_image` runs for an execution, if anything."""
