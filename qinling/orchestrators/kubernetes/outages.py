# SPDX-License-Identifier: Apache-2.0
"""Outages of the API server.

A call without an answer begins an outage.  Meanwhile callers fail at once
instead of waiting for timeouts, and a thread probes the server.
"""

import logging
import threading
import time
import typing

LOG = logging.getLogger(__name__)

#: Seconds between two probes.
PROBE_INTERVAL_SECONDS = 0.5
#: Seconds after an outage in which the server may refuse permitted calls,
#: since it still reads its rules.
RECOVERY_SECONDS = 60
#: Seconds after an outage until the watches have caught up.
SETTLE_SECONDS = 5


class RecoveryListener(typing.Protocol):
    """Component with connections that may not have survived an outage."""

    def handle_recovery(self) -> None:
        """Handle the end of an outage."""


class Server(typing.Protocol):
    """API server that a thread probes."""

    def is_answering(self) -> bool:
        """Return whether the server answers."""


class Outages:
    """State of the connection to the API server.

    :param changed: condition that is notified of the begin of an outage.
    """

    def __init__(self, changed: threading.Condition, server: Server) -> None:
        self._changed = changed
        self._server = server
        self._lock = threading.Lock()
        self._answers = threading.Event()
        self._answers.set()
        self._stopped = threading.Event()
        self._began_at = 0.0
        self._ended_at: float | None = None
        self._listeners: list[RecoveryListener] = []

    @property
    def is_present(self) -> bool:
        """Return whether the server does not answer."""
        return not self._answers.is_set()

    @property
    def is_recovering(self) -> bool:
        """Return whether the server has just come back."""
        return self._age() < RECOVERY_SECONDS

    @property
    def is_settled(self) -> bool:
        """Return whether the mirror of the cluster is up to date."""
        return not self.is_present and self._age() > SETTLE_SECONDS

    def _age(self) -> float:
        """Return the seconds since the end of the last outage."""
        ended_at = self._ended_at
        return (RECOVERY_SECONDS + SETTLE_SECONDS if ended_at is None
                else time.monotonic() - ended_at)

    def add_listener(self, listener: RecoveryListener) -> None:
        """Notify a listener of the end of each outage."""
        self._listeners.append(listener)

    def begin(self, error: Exception) -> None:
        """Begin an outage, unless there is one."""
        with self._lock:
            if self.is_present or self._stopped.is_set():
                return
            self._answers.clear()
            self._began_at = time.monotonic()
        LOG.warning('The API server does not answer; idle and running '
                    'workers go on: %s', error)
        threading.Thread(target=self._run, name='kubernetes-outage',
                         daemon=True).start()

    def end(self) -> None:
        """End the outage, if there is one: the server answers."""
        with self._lock:
            if not self.is_present:
                return
            self._ended_at = time.monotonic()
            self._answers.set()
        if not self._stopped.is_set():
            LOG.warning('The API server answers again after %.1f s',
                        time.monotonic() - self._began_at)
            for listener in self._listeners:
                listener.handle_recovery()

    def wait(self, seconds: float) -> bool:
        """Wait for the end of the outage; return whether it has ended."""
        return self._answers.wait(seconds)

    def stop(self) -> None:
        """Stop probing, and release all waiting threads."""
        self._stopped.set()
        self.end()

    def _run(self) -> None:
        """Probe until the server answers; the target of a thread."""
        # Here, since the thread that began the outage may have locks.
        with self._changed:
            self._changed.notify_all()
        while not self._stopped.is_set() and self.is_present:
            if self._server.is_answering():
                self.end()
                return
            self._stopped.wait(PROBE_INTERVAL_SECONDS)
