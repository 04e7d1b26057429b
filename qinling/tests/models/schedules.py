# SPDX-License-Identifier: Apache-2.0
"""Model of one job: fire times, schedulers of several engines, a user.

The job fires every second unit of time.  Schedulers die at any step, and
clocks may be behind the time.
"""

from collections.abc import Iterator
import dataclasses
import typing

from qinling.states import Misfire
from qinling.tests.models import explorer

PERIOD = 2
RUNNING, PAUSED = 'running', 'paused'


@dataclasses.dataclass(frozen=True)
class Guards:
    """Guards of the service, and limits of the search.

    A mutant lacks a guard.
    """

    unchanged: bool = True   # scheduler._UNCHANGED in Scheduler._write
    unique: bool = True      # unique index of job and scheduled_at
    together: bool = True    # one transaction in Scheduler._fire_together
    schedulers: int = 2
    end: int = 6
    crashes: int = 1
    skews: int = 2
    pauses: int = 1


class Job(typing.NamedTuple):
    """Row of the job."""

    status: str = RUNNING
    next: int = PERIOD
    revision: int = 0


class State(typing.NamedTuple):
    """State of the service.

    ``schedulers`` are the rows as read, or a fire time that a mutant has yet
    to write; ``skipped`` are fire times that the job may leave out.
    """

    now: int
    job: Job
    schedulers: tuple[Job | int | None, ...]
    crashes: int
    skews: int
    pauses: int
    ledger: tuple[int, ...] = ()
    skipped: frozenset[int] = frozenset()
    fault: str | None = None


class Schedule:
    """Actions of the model."""

    def __init__(self, misfire: str, guards: Guards) -> None:
        self.misfire = misfire
        self.guards = guards

    def model(self) -> explorer.Model:
        """Return the model."""
        guards = self.guards
        initial = State(0, Job(), (None,) * guards.schedulers,
                        guards.crashes, guards.skews, guards.pauses)
        return explorer.Model(
            initial, self.steps, (self.check,), self.is_done,
            lambda state: state._replace(schedulers=tuple(
                sorted(state.schedulers, key=repr))))

    def is_done(self, state: State) -> bool:
        """Return whether all due fire times were handled."""
        return state.now == self.guards.end < state.job.next

    def steps(self, state: State) -> Iterator[explorer.Step]:
        """Yield the possible actions."""
        if state.now < self.guards.end:
            yield 'time-passes', state._replace(now=state.now + 1)
        yield from self._user_steps(state)
        for number, memory in enumerate(state.schedulers):
            if memory is None:
                if (state.job.status == RUNNING
                        and state.job.next <= state.now + 1):
                    yield f'poll {number}', _put(state, number, state.job)
                continue
            if state.crashes:
                yield f'die {number}', _put(state._replace(
                    crashes=state.crashes - 1), number, None)
            if isinstance(memory, int):
                yield f'insert-late {number}', self.record(
                    _put(state, number, None), memory)
                continue
            for clock, skews in self._clocks(state):
                if memory.next <= clock:
                    yield f'fire {number} at {clock}', self.fire(
                        _put(state._replace(skews=skews), number, None),
                        number, memory, clock)
            if memory.revision != state.job.revision:
                yield f'poll-again {number}', _put(state, number, None)

    @staticmethod
    def _clocks(state: State) -> Iterator[tuple[int, int]]:
        """Yield possible clocks, with the skews that are left."""
        yield state.now, state.skews
        if state.skews:
            for skew in (1, PERIOD):
                yield max(0, state.now - skew), state.skews - 1

    def _user_steps(self, state: State) -> Iterator[explorer.Step]:
        """Yield Jobs.update."""
        job = state.job
        if job.status == RUNNING and state.pauses:
            yield 'pause', state._replace(pauses=state.pauses - 1, job=(
                job._replace(status=PAUSED, revision=job.revision + 1)))
        if job.status == PAUSED:
            for clock, skews in self._clocks(state):
                first = clock - clock % PERIOD + PERIOD
                yield f'resume at {clock}', state._replace(
                    skews=skews,
                    skipped=state.skipped.union(range(
                        job.next, max(first, job.next), PERIOD)),
                    job=Job(RUNNING, first, job.revision + 1))

    def fire(self, state: State, number: int, read: Job, clock: int
             ) -> State:
        """Return the state after Scheduler._fire_together."""
        job = state.job
        if self.guards.unchanged and job.revision != read.revision:
            return state
        if job.status == PAUSED:
            return state._replace(fault='A paused job fired.')
        fire_time, skipped = self.decide(read, clock)
        following = (skipped[-1] if fire_time is None else fire_time) + PERIOD
        state = state._replace(
            job=Job(RUNNING, following, job.revision + 1),
            skipped=state.skipped.union(skipped))
        if fire_time is None:
            return state
        if not self.guards.together:
            return _put(state, number, fire_time)
        return self.record(state, fire_time)

    def decide(self, read: Job, clock: int) -> tuple[int | None, list[int]]:
        """Return (fire time, skipped fire times): schedule.decide."""
        fire_time = read.next
        if self.misfire != Misfire.ALL:
            fire_time = max(fire_time, clock - clock % PERIOD)
        skipped = list(range(read.next, fire_time, PERIOD))
        if self.misfire == Misfire.SKIP and clock > fire_time:
            return None, [*skipped, fire_time]
        return fire_time, skipped

    def record(self, state: State, fire_time: int) -> State:
        """Return the state with an execution: trigger.write.

        With the unique index, the second try moves only the job: see
        Scheduler._handle_error.
        """
        if self.guards.unique and fire_time in state.ledger:
            return state
        return state._replace(
            ledger=tuple(sorted((*state.ledger, fire_time))))

    def check(self, state: State) -> str | None:
        """Return a sentence about a fire time that is wrong."""
        if state.fault:
            return state.fault
        if len(set(state.ledger)) < len(state.ledger):
            return f'A fire time has two executions: {state.ledger}.'
        if state.ledger and state.ledger[-1] > state.now:
            return f'The job fired before {state.ledger[-1]}.'
        missing = set(range(PERIOD, state.job.next, PERIOD)) - set(
            state.ledger) - state.skipped
        if missing and self.guards.together or (
                missing and not any(isinstance(memory, int)
                                    for memory in state.schedulers)):
            return f'The fire times {missing} are lost.'
        return None


def _put(state: State, number: int, memory: Job | int | None) -> State:
    schedulers = list(state.schedulers)
    schedulers[number] = memory
    return state._replace(schedulers=tuple(schedulers))


def create(misfire: str, **changes: typing.Any) -> explorer.Model:
    """Return the model for a misfire policy, with changed guards."""
    return Schedule(misfire, Guards(**changes)).model()
