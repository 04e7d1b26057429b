# SPDX-License-Identifier: Apache-2.0
"""Arrival of a new execution in the line of its key."""

import datetime
import json
import math
import typing

from qinling.core.execution import flow_keys
from qinling.core.execution import flow_records
from qinling.core.execution import flow_turns
from qinling.core.execution import outcomes
from qinling.core.execution import records
from qinling.db import crud
from qinling.db import flow_queries
from qinling.db import models
from qinling.db import session
from qinling import exception
from qinling.flow_states import FlowStatus
from qinling.flow_states import FlowWait
from qinling.flow_states import Singleton
from qinling.states import ExecutionReason
from qinling.states import ExecutionStatus

_ENTRY, _MODEL = models.FlowEntry, models.Execution
_PRESENT = (FlowStatus.WAITING, FlowStatus.RUNNING)
RETRY_AFTER_SECONDS = 1
#: Results of executions that do not run.
SUPERSEDED = 'A later execution with the same key replaced the execution.'
SKIPPED = 'An earlier execution with the same key had not ended.'


class Arrival(flow_turns.Turn):
    """Decisions about a new execution."""

    def __init__(self, tx: session.Connection, line: flow_keys.Line,
                 flow: flow_records.Flow, row: records.ExecutionRow) -> None:
        super().__init__(tx, line, flow.settings)
        self._flow = flow
        self._row = row

    def enter(self) -> None:
        """Decide whether the execution starts, and write its entry."""
        singleton = self._settings.get('singleton')
        if singleton == Singleton.OLDEST and crud.exists(
                self._tx, _ENTRY, *self.is_in(*_PRESENT),
                _ENTRY.execution_id != self._row.id):
            vars(self._row).update(_cancelled(self.now, SKIPPED).columns())
            self._row.attempt = 0
            return
        if singleton == Singleton.NEWEST:
            self._supersede(*self.is_in(*_PRESENT))
        if 'debounce' in self._settings:
            self._debounce(self._settings['debounce'])
        elif self._row.next_attempt_at is not None:
            # A backfill starts the execution later.
            self._insert(FlowStatus.WAITING,
                         ready_at=self._row.next_attempt_at)
        else:
            self._start_or_wait()

    def _start_or_wait(self) -> None:
        if 'rate' not in self._settings and flow_queries.insert_started(
                self._tx, self.limit, self.now, self._create_values()):
            return
        running, is_behind = self.read_state()
        room = self.find_room(running)
        if room.count and not is_behind:
            self._insert(FlowStatus.RUNNING, started_at=self.now)
            return
        at = self.ticket_time(room)
        if self._row.sync:
            # A repeated transaction may meet its own entry, and must not
            # refuse what runs.
            if crud.exists(self._tx, _ENTRY,
                           _ENTRY.execution_id == self._row.id):
                raise crud.DuplicateEntry()
            raise self._create_rejection(room, at)
        # The first waiting execution has a ticket already.
        self._wait_until(None if is_behind else at)
        if not is_behind and room.wait is not FlowWait.CONCURRENCY:
            self._flow.start_at = at
        self._insert(FlowStatus.WAITING)

    def _wait_until(self, at: datetime.datetime | None) -> None:
        self._row.lease_until = self._row.next_attempt_at = at

    def _debounce(self, debounce: dict[str, int]) -> None:
        """Wait for the last of several executions; the earlier ones end."""
        if self._row.sync:
            raise exception.Invalid(
                'A function with debounce in its flow_control does not run '
                'synchronously; omit sync.')
        pending = [*self.is_in(FlowStatus.WAITING),
                   _ENTRY.first_at.is_not(None), _ENTRY.ready_at > self.now]
        times = crud.select_values(self._tx, _ENTRY.first_at, *pending)
        self._supersede(*pending)
        first_at = min([self.now, *times])
        ready_at = min(
            self.now + datetime.timedelta(seconds=debounce['period']),
            first_at + datetime.timedelta(seconds=debounce['max']))
        self._wait_until(ready_at)
        self._flow.start_at = ready_at
        self._insert(FlowStatus.WAITING, first_at=first_at,
                     ready_at=ready_at)

    def _supersede(self, *conditions: typing.Any) -> None:
        """End executions that the new one replaces."""
        for entry in crud.select(self._tx, _ENTRY, *conditions):
            ended = _cancelled(self.now, SUPERSEDED).columns()
            if crud.change_status(self._tx, _MODEL, entry.execution_id,
                                  ended.pop('status'), **ended):
                self._flow.superseded.append(entry.execution_id)
            flow_turns.close(self._tx, entry, self._settings)

    def _insert(self, status: FlowStatus, **times: datetime.datetime
                ) -> None:
        crud.insert_whole(self._tx, _ENTRY, {
            **self._create_values(), 'status': status.value, **times})

    def _create_values(self) -> dict[str, typing.Any]:
        return {
            'execution_id': self._row.id, 'scope_id': self._line.scope_id,
            'flow_key': self._line.key, 'sort_at': self._flow.sort_at}

    def _create_rejection(self, room: flow_turns.Room, at: datetime.datetime
                          ) -> exception.TooManyExecutions:
        """Return the error of a synchronous execution, which never waits."""
        seconds = (math.ceil((at - self.now).total_seconds())
                   if room.wait is FlowWait.RATE else 0)
        seconds = max(RETRY_AFTER_SECONDS, seconds)
        limit = room.wait.value if room.wait else FlowWait.CONCURRENCY.value
        return exception.TooManyExecutions(
            f'The {limit} in the flow_control of the function lets no other '
            f'execution with the key {self._line.key!r} start now; try again '
            f'in {seconds} s, or run the function asynchronously.',
            retry_after=seconds)


def _cancelled(now: datetime.datetime, sentence: str) -> outcomes.Ended:
    return outcomes.Outcome(
        ExecutionStatus.CANCELLED, json.dumps({'output': sentence}),
        reason=ExecutionReason.SUPERSEDED).end(now, None)
