# SPDX-License-Identifier: Apache-2.0
"""Thread that runs periodic tasks of an engine."""

from collections.abc import Callable
import threading
import typing

from oslo_log import log

from qinling import exception

LOG = log.getLogger(__name__)

#: Seconds between two turns of a task with more to do, in which others write.
BUSY_INTERVAL_SECONDS = 0.1

Task = Callable[[], object]


class Pausing(typing.Protocol):
    """Task that needs a time with a database before its next turn."""

    def pause(self) -> None:
        """Do nothing for a while."""


class PeriodicTasks:
    """Runs tasks one after the other, again and again.

    Each task is bounded in rows and time per turn.  A task that returns
    ``True`` has more to do, so the next round follows shortly.

    :param stopped: event that ends the thread.
    :param reaper: pauses when a task does not reach the database.
    :param interval: seconds between two rounds.
    """

    def __init__(self, stopped: threading.Event, reaper: Pausing, name: str,
                 interval: float, *tasks: Task) -> None:
        self._interval = interval
        self._stopped = stopped
        self._tasks = tasks
        self._reaper = reaper
        self._thread = threading.Thread(
            target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def join(self) -> None:
        """Wait for the end of the thread, after the event."""
        self._thread.join()

    def _run(self) -> None:
        while True:
            is_busy = any([self._run_task(task) for task in self._tasks])
            if self._stopped.wait(
                    BUSY_INTERVAL_SECONDS if is_busy else self._interval):
                break

    def _run_task(self, task: Task) -> bool:
        try:
            return task() is True
        except exception.Unavailable as e:
            LOG.warning('Could not run a periodic task: %s', e)
            self._reaper.pause()
        except Exception:
            LOG.exception('Could not run a periodic task.')
        return False
