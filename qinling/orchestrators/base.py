#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

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


@dataclasses.dataclass(frozen=True)
class RuntimeSpec:
    """What a driver needs to know of a runtime."""

    id: str
    image: str
    trusted: bool = True


@dataclasses.dataclass(frozen=True)
class Limits:
    """What one worker may use: ``slots`` executions at the same time, each
    with ``cpu`` thousandths of a core and ``memory_size`` bytes."""

    cpu: int
    memory_size: int
    slots: int


@dataclasses.dataclass(frozen=True)
class Worker:
    """One worker: ``address`` is ``unix:<path>`` or ``tcp:<host>:<port>``;
    ``secret`` must come with every call to its agent."""

    name: str
    runtime_id: str
    address: str
    secret: str = dataclasses.field(repr=False)
    function: str = ''


@dataclasses.dataclass(frozen=True)
class Capacity:
    """``total`` workers wanted in a pool, ``available`` ready ones."""

    total: int
    available: int


class Orchestrator(abc.ABC):
    """Where workers live."""

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
    def capacity(self, runtime_id):
        """The :class:`Capacity` of a pool, ``None`` if there is no pool."""

    @abc.abstractmethod
    def claim(self, runtime_id, function, limits):
        """Take a warm worker for ``function`` (text ``<id>/<version>``)
        under ``limits``; the pool refills itself.

        :returns: a :class:`Worker`.
        :raises TemporaryError: no worker is free and none may be started.
        :raises PermanentError: there is no such pool.
        """

    @abc.abstractmethod
    def release(self, worker):
        """Destroy a claimed worker at once; a dead one is no error."""

    @abc.abstractmethod
    def claimed(self):
        """The claimed :class:`Worker` list, also those that an engine which
        died had claimed, where workers can outlive their engine."""

    @abc.abstractmethod
    def describe(self):
        """A flat dict of texts: what isolation and limits are in force."""

    @abc.abstractmethod
    def close(self):
        """Destroy every worker that this process owns."""
