# SPDX-License-Identifier: Apache-2.0
"""Circuit breaker for the message bus."""

from collections.abc import Callable
import socket
import threading
import typing

from oslo_config import cfg
from oslo_log import log
# First: oslo.messaging starts with the chosen backend.
from qinling import threading_backend  # noqa: F401

import oslo_messaging  # noqa: H306
import tenacity

from qinling import exception

LOG = log.getLogger(__name__)

#: Seconds that a new client waits for the bus.
START_TIMEOUT_SECONDS = 5
#: Seconds that a request waits for a bus that is down.
REQUEST_TIMEOUT_SECONDS = 1
#: Seconds between two probes.
PROBE_INTERVAL_SECONDS = 0.5
#: Failed probes from one warning to the next.
PROBES_PER_WARNING = 20
#: Seconds in which a broker has to accept a connection.
CONNECT_TIMEOUT_SECONDS = 2
RABBITMQ_PORT = 5672


def ping(conf: cfg.ConfigOpts) -> None:
    """Raise an error when no broker accepts a connection.

    A deeper check would cost the broker a connection of its own each time.
    """
    url = oslo_messaging.TransportURL.parse(conf)
    if url.transport != 'rabbit':
        return
    error: OSError | None = None
    for host in url.hosts:
        try:
            socket.create_connection(
                (host.hostname, host.port or RABBITMQ_PORT),
                CONNECT_TIMEOUT_SECONDS).close()
            return
        except OSError as e:
            error = e
    raise error or OSError('transport_url names no host')


class CircuitBreaker:
    """Circuit breaker for the message bus.

    Callers check the breaker first, so they fail fast instead of blocking on
    retries.  While the breaker is open, a thread probes the bus.
    """

    def __init__(self, client: typing.Any, topic: str) -> None:
        self._call = client.prepare(timeout=REQUEST_TIMEOUT_SECONDS, retry=0)
        # No server listens to this topic.
        self._cast = client.prepare(topic=f'{topic}.probe', retry=0)
        self._closed = threading.Event()
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        # The first call also creates the reply queue, which waits without a
        # timeout.
        self._start_probing(self._probe_by_call)
        # Accept the requests that arrive during the start.
        self._closed.wait(START_TIMEOUT_SECONDS)

    def is_closed(self) -> bool:
        """Return whether the bus is up, as far as known."""
        return self._closed.is_set()

    def check(self) -> None:
        """Return when the bus is up.

        :raises Unavailable: the bus is down, and stays down for a second.
        """
        if not self._closed.wait(REQUEST_TIMEOUT_SECONDS):
            raise exception.Unavailable(reason='the message bus is down.')

    def stop(self) -> None:
        """Stop probing; call before the transport is closed."""
        self._stopped.set()

    def open(self) -> None:
        """Open the breaker after a failure of the bus."""
        with self._lock:
            if not self._closed.is_set():
                return
            self._closed.clear()
        self._start_probing(self._probe_by_cast)

    def _probe_by_call(self) -> None:
        try:
            self._call.call({}, 'has_workers', runtime_id='')
        except (oslo_messaging.MessagingTimeout, oslo_messaging.RemoteError):
            # The bus is up, without an engine.
            return

    def _probe_by_cast(self) -> None:
        self._cast.cast({}, 'probe')

    def _start_probing(self, probe: Callable[[], None]) -> None:
        threading.Thread(target=self._probe, args=(probe,),
                         name='circuit-breaker', daemon=True).start()

    def _probe(self, probe: Callable[[], None]) -> None:
        tenacity.Retrying(
            wait=tenacity.wait_fixed(PROBE_INTERVAL_SECONDS),
            stop=tenacity.stop_when_event_set(self._stopped),
            sleep=tenacity.sleep_using_event(self._stopped),
            retry_error_callback=lambda state: None,
            before_sleep=_log_failure)(probe)
        if self._stopped.is_set():
            return
        self._closed.set()
        LOG.info('The message bus is up.')


def _log_failure(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    if state.attempt_number % PROBES_PER_WARNING == 1:
        LOG.warning('Could not reach the message bus: %s', error)
