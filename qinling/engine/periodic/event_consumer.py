# SPDX-License-Identifier: Apache-2.0
"""Thread that reads one event source.

The thread acknowledges a batch after the commit of its executions.  When
anything fails, it closes the connection, so that the source delivers the batch
again, and goes on after a growing pause.
"""

from collections.abc import Callable
from collections.abc import Sequence
import contextlib
import dataclasses
import json
import threading
import time
import typing

from oslo_config import cfg
from oslo_log import log

from qinling.core import engine_client
from qinling.core.execution import records
from qinling.core import secrets as secrets_module
from qinling.core import targets
from qinling.core.trigger import event_sources as core
from qinling.core.trigger import events as events_module
from qinling.db import crud
from qinling.db import models
from qinling.db import session
from qinling.event_sources import addresses
from qinling.event_sources import base
from qinling.event_states import EventSourceState
from qinling import exception
from qinling.telemetry import metrics

LOG = log.getLogger(__name__)

_MODEL = models.EventSource
#: Seconds between two tries after an error: the first and the longest pause.
FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 1, 60
#: Seconds between two measurements of the lag, and for which an engine with
#: too many executions waits.
MEASURE_SECONDS, FULL_SECONDS = 10, 0.2
MAX_REASON_LENGTH = 1000


class Engine(typing.Protocol):
    """What event sources need of their engine."""

    @property
    def owner(self) -> str | None:
        """Return the name of the engine in the column ``owner``."""

    def start(self, message: records.ExecutionMessage,
              target: targets.Target) -> None:
        """Queue an execution.

        :raises Unavailable: the engine stops.
        """

    def cancel(self, id: str) -> None:
        """Stop an execution that was cancelled, if this engine runs it."""

    def local_ids(self) -> list[str]:
        """Return the ids of executions queued or claimed here."""


@dataclasses.dataclass(frozen=True)
class Tools:
    """What all consumers of an engine share."""

    conf: cfg.ConfigOpts
    db: session.Database
    engine: Engine
    secrets: secrets_module.Secrets
    guard: addresses.Guard
    stopped: threading.Event


class Consumer:
    """Reads one event source in a thread.

    ``lag`` is the last measurement.
    """

    def __init__(self, tools: Tools, row: typing.Any) -> None:
        self.row = row
        self.lag = base.Lag()
        self._tools = tools
        self._source = events_module.Source(
            row, tools.engine.owner or '')
        self._acceptance = events_module.Acceptance(tools.conf, tools.db)
        self._position = row.position
        self._ended = threading.Event()
        self._measured_at = 0.0
        self._thread = threading.Thread(
            target=self._run, name='event source', daemon=True)

    @property
    def is_alive(self) -> bool:
        """Return whether the thread runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Let the thread end after the present batch; do not wait."""
        self._ended.set()

    def join(self, timeout: float | None = None) -> None:
        """Wait for the end of the thread."""
        self._thread.join(timeout)

    @property
    def _is_ending(self) -> bool:
        return self._ended.is_set() or self._tools.stopped.is_set()

    def _run(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while not self._is_ending:
            began = time.monotonic()
            try:
                self._read()
            except events_module.LeaseLost:
                LOG.info('Stopping to read event source %s: it was changed '
                         'or has another engine.', self.row.id)
                break
            except Exception as e:
                if time.monotonic() - began > MAX_PAUSE_SECONDS:
                    pause = FIRST_PAUSE_SECONDS
                self._report_error(e)
                self._wait(pause)
                pause = min(pause * 2, MAX_PAUSE_SECONDS)
        self._release()

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self._is_ending and time.monotonic() < deadline:
            self._ended.wait(min(1, max(0, deadline - time.monotonic())))

    def _read(self) -> None:
        """Read batches until an error or the end."""
        tools, row = self._tools, self.row
        if row.credentials is None:
            credentials = {}
        else:
            credentials = json.loads(tools.secrets.decrypt(row.credentials))
        with contextlib.closing(core.load_driver(row.kind).open(base.Access(
                row.id, row.settings, credentials, tools.guard,
                self._position, row.batch_size))) as reader:
            self._accept((), reader)
            self._measure(reader)
            while not self._is_ending:
                if self._is_engine_full():
                    self._ended.wait(FULL_SECONDS)
                    continue
                self._take_batch(reader)
                if time.monotonic() >= self._measured_at + MEASURE_SECONDS:
                    self._measure(reader)

    def _is_engine_full(self) -> bool:
        limit: int = self._tools.conf.event_sources.max_queued
        return len(self._tools.engine.local_ids()) >= limit

    def _take_batch(self, reader: base.Reader) -> None:
        batch = reader.receive(self.row.batch_window)
        self._accept(batch, reader)
        metrics.event_source_events.labels(self.row.kind).inc(len(batch))
        reader.acknowledge()

    def _accept(self, batch: Sequence[base.Event], reader: base.Reader
                ) -> None:
        """Write executions, and the place where another engine goes on."""
        if not batch and reader.position == self._position:
            return
        for new in self._acceptance.accept(self._source, batch,
                                           reader.position):
            try:
                engine_client.hand_over(self._tools.engine, new)
            except exception.Unavailable as e:
                LOG.warning('Could not queue execution %s; the reaper will '
                            'requeue the execution: %s', new.row.id, e)
        self._position = reader.position

    def _measure(self, reader: base.Reader) -> None:
        self.lag = reader.measure()
        self._measured_at = time.monotonic()
        self._report(state=EventSourceState.CONNECTED.value,
                     state_reason=None, lag=self.lag.waiting,
                     lag_seconds=self.lag.seconds, measured_at=models.now())

    def _report_error(self, error: Exception) -> None:
        """Show an error to the owner of the source."""
        if isinstance(error, (exception.TemporaryError,
                              exception.PermanentError,
                              exception.QinlingError)):
            reason = str(error)
            LOG.warning('Could not read event source %s: %s', self.row.id,
                        reason)
        else:
            reason = exception.INTERNAL_FAULT
            LOG.error('Could not read event source %s.', self.row.id,
                      exc_info=error)
        self._try(lambda: self._report(
            state=EventSourceState.ERROR.value,
            state_reason=reason[:MAX_REASON_LENGTH]))

    def _report(self, **values: typing.Any) -> None:
        """Write the state of the source, or end if it was changed."""
        written = self._tools.db.write(lambda tx: crud.update_all(
            tx, _MODEL, dict(values, updated_at=_MODEL.updated_at),
            _MODEL.id == self.row.id, _MODEL.owner == self._source.owner,
            _MODEL.revision == self.row.revision), durable=False)
        if not written:
            self.stop()

    def _release(self) -> None:
        """Let another engine read the source at once."""
        self._try(lambda: self._tools.db.write(lambda tx: crud.update_all(
            tx, _MODEL, dict(core.UNREAD, updated_at=_MODEL.updated_at,
                             state_reason=_MODEL.state_reason),
            _MODEL.id == self.row.id, _MODEL.owner == self._source.owner)))

    def _try(self, action: Callable[[], object]) -> None:
        try:
            action()
        except Exception as e:
            # The database does not answer; the lease ends by itself.
            LOG.warning('Could not write the state of event source %s: %s',
                        self.row.id, e)
