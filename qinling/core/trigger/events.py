# SPDX-License-Identifier: Apache-2.0
"""Executions of the events of an event source.

A transaction writes the execution of a batch, the ids of its events and the
place in the source, so that an event is accepted at least once, and only once
if it has an id.  The source may forget the batch after the commit.
"""

from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses
import typing

from oslo_config import cfg

from qinling.core.execution import inputs
from qinling.core.execution import records
from qinling.core import idempotency
from qinling.core.trigger import base
from qinling.core.trigger import dead_letters
from qinling.core.trigger import event_filters
from qinling.db import crud
from qinling.db import models
from qinling.db import session
from qinling.event_sources import base as sources
from qinling import exception
from qinling.states import Trigger

_MODEL = models.EventSource
_KEY = models.IdempotencyKey
#: Bytes of the fields of an event beside its body.
FRAME_BYTES = 512


class LeaseLost(Exception):
    """Another engine reads the source, or a user has paused it."""


@dataclasses.dataclass
class _Part:
    """Events of one transaction; ``fault`` refuses all of them."""

    events: Sequence[sources.Event]
    fault: str | None = None
    is_kept: bool = True


@dataclasses.dataclass(frozen=True)
class Source:
    """A source, as one engine reads it.

    :param row: of the table ``event_sources``.
    """

    row: typing.Any
    owner: str


class Acceptance:
    """Acceptance of events in one engine."""

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database) -> None:
        self._conf = conf
        self._db = db

    def accept(self, source: Source, events: Sequence[sources.Event],
               position: str | None = None
               ) -> Iterator[records.NewExecution]:
        """Write a batch; yield the executions for an engine.

        The caller exhausts the iterator before it acknowledges the batch.

        :param position: place behind the batch, for a source that keeps no
            place.
        :raises LeaseLost: nothing more was written.
        :raises QinlingError: the events have to wait.
        """
        filter = source.row.filter
        relevant = [event for event in events if event.fault
                    or event_filters.is_wanted(filter, event)]
        for part in self._divide(relevant):
            yield from self._accept_part(source, part)
        self._db.write(lambda tx: _count(
            tx, source, filtered=len(events) - len(relevant),
            position=position))

    def _divide(self, events: Sequence[sources.Event]) -> Iterator[_Part]:
        """Yield the events in parts that an execution may have as input."""
        limit = self._conf.event_sources.max_batch_bytes
        batch: list[sources.Event] = []
        size = 0
        for event in events:
            event_size = event.size + FRAME_BYTES
            if event.fault:
                yield _Part([event], event.fault, event_size <= limit)
                continue
            if event_size > limit:
                yield _Part([event], f'The event has {event.size} bytes, '
                                     'more than [event_sources] '
                                     'max_batch_bytes permits.', False)
                continue
            if batch and size + event_size > limit:
                yield _Part(batch)
                batch, size = [], 0
            batch.append(event)
            size += event_size
        if batch:
            yield _Part(batch)

    def _accept_part(self, source: Source, part: _Part
                     ) -> Iterator[records.NewExecution]:
        try:
            new = self._db.write(lambda tx: self._write(tx, source, part))
        except exception.Invalid as e:
            # A repetition would fail, too: find the event that causes this.
            parts = ([_Part(part.events, str(e))] if len(part.events) == 1
                     else [_Part([event]) for event in part.events])
            for smaller in parts:
                yield from self._accept_part(source, smaller)
            return
        if new is not None:
            yield new

    def _write(self, tx: session.Connection, source: Source, part: _Part
               ) -> records.NewExecution | None:
        """Write what becomes of a part; return the execution, if any."""
        keys = _select_new(tx, source, part.events)
        events = [event for event, _ in keys]
        if not events:
            return None
        row, new = source.row, None
        if part.fault is None:
            _count(tx, source, accepted=len(events),
                   last_event_at=models.now())
            new = base.write(tx, self._conf, row.project_id, create_request(
                row, events))
            resource_id = new.row.id
        else:
            _count(tx, source, dead=len(events))
            resource_id = dead_letters.write(
                tx, row.project_id, Trigger.EVENT_SOURCE.value, part.fault,
                inputs.normalise(create_input(events)) if part.is_kept
                else None, source_id=row.id, size=sum(
                    event.size for event in events),
                **{name: getattr(row, name)
                   for name in dead_letters.TARGET_FIELDS})
        for _, request in keys:
            idempotency.reserve(tx, request, resource_id)
        return new


def _select_new(tx: session.Connection, source: Source,
                events: Sequence[sources.Event]
                ) -> list[tuple[sources.Event,
                                idempotency.IdempotentRequest | None]]:
    """Return the events that were not accepted before, with their keys."""
    requests = {event.id: idempotency.create_request(
        event.id, [Trigger.EVENT_SOURCE.value, source.row.id])
        for event in events if event.id is not None}
    ids = [request.id for request in requests.values()]
    present = set(crud.select_values(tx, _KEY.id, _KEY.id.in_(ids))
                  if ids else ())
    result: list[tuple[sources.Event,
                       idempotency.IdempotentRequest | None]] = []
    for event in events:
        # Taken, so that a repeat in the batch counts once.
        request = requests.pop(event.id, None) if event.id else None
        if event.id is None or request and request.id not in present:
            result.append((event, request))
    return result


def create_input(events: Sequence[sources.Event]) -> dict[str, typing.Any]:
    """Return the arguments of the function for a batch."""
    return {'events': [{
        'id': event.id, 'type': event.type, 'time': event.time,
        'body': event.body, 'attributes': dict(event.attributes)}
        for event in events]}


def create_request(row: typing.Any, events: Sequence[sources.Event]
                   ) -> records.ExecutionRequest:
    """Return the request for the execution of a batch."""
    return records.ExecutionRequest(
        function_id=row.function_id, function_version=row.function_version,
        function_alias=row.function_alias, input=create_input(events),
        group_id=row.id, trigger=Trigger.EVENT_SOURCE.value,
        description=f'Created by event source {row.id}')


def _count(tx: session.Connection, source: Source,
           last_event_at: typing.Any = None, position: str | None = None,
           **amounts: int) -> None:
    """Add to the counts of a source, which locks the source.

    :raises LeaseLost: the engine must not read the source any more.
    """
    values: dict[str, typing.Any] = {
        name: getattr(_MODEL, name) + amount
        for name, amount in amounts.items() if amount}
    for name, value in (('last_event_at', last_event_at),
                        ('position', position)):
        if value is not None:
            values[name] = value
    if values and not crud.update_all(
            tx, _MODEL, {**values, 'updated_at': _MODEL.updated_at},
            _MODEL.id == source.row.id, _MODEL.owner == source.owner,
            _MODEL.revision == source.row.revision):
        raise LeaseLost()
