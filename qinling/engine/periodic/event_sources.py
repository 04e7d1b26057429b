# SPDX-License-Identifier: Apache-2.0
"""Distribution of the event sources over the engines.

Each engine looks for sources without an engine, and takes them by
compare-and-swap of a lease.  An idle source costs a thread that wakes once in
a second; without sources, there is one query for each look.
"""

import collections
import datetime
import functools
import random
import threading
import time
import typing

from oslo_config import cfg
from oslo_log import log

from qinling.core import secrets
from qinling.core.trigger import event_sources as core
from qinling.db import crud
from qinling.db import models
from qinling.db import session
from qinling.engine.periodic import event_consumer
from qinling.event_states import EventSourceStatus
from qinling.telemetry import metrics

LOG = log.getLogger(__name__)

_MODEL = models.EventSource
#: Sources that an engine takes in one turn, so that others get some.
MAX_TURN_SOURCES = 10
Engine = event_consumer.Engine


class EventSources:
    """Event sources of one engine."""

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database,
                 engine: Engine, stopped: threading.Event) -> None:
        self._options = conf.event_sources
        self._db = db
        self._owner = engine.owner
        self._tools = event_consumer.Tools(
            conf, db, engine, secrets.Secrets(conf), core.create_guard(conf),
            stopped)
        self._consumers: dict[str, event_consumer.Consumer] = {}
        self._renewed_at = 0.0

    def run(self) -> bool:
        """Start and stop consumers; return whether sources may be left."""
        if not self._options.enabled:
            return False
        rows = self._read()
        mine = {row.id: row for row in rows if row.owner == self._owner}
        for id, consumer in list(self._consumers.items()):
            row = mine.get(id)
            if row is None or row.revision != consumer.row.revision:
                consumer.stop()
            if not consumer.is_alive:
                del self._consumers[id]
        self._renew()
        self._set_metrics()
        return self._take([row for row in rows if self._is_free(row)])

    def _read(self) -> typing.Sequence[typing.Any]:
        """Return the sources of this engine, and those to take."""
        now = models.now()
        return self._db.read(lambda tx: crud.select(
            tx, _MODEL, _MODEL.status == EventSourceStatus.RUNNING.value,
            (_MODEL.owner == self._owner) | _MODEL.lease_until.is_(None)
            | (_MODEL.lease_until < now),
            limit=self._options.max_sources * 2))

    def _is_free(self, row: typing.Any) -> bool:
        if row.id in self._consumers:
            return False
        return (row.owner in (None, self._owner)
                or row.lease_until is None
                or row.lease_until < models.now())

    def _renew(self) -> None:
        """Renew all leases by one statement."""
        now = time.monotonic()
        if not self._consumers or (
                now - self._renewed_at < self._options.lease / 4):
            return
        ids = list(self._consumers)
        self._db.write(lambda tx: crud.update_all(
            tx, _MODEL, {'lease_until': self._lease_end(),
                         'updated_at': _MODEL.updated_at},
            _MODEL.owner == self._owner, _MODEL.id.in_(ids)), durable=False)
        self._renewed_at = now

    def _lease_end(self) -> datetime.datetime:
        return models.now() + datetime.timedelta(seconds=self._options.lease)

    def _take(self, rows: list[typing.Any]) -> bool:
        """Take some free sources and start to read them."""
        room = self._options.max_sources - len(self._consumers)
        # Engines that start with different sources share the work.
        random.shuffle(rows)
        for row in rows[:min(room, MAX_TURN_SOURCES)]:
            if self._tools.stopped.is_set():
                return False
            claimed = self._db.write(functools.partial(self._claim, row),
                                     durable=False)
            if claimed is None:
                continue
            LOG.info('Reading event source %s of kind %s.', row.id, row.kind)
            consumer = event_consumer.Consumer(self._tools, claimed)
            self._consumers[row.id] = consumer
            consumer.start()
        return room > MAX_TURN_SOURCES and len(rows) > MAX_TURN_SOURCES

    def _claim(self, row: typing.Any, tx: session.Connection) -> typing.Any:
        """Return the claimed row, ``None`` if another engine was faster."""
        is_unchanged = [
            _MODEL.owner == row.owner, _MODEL.lease_until == row.lease_until
        ] if row.owner else [_MODEL.owner.is_(None)]
        if not crud.update_all(
                tx, _MODEL, {'owner': self._owner,
                             'lease_until': self._lease_end(),
                             'updated_at': _MODEL.updated_at},
                _MODEL.id == row.id, _MODEL.revision == row.revision,
                *is_unchanged):
            return None
        return crud.select(tx, _MODEL, _MODEL.id == row.id)[0]

    def _set_metrics(self) -> None:
        waiting: dict[str, int] = collections.Counter()
        seconds: dict[str, float] = {}
        for consumer in self._consumers.values():
            kind, lag = consumer.row.kind, consumer.lag
            waiting[kind] += lag.waiting or 0
            seconds[kind] = max(seconds.get(kind, 0), lag.seconds or 0)
        for kind in core.list_kinds():
            metrics.event_source_lag.labels(kind).set(waiting[kind])
            metrics.event_source_lag_seconds.labels(kind).set(
                seconds.get(kind, 0))
