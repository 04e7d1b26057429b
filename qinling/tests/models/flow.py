# SPDX-License-Identifier: Apache-2.0
"""Model of one line of the flow control, with several engines.

Executions arrive, wait, start and end; a user cancels any of them, and
engines die between any two transactions.  The limit is one execution at a
time, and a number of starts within a period.
"""

from collections.abc import Iterator
import dataclasses
import typing

from qinling.tests.models import explorer

#: Progress of an execution: not created, without a ticket, with a ticket,
#: started without a claim, claimed, ended.
NEW, WAITING, TICKET, DUE, CLAIMED, ENDED = range(6)
LIMIT = 1


@dataclasses.dataclass(frozen=True)
class Guards:
    """Guards of the service, and limits of the search.

    A mutant lacks a guard.
    """

    lock: bool = True       # flow_queries.lock in flow_queue.enter
    together: bool = True   # flow_queue.leave in lifecycle.end
    pass_on: bool = True    # the ticket in Turn.start_next after an end
    first: bool = True      # the ticket in Arrival._start_or_wait
    renew: bool = True      # use_ticket issues another ticket without room
    ticket: bool = True     # flow_queue.is_waiting in Reaper._take_turns
    executions: int = 3
    crashes: int = 1
    cancels: int = 1
    #: Starts of a period, 0 without a rate.
    rate: int = 0


class Execution(typing.NamedTuple):
    """An execution and its entry: 0 for none, 1 waiting, 2 running."""

    progress: int = NEW
    entry: int = 0
    is_alive: bool = False


class State(typing.NamedTuple):
    """State of the line.

    ``decisions`` are arrivals that have counted and not yet written, which
    only a mutant has; ``ends`` are executions whose mutant engine has yet to
    leave the line.  ``starts`` counts the starts of the present period.
    """

    executions: tuple[Execution, ...]
    crashes: int
    cancels: int
    starts: int = 0
    decisions: tuple[tuple[int, int], ...] = ()
    ends: tuple[int, ...] = ()


class Line:
    """Actions of the model."""

    def __init__(self, guards: Guards) -> None:
        self.guards = guards

    def model(self) -> explorer.Model:
        """Return the model."""
        guards = self.guards
        return explorer.Model(
            State((Execution(),) * guards.executions, guards.crashes,
                  guards.cancels), self.steps, (self.check,), self.is_done)

    def is_done(self, state: State) -> bool:
        """Return whether all executions have ended and left the line."""
        return all(row.progress == ENDED and not row.entry
                   for row in state.executions)

    def check(self, state: State) -> str | None:
        """Return a sentence about a limit that is exceeded."""
        running = sum(row.progress in (DUE, CLAIMED)
                      for row in state.executions)
        if running > LIMIT:
            return f'{running} executions run at the same time.'
        if self.guards.rate and state.starts > self.guards.rate:
            return f'{state.starts} executions started within a period.'
        return None

    def steps(self, state: State) -> Iterator[explorer.Step]:
        """Yield the actions that are possible in a state."""
        for number, row in enumerate(state.executions):
            if row.progress == NEW and number not in {
                    decision[0] for decision in state.decisions}:
                yield from self.arrive(state, number)
            yield from self.go_on(state, number, row)
        for decision in state.decisions:
            number, progress = decision
            written = self.write(state._replace(decisions=tuple(
                item for item in state.decisions if item != decision)),
                number, progress)
            yield f'write {number}', written
        yield from self.leave(state)
        if self.guards.rate and state.starts:
            yield 'period', state._replace(starts=0)

    def go_on(self, state: State, number: int, row: Execution
              ) -> Iterator[explorer.Step]:
        """Yield the actions of an execution."""
        if row.progress == TICKET:
            yield from self.use_ticket(state, number)
        if row.progress == DUE:
            # Reaper.resume or sweep, and lifecycle.claim.
            yield f'claim {number}', _set(
                state, number, progress=CLAIMED, is_alive=True)
        if row.progress == CLAIMED:
            yield from self.run(state, number)
        if (row.progress in (WAITING, TICKET, DUE, CLAIMED)
                and state.cancels):
            cancelled = state._replace(cancels=state.cancels - 1)
            for label, after in self.end(cancelled, number):
                yield f'cancel: {label}', after

    def leave(self, state: State) -> Iterator[explorer.Step]:
        """Yield what a mutant does in a transaction of its own."""
        for number in state.ends:
            after = state._replace(ends=tuple(
                item for item in state.ends if item != number))
            yield f'leave {number}', self.start_next(
                _set(after, number, entry=0))
            if state.crashes:
                yield f'crash {number}', after._replace(
                    crashes=state.crashes - 1)

    def has_room(self, state: State) -> bool:
        """Return Turn.find_room."""
        running = sum(row.entry == 2 for row in state.executions)
        return running < LIMIT and not (
            self.guards.rate and state.starts >= self.guards.rate)

    def arrive(self, state: State, number: int) -> Iterator[explorer.Step]:
        """Yield Arrival._start_or_wait within lifecycle.insert."""
        has_waiting = any(row.entry == 1 for row in state.executions)
        if self.has_room(state) and not has_waiting:
            progress = DUE
        else:
            needs_ticket = not has_waiting and self.guards.first
            progress = TICKET if needs_ticket else WAITING
        if self.guards.lock:
            yield f'arrive {number}', self.write(state, number, progress)
        else:
            yield f'count {number}', state._replace(decisions=(
                *state.decisions, (number, progress)))

    def write(self, state: State, number: int, progress: int) -> State:
        """Return the state after the insert of an arrival."""
        is_started = progress == DUE
        after = _set(state, number, progress=progress,
                     entry=2 if is_started else 1)
        return after._replace(starts=after.starts + is_started)

    def use_ticket(self, state: State, number: int
                   ) -> Iterator[explorer.Step]:
        """Yield flow_queue.use_ticket when the ticket is due.

        Without the check of the entry, the reaper requeues the execution.
        """
        if not self.guards.ticket:
            yield f'requeue {number}', _set(state, number, progress=DUE)
            return
        after = _set(state, number, progress=WAITING)
        started = self.start_next(after, self.guards.renew)
        if started != state:
            yield f'ticket {number}', started

    def start_next(self, state: State, has_ticket: bool = True) -> State:
        """Return the state after Turn.start_next."""
        waiting = [number for number, row in enumerate(state.executions)
                   if row.entry == 1]
        while waiting and self.has_room(state):
            state = self.write(state, waiting.pop(0), DUE)
        if waiting and has_ticket and (
                state.executions[waiting[0]].progress == WAITING):
            state = _set(state, waiting[0], progress=TICKET)
        return state

    def run(self, state: State, number: int) -> Iterator[explorer.Step]:
        """Yield the end of a run, and the death of its engine."""
        if state.executions[number].is_alive:
            for label, after in self.end(state, number):
                yield f'run: {label}', after
            if state.crashes:
                yield f'crash {number}', _set(
                    state, number, is_alive=False)._replace(
                        crashes=state.crashes - 1)
        else:
            yield f'requeue {number}', _set(state, number, progress=DUE)

    def end(self, state: State, number: int) -> Iterator[explorer.Step]:
        """Yield lifecycle.end, and flow_queue.leave with the end."""
        ended = _set(state, number, progress=ENDED, is_alive=False)
        if not self.guards.together:
            yield f'end {number}', ended._replace(
                ends=(*ended.ends, number))
            return
        yield f'end {number}', self.start_next(
            _set(ended, number, entry=0), self.guards.pass_on)


def _set(state: State, number: int, **values: typing.Any) -> State:
    rows = list(state.executions)
    rows[number] = rows[number]._replace(**values)
    return state._replace(executions=tuple(rows))


def create(**changes: typing.Any) -> explorer.Model:
    """Return the model of a line."""
    return Line(Guards(**changes)).model()
