# SPDX-License-Identifier: Apache-2.0
"""Lines of the flow control: who waits, who starts, and who is next.

An execution enters its line in the transaction that writes its row, and
leaves the line in the transaction that writes its end.  Each transaction
locks the line before it touches an execution of the line, so that engines
decide one after the other.  Nothing polls the lines: the first waiting
execution has a *ticket*, a time in ``lease_until`` and ``next_attempt_at``,
at which the reaper or the timer of an engine takes a turn for the line.  All
other waiting executions have neither, so no sweep reads them.
"""

from collections.abc import Iterable
from collections.abc import Sequence
import datetime
import typing

from qinling.core.execution import flow_arrivals
from qinling.core.execution import flow_keys
from qinling.core.execution import flow_records
from qinling.core.execution import flow_turns
from qinling.core.execution import records
from qinling.db import crud
from qinling.db import flow_queries
from qinling.db import models
from qinling.db import session
from qinling.flow_states import FlowStatus
from qinling.flow_states import FlowWait

_ENTRY = models.FlowEntry


def lock(tx: session.Connection, new: Iterable[records.NewExecution]
         ) -> None:
    """Lock the lines of new executions, in the order of all transactions."""
    flow_queries.lock(tx, (_create_line(execution)
                           for execution in new if execution.flow))


def _create_line(new: records.NewExecution) -> flow_keys.Line:
    assert new.flow is not None
    return flow_keys.Line(new.flow.scope_id, new.row.flow_key or '')


def enter(tx: session.Connection, new: records.NewExecution) -> None:
    """Put a new execution into its line, and set the columns of its row.

    :raises TooManyExecutions, Invalid: the execution is synchronous, and
        would have to wait.
    """
    flow, row = new.flow, new.row
    if flow is None:
        return
    if flow.untouched is None:
        flow.untouched = vars(row).copy()
    else:
        # The database runs the transaction again from its start.
        vars(row).update(flow.untouched)
        flow.superseded.clear()
    flow.start_at = row.next_attempt_at
    line = _create_line(new)
    flow_queries.lock(tx, [line])
    flow_arrivals.Arrival(tx, line, flow, row).enter()


def lock_entries(tx: session.Connection, ids: Sequence[str]
                 ) -> Sequence[flow_queries.Entry]:
    """Return the entries of executions without an end; lock their lines."""
    entries = flow_queries.list_present(tx, ids)
    if entries and flow_queries.lock(tx, map(_read_line, entries)):
        return flow_queries.list_present(tx, ids)
    return entries


def _read_line(entry: typing.Any) -> flow_keys.Line:
    return flow_keys.Line(entry.scope_id, entry.flow_key)


def leave(tx: session.Connection, entries: Sequence[flow_queries.Entry]
          ) -> flow_records.Starts:
    """Remove ended executions from their lines, and start the next ones.

    :param entries: of :func:`lock_entries`.
    """
    lines: dict[flow_keys.Line, dict[str, typing.Any]] = {}
    for entry in entries:
        flow_turns.close(tx, entry, entry.settings)
        # A line whose last execution ends needs no turn.
        if entry.is_followed or 'rate' in entry.settings:
            lines[_read_line(entry)] = entry.settings
    return [start for line, settings in lines.items() for start in
            flow_turns.Turn(tx, line, settings).start_next()]


class Ending:
    """End of an execution in a line; locks the line first."""

    def __init__(self, tx: session.Connection, id: str) -> None:
        self._tx = tx
        self._id = id
        self._entries = (lock_entries(tx, [id])
                         if flow_queries.needs_locks(tx) else None)

    def leave(self) -> flow_records.Starts:
        """Remove the ended execution from the line; see :func:`leave`."""
        if self._entries is None:
            if flow_queries.delete_last(self._tx, self._id):
                return ()
            self._entries = flow_queries.list_present(self._tx, [self._id])
        return leave(self._tx, self._entries)


def is_waiting(db: session.Database, id: str) -> bool:
    """Return whether an execution waits in a line."""
    return db.read(lambda tx: crud.exists(
        tx, _ENTRY, _ENTRY.execution_id == id,
        _ENTRY.status == FlowStatus.WAITING.value))


def use_ticket(tx: session.Connection, id: str) -> flow_records.Starts:
    """Take a turn for the line of an execution whose ticket is due."""
    entries = [entry for entry in lock_entries(tx, [id])
               if entry.status == FlowStatus.WAITING.value]
    if not entries:
        return []
    entry, line = entries[0], _read_line(entries[0])
    flow_queries.delete_stale(tx, line.scope_id, line.key)
    turn = flow_turns.Turn(tx, line, entry.settings)
    is_ready = entry.ready_at is None or entry.ready_at <= turn.now
    # The turn gives a ticket to the first one, perhaps to this one again.
    turn.set_time(id, None if is_ready else entry.ready_at)
    return turn.start_next()


def describe_wait(tx: session.Connection, id: str
                  ) -> flow_records.FlowPlace | None:
    """Return what an execution waits for, ``None`` if it does not wait."""
    rows = crud.select(tx, _ENTRY, _ENTRY.execution_id == id,
                       _ENTRY.status == FlowStatus.WAITING.value)
    if not rows:
        return None
    entry = rows[0]
    turn = flow_turns.Turn(tx, _read_line(entry), flow_queries.read_settings(
        tx, entry.scope_id))
    place = flow_queries.count_before(tx, entry) + 1
    if entry.ready_at is not None and entry.ready_at > turn.now:
        wait = FlowWait.DEBOUNCE if entry.first_at else FlowWait.START
        until: datetime.datetime | None = entry.ready_at
    else:
        room = turn.find_room(turn.read_state()[0])
        wait = room.wait or FlowWait.CONCURRENCY
        until = room.next_at if place == 1 else None
    return flow_records.FlowPlace(wait.value, entry.flow_key, place, until)
