# SPDX-License-Identifier: Apache-2.0
"""SIGTERM and SIGINT of the programs."""

from collections.abc import Iterator
import contextlib
import os
import select
import signal
import sys
import threading
import typing
import weakref

#: Seconds until a signal that another thread received is handled.
SIGNAL_SECONDS = 0.5


class _Phase:
    """What signals do, and did, in this process."""

    ends_at_once = False
    is_stopped = False


_phase = _Phase()


class StopEvent(threading.Event):
    """Event that the handler of a signal may set.

    A handler interrupts the main thread anywhere, also within the methods of
    an ordinary event, whose lock the handler would never get.
    """

    def __init__(self) -> None:
        super().__init__()
        self._descriptor = os.eventfd(0)
        weakref.finalize(self, os.close, self._descriptor)

    def set(self) -> None:
        """End all present and future waits."""
        os.eventfd_write(self._descriptor, 1)

    def is_set(self) -> bool:
        """Return whether the event is set."""
        return self.wait(0)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait up to some seconds; return whether the event is set."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return bool(poll.poll(None if timeout is None else timeout * 1000))


def create_stop_event() -> StopEvent:
    """Return an event that SIGTERM and SIGINT set."""
    stop = StopEvent()
    _phase.is_stopped = False

    def set_event(_number: int, _frame: typing.Any) -> None:
        stop.set()
        _phase.is_stopped = True
        if _phase.ends_at_once:
            sys.exit()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, set_event)
    return stop


def wait_for(stop: threading.Event) -> None:
    """Wait for the event of :func:`create_stop_event`.

    The kernel may deliver a signal to any thread, and Python runs handlers in
    the main thread only, which a wait without a timeout would block.
    """
    while not stop.wait(SIGNAL_SECONDS):
        pass


@contextlib.contextmanager
def end_at_once() -> Iterator[None]:
    """Let a signal end the process while the block runs, or before."""
    before, _phase.ends_at_once = _phase.ends_at_once, True
    try:
        if _phase.is_stopped:
            sys.exit()
        yield
    finally:
        _phase.ends_at_once = before
