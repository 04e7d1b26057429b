# SPDX-License-Identifier: Apache-2.0
"""Process state that each execution of a function in Python starts with.

Streams, directory, environment, time zone, locale, signals, timers and umask
are restored after an execution.  Modules, threads and child processes stay, as
part of a warm function.
"""

from __future__ import annotations

import _locale
import _signal
import io
import os
import select
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

TIMERS = (_signal.ITIMER_REAL, _signal.ITIMER_VIRTUAL, _signal.ITIMER_PROF)
STREAMS = ((1, 'stdout'), (2, 'stderr'))
WINTER, SUMMER = 1768435200, 1784073600  # of 2026, in the north

# Copies, since the code of the user may replace the originals.
chdir, umask, fstat, dup2 = os.chdir, os.umask, os.fstat, os.dup2
open_file, close_file = os.open, os.close
putenv, unsetenv, setlocale = os.putenv, os.unsetenv, _locale.setlocale
samestat, poll = os.path.samestat, select.poll
tzset, localtime = time.tzset, time.localtime
getsignal, set_handler = _signal.getsignal, _signal.signal
setitimer, set_signal_mask = _signal.setitimer, _signal.pthread_sigmask


class ProcessState:
    """State of this process, shared by executions.

    :param directory: path of the code of the function.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._streams = Streams()
        self.flush: Callable[[], None] = self._streams.flush
        # Python cannot restore a handler that is not from Python.
        self._signals = [
            number for number in _signal.valid_signals()
            if number not in (_signal.SIGKILL, _signal.SIGSTOP)
            and getsignal(number) is not None]
        self._handlers: list[Any] = []
        self._handler_ids: list[int] = []
        #: Signal number -> handler in Python, which may raise.
        self._functions: dict[int, Any] = {}
        chdir(directory)

    def save(self) -> None:
        """Save the state after the import of the function."""
        self._umask = umask(0o022)
        umask(self._umask)
        self._environ = os.environ
        self._variables = dict(os.environ)
        self._raw_variables = dict(raw_variables(os.environ))
        self._zone = describe_zone()
        self._locale = setlocale(_locale.LC_ALL)
        self._handlers = list(map(getsignal, self._signals))
        self._handler_ids = list(map(id, self._handlers))
        self._functions = {
            number: handler
            for number, handler in zip(self._signals, self._handlers)
            if callable(handler)}
        self._streams.save()
        self.restore()

    def replace_output(self, number: int) -> None:
        """Write output to another descriptor, in a new process."""
        self._streams.replace_log(number)

    def disarm(self) -> None:
        """Stop timers and signal handlers, which may raise at any time."""
        for timer in TIMERS:
            setitimer(timer, 0)
        # Objects, since handlers of the user may have any comparison.
        if list(map(id, map(getsignal, self._signals))) != self._handler_ids:
            for number, handler in zip(self._signals, self._handlers):
                if getsignal(number) is not handler:
                    set_handler(number, handler)
        for number in self._functions:
            set_handler(number, ignore_signal)

    def restore(self) -> None:
        """Restore the saved state."""
        for number, handler in self._functions.items():
            set_handler(number, handler)
        set_signal_mask(_signal.SIG_SETMASK, ())
        umask(self._umask)
        os.environ = self._environ
        if raw_variables(os.environ) != self._raw_variables:
            os.environ.clear()
            os.environ.update(self._variables)
            self._restore_zone()
        elif describe_zone() != self._zone:
            self._restore_zone()
        if setlocale(_locale.LC_ALL) != self._locale:
            setlocale(_locale.LC_ALL, self._locale)
        self._streams.restore()
        try:
            chdir(self._directory)
        except OSError:
            pass  # the user removed the directory

    def _restore_zone(self) -> None:
        """Restore the time zone, which no variable may show any more."""
        if 'TZ' in self._variables:
            putenv('TZ', self._variables['TZ'])
        else:
            unsetenv('TZ')
        try:
            tzset()
        except BaseException:
            pass  # it imports a module, by a function that the user may set


def ignore_signal(_number: int, _frame: object) -> None:
    """Ignore a signal; children that start meanwhile get the default."""


def describe_zone() -> tuple[Any, ...]:
    """Return what differs between most time zones.

    The names in ``time`` are those of the last ``tzset()``, the others those
    of the C library.
    """
    winter, summer = localtime(WINTER), localtime(SUMMER)
    return (time.tzname, winter.tm_zone, winter.tm_gmtoff, summer.tm_zone,
            summer.tm_gmtoff)


def raw_variables(environ: Any) -> Any:
    """Return the variables without decoding, which is slow."""
    return getattr(environ, '_data', environ)


class Streams:
    """Standard streams of executions."""

    def __init__(self) -> None:
        self._spare = os.dup(1)
        self._log, self._input = fstat(1), fstat(0)
        self._own = {name: open_stream(number) for number, name in STREAMS}
        #: Attribute of sys -> stream; without streams of the function, the
        #: own streams.
        self._saved: dict[str, Any] = {}
        self._use_own()
        self.restore()

    def _use_own(self) -> None:
        """Save the own streams."""
        for name, stream in self._own.items():
            self._saved[name] = self._saved['__%s__' % name] = stream

    def save(self) -> None:
        """Save the streams that the import of the function left."""
        self._saved['stdin'] = None
        for name in self._saved:
            self._saved[name] = getattr(sys, name, None)

    def replace_log(self, number: int) -> None:
        """Make a descriptor the log, whose number may be closed later."""
        for target in (1, 2, self._spare):
            dup2(number, target, target != self._spare)
        self._log = fstat(1)

    def flush(self) -> None:
        """Flush the streams of the user."""
        own_streams = self._own.values()
        for _number, name in STREAMS:
            stream = getattr(sys, name, None)
            if stream not in own_streams and stream is not None:
                try:
                    stream.flush()
                except BaseException:
                    pass  # the user closed or damaged the stream

    def restore(self) -> None:
        """Restore descriptors and streams."""
        for number, name in STREAMS:
            if not self._is_log(number):
                self._reopen(number)
        self._restore_input()
        for name, stream in self._saved.items():
            if stream is not None and not is_open(stream):
                stream = self._replace(name)
            setattr(sys, name, stream)

    def _replace(self, attribute: str) -> Any:
        """Return an open stream in place of a closed stream of sys."""
        for number, name in STREAMS:
            if name == attribute.strip('_'):
                if not is_open(self._own[name]):
                    self._own[name] = open_stream(number)
                self._saved[attribute] = self._own[name]
                return self._own[name]
        return None

    def _restore_input(self) -> None:
        """Open the null device as standard input if the user changed it."""
        try:
            if samestat(fstat(0), self._input):
                return
        except OSError:
            pass  # the user closed the descriptor
        number = open_file(os.devnull, os.O_RDONLY)
        if number:
            dup2(number, 0)
            close_file(number)

    def _is_log(self, number: int) -> bool:
        try:
            return samestat(fstat(number), self._log)
        except OSError:
            return False

    def _reopen(self, number: int) -> None:
        try:
            dup2(self._spare, number)
        except OSError:
            pass  # the user closed the spare descriptor: no further log


class LogFile(io.FileIO):
    """Standard output or error without a buffer.

    Streams of the user may share the object, and end with their last
    reference, so that closing has no effect.
    """

    def write(self, data: Any) -> int:
        """Write all data, also to a non-blocking pipe."""
        rest = memoryview(data).cast('B')
        size = len(rest)
        while rest:
            count = super().write(rest)
            if count is None:
                poller = poll()
                poller.register(self.fileno(), select.POLLOUT)
                poller.poll()
            else:
                rest = rest[count:]
        return size

    def close(self) -> None:
        """Keep the file open."""


def open_stream(number: int) -> io.TextIOWrapper:
    """Return an unbuffered text stream, whose output survives a kill."""
    return io.TextIOWrapper(
        LogFile(number, 'w', closefd=False),  # type: ignore[arg-type]
        encoding='utf-8', errors='backslashreplace', write_through=True)


def is_open(stream: Any) -> bool:
    """Return whether a stream is open."""
    try:
        return not getattr(stream, 'closed', False)
    except BaseException:
        return False  # the user detached the stream
