# SPDX-License-Identifier: Apache-2.0
"""Supervisor of several processes of one program.

The supervisor has one thread, which only forks, waits and passes signals on,
so that no error of a child can break it.
"""

from collections.abc import Callable
from collections.abc import Sequence
import ctypes
import logging
import os
import signal
import sys
import threading
import time
import typing

from oslo_log import log

from qinling.cmd import signals

LOG = log.getLogger(__name__)

#: Seconds until a process that ended is restarted.
RESTART_DELAY_SECONDS = 1
#: Exit codes of a process that cannot use its configuration, which ends the
#: program at its start, and of any other error.
REFUSED, CRASHED = 1, 70
#: Signals that the supervisor waits for.
SIGNALS = frozenset((signal.SIGTERM, signal.SIGINT, signal.SIGHUP,
                     signal.SIGCHLD))
_PR_SET_PDEATHSIG = 1  # of prctl(2)


class Role(typing.NamedTuple):
    """Process of a program.

    :param run: runs in the process until the event, which SIGTERM sets.
    """

    name: str
    run: Callable[[threading.Event], None]


class Supervisor:
    """Runs one process for each role, and restarts the processes.

    :param stop_timeout: seconds until processes that do not stop are killed.
    """

    def __init__(self, roles: Sequence[Role], stop_timeout: float) -> None:
        self._roles = roles
        self._stop_timeout = stop_timeout
        self._running: dict[int, Role] = {}
        self._restarted: set[Role] = set()
        self._exit_code = 0

    def run(self, stop: threading.Event,
            on_stop: Callable[[], None] = lambda: None) -> int:
        """Run the processes until SIGTERM or SIGINT.

        :param stop: set by a signal before the call.
        :param on_stop: is called before the processes get the signal.
        :returns: exit code: 0, or that of a process that refused to start.
        """
        # A signal at any moment is pending until the next wait; nothing is
        # lost between two instructions.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        for role in self._roles:
            self._start(role)
        while not stop.is_set() and not self._exit_code:
            self._handle(signal.sigwait(SIGNALS), stop)
        on_stop()
        self._stop()
        return self._exit_code

    def _handle(self, number: int, stop: threading.Event) -> None:
        """Handle one signal; SIGTERM and SIGINT set ``stop``."""
        if number in (signal.SIGTERM, signal.SIGINT):
            stop.set()
        elif number == signal.SIGHUP:
            self._send(number)
        elif (ended := self._reap()) and not self._exit_code:
            early = signal.sigtimedwait(
                SIGNALS - {signal.SIGCHLD}, RESTART_DELAY_SECONDS)
            for role in ended:
                self._restarted.add(role)
                self._start(role)
            if early is not None:
                self._handle(early.si_signo, stop)

    def _start(self, role: Role) -> None:
        parent = os.getpid()
        pid = os.fork()
        if pid:
            self._running[pid] = role
            return
        code = CRASHED
        try:
            _follow(parent)
            stop = signals.create_stop_event()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            role.run(stop)
            code = 0
        except SystemExit as e:
            code = e.code if isinstance(e.code, int) else REFUSED
        except BaseException:
            LOG.exception('The process %s failed.', role.name)
        finally:
            logging.shutdown()
            sys.stdout.flush()
            sys.stderr.flush()
            # Threads that remain would keep the process alive.
            os._exit(code)

    def _reap(self) -> list[Role]:
        """Return the roles of the processes that have ended."""
        ended = []
        while self._running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                break
            if pid in self._running:
                role = self._running.pop(pid)
                ended.append(role)
                if role not in self._restarted and (
                        os.waitstatus_to_exitcode(status) == REFUSED):
                    self._exit_code = REFUSED
                LOG.log(
                    logging.WARNING if status else logging.DEBUG,
                    'The process %s (%d) ended with %d.', role.name, pid,
                    os.waitstatus_to_exitcode(status))
        return ended

    def _send(self, number: int) -> None:
        for pid in self._running:
            os.kill(pid, number)

    def _stop(self) -> None:
        """End all processes."""
        self._send(signal.SIGTERM)
        deadline = time.monotonic() + self._stop_timeout
        while self._running and (
                remaining := deadline - time.monotonic()) > 0:
            signal.sigtimedwait({signal.SIGCHLD}, remaining)
            self._reap()
        if self._running:
            LOG.warning('Killing processes that do not stop: %s.', ', '.join(
                role.name for role in self._running.values()))
            self._send(signal.SIGKILL)


def _follow(parent: int) -> None:
    """Let this process be killed together with its parent."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(CRASHED)
