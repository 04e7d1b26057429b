# SPDX-License-Identifier: Apache-2.0
"""What surrounds every execution of a function in Python, and is put back
after each: streams, directory, environment, signals, timers, the umask.

Modules, threads and child processes are kept: a warm function has them.
"""

import _signal
import io
import os
import sys

TIMERS = (_signal.ITIMER_REAL, _signal.ITIMER_VIRTUAL, _signal.ITIMER_PROF)


class Surroundings:
    """The state of this process that executions share.

    :param directory: path of the function's code.
    """

    def __init__(self, directory):
        self._directory = directory
        self._streams = Streams()
        os.chdir(directory)

    def remember(self):
        """Take what the function's import left as the state to go back to,
        but for what every execution finds alike."""
        self._umask = os.umask(0o022)
        os.umask(self._umask)
        self._environ = os.environ
        self._variables = dict(os.environ)
        # A signal without a handler of Python's cannot get it back.
        self._signals = [
            each for each in _signal.valid_signals()
            if each not in (_signal.SIGKILL, _signal.SIGSTOP)
            and _signal.getsignal(each) is not None]
        self._handlers = self._present_handlers()
        self.restore()

    def _present_handlers(self):
        return list(map(_signal.getsignal, self._signals))

    def restore(self):
        for timer in TIMERS:
            _signal.setitimer(timer, 0)
        if self._present_handlers() != self._handlers:
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
            pass  # the user removed it


class Streams:
    """The standard streams, as every execution finds them."""

    def __init__(self):
        self._spare = os.dup(1)
        self._log = os.fstat(1)
        self.restore()

    def restore(self):
        for number, name in ((1, 'stdout'), (2, 'stderr')):
            if not self._is_log(number):
                self._reopen(number)
            if not is_open(getattr(self, name, None)):
                setattr(self, name, open_stream(number))
        sys.stdout = sys.__stdout__ = self.stdout
        sys.stderr = sys.__stderr__ = self.stderr

    def _is_log(self, number):
        try:
            return os.path.samestat(os.fstat(number), self._log)
        except OSError:
            return False

    def _reopen(self, number):
        try:
            os.dup2(self._spare, number)
        except OSError:
            pass  # the user closed that one as well: nothing is logged


def open_stream(number):
    """A text stream that keeps nothing back, so that the last words of a
    function are in its log even if it is killed."""
    return io.TextIOWrapper(
        io.FileIO(number, 'w', closefd=False), encoding='utf-8',
        errors='backslashreplace', write_through=True)


def is_open(stream):
    try:
        return stream is not None and not stream.closed
    except ValueError:
        return False  # the user detached it
