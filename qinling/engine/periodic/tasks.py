# SPDX-License-Identifier: Apache-2.0
"""Thread that runs the periodic tasks of an engine."""

from collections.abc import Callable
from collections.abc import Iterable
import threading
import time

from oslo_config import cfg
from oslo_log import log

from qinling.engine.periodic import reaper as reaper_module
from qinling import exception

LOG = log.getLogger(__name__)

HOUR_SECONDS = 3600

Task = Callable[[], object]


class PeriodicTasks:
    """Runs tasks as often as leases and sweeps need.

    The reaper pauses when a task finds the database away.

    :param stopped: event that ends the thread.
    """

    def __init__(self, conf: cfg.ConfigOpts, stopped: threading.Event,
                 reaper: 'reaper_module.Reaper') -> None:
        self._interval = min(conf.engine.lease / 3,
                             conf.engine.sweep_interval)
        self._stopped = stopped
        self._reaper = reaper
        self._tasks: list[Task] = []
        self._hourly_tasks: list[Task] = []
        self._next_hour = time.monotonic()
        self._thread = threading.Thread(
            target=self._run, name='periodic', daemon=True)

    def add(self, tasks: Iterable[Task]) -> None:
        """Add tasks that run in every round."""
        self._tasks += tasks

    def add_hourly(self, tasks: Iterable[Task]) -> None:
        """Add tasks that run at the start, and then every hour."""
        self._hourly_tasks += tasks

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def join(self) -> None:
        """Wait for the end of the thread, after the event."""
        self._thread.join()

    def _run(self) -> None:
        while True:
            tasks = list(self._tasks)
            if time.monotonic() >= self._next_hour:
                self._next_hour = time.monotonic() + HOUR_SECONDS
                tasks += self._hourly_tasks
            for task in tasks:
                self._run_task(task)
            if self._stopped.wait(self._interval):
                break

    def _run_task(self, task: Task) -> None:
        try:
            task()
        except exception.Unavailable as e:
            LOG.warning('Could not run a periodic task: %s', e)
            self._reaper.pause()
        except Exception:
            LOG.exception('Could not run a periodic task.')
