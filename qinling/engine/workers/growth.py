# SPDX-License-Identifier: Apache-2.0
"""Start of several workers of a target, without a waiting caller."""

import threading

from oslo_log import log

from qinling.core import targets
from qinling.engine import background as background_module
from qinling.engine.workers import scaling as scaling_module
from qinling import exception

LOG = log.getLogger(__name__)


class Growth:
    """Start of ``count`` workers in threads.

    The first failure ends the growth: the next start would fail, too.
    """

    def __init__(self, scaling: scaling_module.Scaling,
                 target: targets.Target, count: int) -> None:
        self._scaling = scaling
        self._target = target
        self._lock = threading.Lock()
        self._remaining = count
        self._count = count
        self.failed = False

    @property
    def is_running(self) -> bool:
        """Return whether starts remain."""
        return self._remaining > 0

    def start(self, background: background_module.Background) -> None:
        """Start the workers in the background; return immediately."""
        for _number in range(self._count):
            background.submit(self._start_worker)

    def _start_worker(self) -> None:
        try:
            if not self.failed:
                self._scaling.scale_up(self._target)
        except (exception.TemporaryError, exception.PermanentError) as e:
            with self._lock:
                is_first, self.failed = not self.failed, True
            if is_first:
                LOG.warning('Could not start all %d workers of function %s, '
                            'version %s: %s', self._count,
                            self._target.function_id, self._target.version, e)
        finally:
            with self._lock:
                self._remaining -= 1
