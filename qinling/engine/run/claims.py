# SPDX-License-Identifier: Apache-2.0
"""State of the claimed executions of an engine."""

import dataclasses
import threading

from qinling.engine.run import output_buffer
from qinling.orchestrators import base as orchestrators


@dataclasses.dataclass(eq=False)
class ClaimedExecution:
    """State of a claimed execution.

    ``since`` is a time of ``time.monotonic()``.
    """

    since: float
    worker: orchestrators.Worker | None = None
    stream: output_buffer.OutputBuffer | None = None
    has_image: bool = False
    cancelled: bool = False
    #: The platform ended the worker, or the container.
    disrupted: bool = False
    has_ended: bool = False
    _end: threading.Event | None = None

    def mark_ended(self) -> None:
        """Wake the threads in :meth:`wait_ended`."""
        self.has_ended = True
        if self._end is not None:
            self._end.set()

    def wait_ended(self, timeout: float) -> bool:
        """Wait for the end.

        :param timeout: seconds.
        :returns: whether the execution has ended here.
        """
        # Few executions are waited for, so none has an event of its own.
        self._end = event = threading.Event()
        return self.has_ended or event.wait(timeout)
