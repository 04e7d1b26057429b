# SPDX-License-Identifier: Apache-2.0
"""Fair queue of the asynchronous executions of one engine."""

import collections
import threading
import time
import typing

from oslo_log import log

from qinling.core.execution import concurrency
from qinling.core.execution import records
from qinling.core import targets
from qinling import exception

LOG = log.getLogger(__name__)

REQUEUED = ('Could not run execution %s; the reaper will requeue the '
            'execution: %s')

Item = tuple[records.ExecutionMessage, targets.Target]

#: Memory of a waiting execution beside the input.
ITEM_BYTES = 4096


class Consumer(typing.Protocol):
    """Consumer of a queue."""

    def run_queued(self, message: records.ExecutionMessage,
                   target: targets.Target) -> None:
        """Run an execution to its end."""


class FairQueue:
    """Runs executions, as many at a time as there are threads.

    Projects take turns, and within a project its functions.  The concurrency
    limiter leaves the last threads free; an execution over its limit waits
    without a thread.

    :param max_threads: threads at most; threads start on demand.
    :param max_bytes: memory of the waiting executions, with their inputs.
    """

    def __init__(self, max_threads: int, max_bytes: int, consumer: Consumer
                 ) -> None:
        self._max_threads = max_threads
        #: Memory left for waiting executions; the first one always fits.
        self.free_bytes = max_bytes
        self._consumer = consumer
        self._limiter = concurrency.ConcurrencyLimiter(max_threads)
        self._changed = threading.Condition()
        #: project id -> function id -> items, both in the order of turns
        self._items: dict[str, dict[str, collections.deque[Item]]] = {}
        #: id -> ``time.monotonic()`` of each execution, waiting or running
        self.since: dict[str, float] = {}
        self._rejected: list[str] = []
        self._size = 0
        self._threads = 0
        self._idle_threads = 0
        self._closed = False

    def put(self, message: records.ExecutionMessage, target: targets.Target
            ) -> None:
        """Queue an execution, or reject the message of a full queue.

        :raises Unavailable: the queue was closed.
        """
        size = _count_bytes(message)
        with self._changed:
            if self._closed:
                raise exception.Unavailable(reason='the engine is stopping.')
            if size > self.free_bytes and self._size:
                self._rejected.append(message.id)
                return
            self.free_bytes -= size
            self.since[message.id] = time.monotonic()
            self._items.setdefault(target.project_id, {}).setdefault(
                target.function_id, collections.deque()).append(
                    (message, target))
            self._size += 1
            if (self._size > self._idle_threads
                    and self._threads < self._max_threads):
                self._threads += 1
                threading.Thread(target=self._consume, name='execution',
                                 daemon=True).start()
            self._changed.notify()

    def has_room(self, target: targets.Target) -> bool:
        """Return whether an execution would start at once."""
        with self._changed:
            items = self._items.get(target.project_id, {}).get(
                target.function_id, ())
            return self._limiter.has_room(
                target.project_id, target.function_id, len(items))

    def take_rejected(self) -> list[str]:
        """Return the ids of rejected executions, each once.

        The rows wait for the sweep of any engine.
        """
        with self._changed:
            rejected, self._rejected = self._rejected, []
        return rejected

    def close(self) -> list[str]:
        """Start no further execution, and forget all.

        :returns: ids of the waiting and running executions.
        """
        with self._changed:
            self._closed = True
            self._items.clear()
            self._changed.notify_all()
            ids = list(self.since)
            self.since.clear()
        return ids

    def _consume(self) -> None:
        while (item := self._wait_for_item()) is not None:
            message, target = item
            try:
                self._consumer.run_queued(message, target)
            except exception.Unavailable as e:
                LOG.warning(REQUEUED, message.id, e)
            except Exception as e:
                LOG.exception(REQUEUED, message.id, e)
            finally:
                with self._changed:
                    self.since.pop(message.id, None)
                    self._limiter.release(target.project_id,
                                          target.function_id)
                    # An execution over its limit may start now.
                    self._changed.notify()

    def _wait_for_item(self) -> Item | None:
        with self._changed:
            while not self._closed:
                item = self._next_item()
                if item is not None:
                    return item
                self._idle_threads += 1
                self._changed.wait()
                self._idle_threads -= 1
        return None

    def _next_item(self) -> Item | None:
        """Return the first item within the limit.

        Function and project then queue up behind all other projects.
        """
        for project_id, functions in self._items.items():
            if not self._limiter.has_room(project_id):
                continue
            for function_id, items in functions.items():
                if self._limiter.acquire(project_id, function_id):
                    item = items.popleft()
                    self._size -= 1
                    self.free_bytes += _count_bytes(item[0])
                    del self._items[project_id], functions[function_id]
                    if items:
                        functions[function_id] = items
                    if functions:
                        self._items[project_id] = functions
                    return item
        return None


def _count_bytes(message: records.ExecutionMessage) -> int:
    return ITEM_BYTES + len(message.input or '')
