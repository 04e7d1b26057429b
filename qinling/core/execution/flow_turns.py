# SPDX-License-Identifier: Apache-2.0
"""Turns of the flow control: which executions of a line start now."""

import dataclasses
import datetime
import typing

from qinling.core.execution import flow_keys
from qinling.core.execution import flow_records
from qinling.db import crud
from qinling.db import flow_queries
from qinling.db import models
from qinling.db import session
from qinling.flow_states import FlowStatus
from qinling.flow_states import FlowWait
from qinling.states import ExecutionStatus

_ENTRY, _MODEL = models.FlowEntry, models.Execution
#: Condition: no engine has claimed the execution.
_UNCLAIMED = (_MODEL.status == ExecutionStatus.RUNNING.value,
              _MODEL.owner.is_(None))
#: Executions that one turn starts.
MAX_TURN_STARTS = 100
#: Limit of a line without a concurrency.
UNLIMITED = (1 << 31) - 1
#: Seconds until the ticket of an execution that waits for the end of another.
#: The end starts the execution; the ticket helps after changes by hand.
TICKET_SECONDS = 600


@dataclasses.dataclass(frozen=True)
class Room:
    """Room in a line at a moment.

    :ivar count: executions that may start.
    :ivar wait: what the next one waits for without room.
    :ivar next_at: time of the next start of a line with a rate.
    """

    count: int
    wait: FlowWait | None = None
    next_at: datetime.datetime | None = None


class Turn:
    """Decisions about one line, whose lock the transaction holds."""

    def __init__(self, tx: session.Connection, line: flow_keys.Line,
                 settings: dict[str, typing.Any]) -> None:
        self._tx = tx
        self._line = line
        self._settings = settings
        #: Behind the lock, so that the times of a line never go back.
        self.now = models.now()

    @property
    def limit(self) -> int:
        """Return how many executions of the line may run."""
        limit: int = (1 if 'singleton' in self._settings
                      else self._settings.get('concurrency', UNLIMITED))
        return limit

    def is_in(self, *statuses: FlowStatus) -> list[typing.Any]:
        """Return the conditions of the entries of the line."""
        return flow_queries.is_in(self._line.scope_id, self._line.key,
                                  *statuses)

    def read_state(self) -> tuple[int, bool]:
        """Return how many executions run, and whether one waits to start."""
        return flow_queries.read_state(
            self._tx, self._line.scope_id, self._line.key, self.now)

    def find_room(self, running: int) -> Room:
        """Return how many executions may start beside the running ones."""
        room = Room(MAX_TURN_STARTS)
        if self.limit < UNLIMITED:
            room = Room(max(0, min(room.count, self.limit - running)),
                        FlowWait.CONCURRENCY)
        rate = self._settings.get('rate')
        if rate is not None and room.count:
            room = self._limit_rate(room, rate)
        return room

    def _limit_rate(self, room: Room, rate: dict[str, int]) -> Room:
        period = datetime.timedelta(seconds=rate['period'])
        starts = flow_queries.list_starts(
            self._tx, self._line.scope_id, self._line.key,
            self.now - period, rate['limit'])
        allowed = rate['limit'] - len(starts)
        if allowed >= room.count:
            return room
        # The start that has to leave the period before the next one.
        oldest = starts[-1] if starts else self.now
        return Room(allowed, FlowWait.RATE, oldest + period)

    def start_next(self) -> flow_records.Starts:
        """Start the first waiting executions, and give the next a ticket.

        :returns: what an engine has to look at, and when.
        """
        self._drop_old_starts()
        running, has_ready = self.read_state()
        if not has_ready:
            return []
        room = self.find_room(running)
        rows = flow_queries.list_waiting(
            self._tx, self._line.scope_id, self._line.key, self.now,
            room.count + 1)
        starts: list[tuple[datetime.datetime, str]] = []
        has_stale = False
        for row in rows:
            if (row.status != ExecutionStatus.RUNNING
                    or row.owner is not None):
                # Only a change by hand leaves such an entry.
                self._delete(row.execution_id)
                has_stale = True
            elif len(starts) < room.count:
                self._start(row.execution_id)
                starts.append((self.now, row.execution_id))
            else:
                starts += self._issue_ticket(row, room)
        return starts + list(self.start_next()) if has_stale else starts

    def _drop_old_starts(self) -> None:
        rate = self._settings.get('rate')
        if rate is not None:
            crud.delete_all(
                self._tx, _ENTRY, *self.is_in(FlowStatus.ENDED),
                _ENTRY.started_at <= self.now - datetime.timedelta(
                    seconds=rate['period']))

    def _delete(self, id: str) -> None:
        flow_queries.delete(self._tx, id)

    def _start(self, id: str) -> None:
        crud.update_all(self._tx, _ENTRY, {
            'status': FlowStatus.RUNNING.value,
            'started_at': self.now if 'rate' in self._settings else None},
            _ENTRY.execution_id == id)
        self.set_time(id, self.now)

    def set_time(self, id: str, at: datetime.datetime | None) -> None:
        """Set the time at which an engine looks at an execution."""
        crud.update(self._tx, _MODEL, id, {
            'lease_until': at, 'next_attempt_at': at,
            'updated_at': _MODEL.updated_at}, *_UNCLAIMED, params={})

    def ticket_time(self, room: Room) -> datetime.datetime:
        """Return the time of the next turn of a line without room."""
        if room.wait is None:
            return self.now
        return room.next_at or self.now + datetime.timedelta(
            seconds=TICKET_SECONDS)

    def _issue_ticket(self, row: typing.Any, room: Room
                      ) -> list[tuple[datetime.datetime, str]]:
        at = self.ticket_time(room)
        present = row.lease_until
        if present is None or not self.now < present <= at:
            self.set_time(row.execution_id, at)
        else:
            at = present
        return ([] if room.wait is FlowWait.CONCURRENCY
                else [(at, row.execution_id)])


def close(tx: session.Connection, entry: typing.Any,
          settings: dict[str, typing.Any]) -> None:
    """Remove an entry from its line; the rate counts started ones."""
    if 'rate' in settings and entry.started_at is not None:
        crud.update_all(tx, _ENTRY, {'status': FlowStatus.ENDED.value},
                        _ENTRY.execution_id == entry.execution_id)
    else:
        flow_queries.delete(tx, entry.execution_id)
