# SPDX-License-Identifier: Apache-2.0
"""Process state that each execution of a function in Python starts with.

Streams, directory, environment, signals, timers and umask are restored after
an execution.  Modules, threads and child processes stay, as part of a warm
function.
"""

from __future__ import annotations

import _signal
import io
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TIMERS = (_signal.ITIMER_REAL, _signal.ITIMER_VIRTUAL, _signal.ITIMER_PROF)


class ProcessState:
    """State of this process, shared by executions.

    :param directory: path of the code of the function.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._streams = Streams()
        os.chdir(directory)

    def save(self) -> None:
        """Save the state after the import of the function."""
        self._umask = os.umask(0o022)
        os.umask(self._umask)
        self._environ = os.environ
        self._variables = dict(os.environ)
        # Python cannot restore a handler that is not from Python.
        self._signals = [
            number for number in _signal.valid_signals()
            if number not in (_signal.SIGKILL, _signal.SIGSTOP)
            and _signal.getsignal(number) is not None]
        self._handlers = self._list_handlers()
        self.restore()

    def _list_handlers(self) -> list[Any]:
        return list(map(_signal.getsignal, self._signals))

    def restore(self) -> None:
        """Restore the saved state."""
        for timer in TIMERS:
            _signal.setitimer(timer, 0)
        if self._list_handlers() != self._handlers:
            for number, handler in zip(self._signals, self._handlers):
                _signal.signal(number, handler)
        _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
        os.umask(self._umask)
        os.environ = self._environ
        if dict(os.environ) != self._variables:
            os.environ.clear()
            os.environ.update(self._variables)
        self._streams.restore()
        try:
            os.chdir(self._directory)
        except OSError:
            pass  # the user removed the directory


class Streams:
    """Standard streams of executions."""

    stdout: Any = None
    stderr: Any = None

    def __init__(self) -> None:
        self._spare = os.dup(1)
        self._log = os.fstat(1)
        self.restore()

    def restore(self) -> None:
        """Restore descriptors and streams."""
        for number, name in ((1, 'stdout'), (2, 'stderr')):
            if not self._is_log(number):
                self._reopen(number)
            if not is_open(getattr(self, name)):
                setattr(self, name, open_stream(number))
        sys.stdout = sys.__stdout__ = self.stdout  # type: ignore[misc]
        sys.stderr = sys.__stderr__ = self.stderr  # type: ignore[misc]

    def _is_log(self, number: int) -> bool:
        try:
            return os.path.samestat(os.fstat(number), self._log)
        except OSError:
            return False

    def _reopen(self, number: int) -> None:
        try:
            os.dup2(self._spare, number)
        except OSError:
            pass  # the user closed the spare descriptor: no further log


def open_stream(number: int) -> io.TextIOWrapper:
    """Return an unbuffered text stream, whose output survives a kill."""
    return io.TextIOWrapper(
        io.FileIO(number, 'w', closefd=False),  # type: ignore[arg-type]
        encoding='utf-8', errors='backslashreplace', write_through=True)


def is_open(stream: Any) -> bool:
    """Return whether a stream is open."""
    try:
        return stream is not None and not stream.closed
    except ValueError:
        return False  # the user detached the stream
