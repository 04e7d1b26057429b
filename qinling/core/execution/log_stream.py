# SPDX-License-Identifier: Apache-2.0
"""Logs of executions that grow while a client reads."""

import time

from qinling import context
from qinling.core.execution import concurrency
from qinling.core.execution import executions
from qinling import exception

#: Seconds between two readings: short after output, longer in a silence.
MIN_POLL_SECONDS, MAX_POLL_SECONDS = 0.1, 0.5
#: Status at the end of the log of an execution that is gone.
DELETED = 'deleted'
#: Seconds of silence until an empty part, which finds clients that left.
SILENCE_SECONDS = 10


class LogStream:
    """Iterator of the parts of a log.

    The iteration ends with the execution, or after the longest wait of a
    request.  ``offset`` counts the characters so far; ``status`` is that of
    the ended execution.

    :param slot: released by :meth:`close`.
    :param seconds: longest time until the end.
    """

    def __init__(self, ctx: context.RequestContext,
                 existing: executions.Executions, id: str, offset: int,
                 slot: concurrency.Slot, seconds: float) -> None:
        self._ctx = ctx
        self._executions = existing
        self._id = id
        self._slot: concurrency.Slot | None = slot
        self._end = time.monotonic() + seconds
        self._pause = MIN_POLL_SECONDS
        self.offset = offset
        self.status: str | None = None

    def __iter__(self) -> 'LogStream':
        return self

    def __next__(self) -> str:
        """Return the next part, empty after a silence.

        The deletion of the execution ends the log.
        """
        silent_until = time.monotonic() + SILENCE_SECONDS
        while self.status is None:
            try:
                row = self._executions.get(self._ctx, self._id)
            except exception.ExecutionNotFound:
                self.status = DELETED
                break
            text = self._executions.read_log(row, self.offset)
            if not row.is_running:
                self.status = row.status
            if text:
                self.offset += len(text)
                self._pause = MIN_POLL_SECONDS
                return text
            now = time.monotonic()
            if self.status is not None or now > self._end:
                break
            if now > silent_until:
                return ''
            time.sleep(self._pause)
            self._pause = min(2 * self._pause, MAX_POLL_SECONDS)
        raise StopIteration

    def close(self) -> None:
        """Release the thread."""
        slot, self._slot = self._slot, None
        if slot is not None:
            slot.__exit__()
