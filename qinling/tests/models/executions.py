# SPDX-License-Identifier: Apache-2.0
"""Model of one execution: claim, lease, fence, attempts and the end.

Engines freeze and resume: a frozen engine is one without a step for some
time, so a lease may end at any moment.  Engines die at any step and return
under another name.  The message may be lost, or arrive twice.
"""

from collections.abc import Iterator
import dataclasses
import typing

from qinling.tests.models import explorer

RUNNING, SUCCESS, ERROR, CANCELLED, WITHDRAWN = (
    'running', 'success', 'error', 'cancelled', 'withdrawn')
#: Deliveries of the message: the bus may lose or repeat the message.  A
#: message that waits in a queue may be claimed after the last requeue.
MESSAGES = 2


@dataclasses.dataclass(frozen=True)
class Guards:
    """Guards of the service, and limits of the search.

    A mutant lacks a guard.
    """

    claim: bool = True        # lifecycle.UNCLAIMED in lifecycle.claim
    fence: bool = True        # lifecycle.OWNED_BY_ME in Runner._finish
    once: bool = True         # crud.change_status in lifecycle.end
    unchanged: bool = True    # lifecycle.unchanged in lifecycle.requeue
    received: bool = True     # Runner._claimed refuses a second message
    own_name: bool = True     # engines.create_owner: a name per process
    reaper: bool = True       # Reaper.sweep
    withdraw: bool = True     # lifecycle.UNCLAIMED in lifecycle.withdraw
    max_attempts: int = 2
    max_retries: int = 1
    engines: int = 2
    crashes: int = 1
    expiries: int = 1


class Row(typing.NamedTuple):
    """Row of the execution; ``lease`` counts the writes of the lease."""

    status: str = RUNNING
    owner: str | None = None
    lease: int = 0
    expired: bool = False
    attempt: int = 0
    retry: int = 0


class Engine(typing.NamedTuple):
    """Memory of an engine.

    ``tasks`` are the threads with the execution: queued, claimed or started;
    ``overdue`` is the row as the reaper read it.
    """

    life: int = 0
    tasks: tuple[str, ...] = ()
    overdue: Row | None = None


class State(typing.NamedTuple):
    """State of the service; ``ends`` and ``starts`` are for invariants."""

    row: Row
    engines: tuple[Engine, ...]
    messages: int
    api: str
    crashes: int
    expiries: int
    starts: int = 0
    ends: tuple[str, ...] = ()
    fault: str | None = None


class Execution:
    """Actions of the model."""

    def __init__(self, guards: Guards, sync: bool) -> None:
        self.guards = guards
        self.sync = sync

    def model(self) -> explorer.Model:
        """Return the model."""
        guards = self.guards
        initial = State(Row(), (Engine(),) * guards.engines, MESSAGES,
                        'waiting',
                        guards.crashes, guards.expiries)
        return explorer.Model(initial, self.steps, (self.check,),
                              lambda state: state.row.status != RUNNING
                              and state.api != 'waiting', self.key)

    def name(self, number: int, engine: Engine) -> str:
        """Return the owner that an engine writes."""
        return f'{number}.{engine.life if self.guards.own_name else 0}'

    def steps(self, state: State) -> Iterator[explorer.Step]:
        """Yield the possible actions."""
        yield from self._api_steps(state)
        row = state.row
        # An engine that could renew the lease freezes: a limited number.
        freezes = any(engine.tasks and row.owner in (
            None, self.name(number, engine))
            for number, engine in enumerate(state.engines))
        if (row.status == RUNNING and not row.expired
                and (state.expiries or not freezes)):
            yield 'lease-ends', state._replace(
                row=row._replace(expired=True),
                expiries=state.expiries - freezes)
        for number, engine in enumerate(state.engines):
            for action, successor in self._engine_steps(
                    state, number, engine):
                yield f'{action} {self.name(number, engine)}', successor

    def _api_steps(self, state: State) -> Iterator[explorer.Step]:
        row = state.row
        if state.messages:
            yield 'lose-message', state._replace(messages=state.messages - 1)
        if state.api != 'waiting':
            return
        if state.crashes:
            yield 'die API', state._replace(
                api='died', crashes=state.crashes - 1)
        if not self.sync:
            # Triggers.fire has answered; the user may cancel.
            yield 'cancel', self.end(state._replace(api='answered'),
                                     CANCELLED)
            yield 'go-away', state._replace(api='answered')
        else:
            yield from self._sync_steps(state, row)

    def _sync_steps(self, state: State, row: Row) -> Iterator[explorer.Step]:
        if row.status != RUNNING:
            yield 'answer', state._replace(api='answered')
            return
        # Dispatch._run: the bus is not available.
        if row.owner is None or not self.guards.withdraw:
            yield 'withdraw', state._replace(
                row=row._replace(status=WITHDRAWN, owner=None),
                api='refused')
        if row.owner is not None:
            # _Watch.read: the owner does not answer.
            yield 'watch', self.end(state, ERROR)

    def _engine_steps(self, state: State, number: int, engine: Engine
                      ) -> Iterator[explorer.Step]:
        if state.messages:
            # Engine.start, Engine.run
            yield 'receive', self.put(
                state._replace(messages=state.messages - 1), number,
                engine._replace(tasks=_sorted(*engine.tasks, 'queued')))
        for task in sorted(set(engine.tasks)):
            yield from getattr(self, f'_{task}')(state, number, engine)
        if engine.tasks:
            yield from self._renew(state, number, engine)
        if self.guards.reaper:
            yield from self._reap(state, number, engine)
        if state.crashes and (engine.tasks or engine.overdue):
            yield 'die', self.put(
                state._replace(crashes=state.crashes - 1), number,
                Engine(engine.life + 1))

    def _queued(self, state: State, number: int, engine: Engine
                ) -> Iterator[explorer.Step]:
        """Yield Runner.run with lifecycle.claim."""
        rest = _without(engine.tasks, 'queued')
        if rest and self.guards.received and set(rest) - {'queued'}:
            yield 'drop-second', self.put(state, number,
                                          engine._replace(tasks=rest))
            return
        row, me = state.row, self.name(number, engine)
        is_free = row.owner is None or not self.guards.claim
        if row.status == RUNNING and is_free:
            if row.owner is not None:
                state = state._replace(
                    fault=f'Engine {me} takes the execution of {row.owner}.')
            row = row._replace(owner=me, lease=row.lease + 1, expired=False,
                               attempt=row.attempt + 1)
        elif not (row.status == RUNNING and row.owner == me):
            yield 'not-mine', self.put(state, number,
                                       engine._replace(tasks=rest))
            return
        yield 'claim', self.put(
            state._replace(row=row), number,
            engine._replace(tasks=_sorted(*rest, 'claimed')))

    def _claimed(self, state: State, number: int, engine: Engine
                 ) -> Iterator[explorer.Step]:
        """Yield Attempts.run."""
        fault = state.fault
        if state.api == 'refused' or state.row.status == WITHDRAWN:
            fault = 'The request was refused, but the function runs.'
        yield 'start-function', self.put(
            state._replace(starts=state.starts + 1, fault=fault), number,
            engine._replace(tasks=_sorted(
                *_without(engine.tasks, 'claimed'), 'started')))

    def _started(self, state: State, number: int, engine: Engine
                 ) -> Iterator[explorer.Step]:
        """Yield Runner._finish and Completion.conclude."""
        rest = _without(engine.tasks, 'started')
        row, me = state.row, self.name(number, engine)
        ended = self.put(state, number, engine._replace(tasks=rest))
        if row.owner != me and self.guards.fence:
            yield 'result-too-late', ended
            return
        fault = state.fault
        if row.status == RUNNING and row.owner != me:
            fault = f'Engine {me} writes the result of {row.owner}.'
        yield 'succeed', self.end(ended._replace(fault=fault), SUCCESS)
        if (not self.sync and row.status == RUNNING
                and row.retry < self.guards.max_retries):
            # lifecycle.schedule_retry: the attempt is due with its lease.
            yield 'retry-later', ended._replace(fault=fault, row=row._replace(
                owner=None, lease=row.lease + 1, expired=True,
                retry=row.retry + 1))
        if not self.sync and row.owner == me and state.crashes:
            # releases.release_claim: the engine stops.
            yield 'release', self.put(state._replace(
                crashes=state.crashes - 1, row=row._replace(
                    owner=None, lease=row.lease + 1, expired=True)),
                number, Engine(engine.life + 1))

    def _renew(self, state: State, number: int, engine: Engine
               ) -> Iterator[explorer.Step]:
        """Yield lifecycle.renew_leases."""
        row, me = state.row, self.name(number, engine)
        if row.status == RUNNING and row.owner in (None, me):
            if row.expired:
                yield 'renew', state._replace(row=row._replace(
                    lease=row.lease + 1, expired=False))
        elif set(engine.tasks) - {'queued'}:
            # Runner.cancel
            yield 'stop-function', self.put(
                state, number, engine._replace(tasks=()))

    def _reap(self, state: State, number: int, engine: Engine
              ) -> Iterator[explorer.Step]:
        """Yield Reaper.sweep in two steps: read, then compare-and-swap."""
        row, read = state.row, engine.overdue
        if read is None:
            if row.status == RUNNING and row.expired and not engine.tasks:
                yield 'read-overdue', self.put(
                    state, number, engine._replace(overdue=row))
            return
        state = self.put(state, number, engine._replace(overdue=None))
        if self.guards.unchanged and (row.owner, row.lease, row.status) != (
                read.owner, read.lease, read.status):
            yield 'not-overdue', state
            return
        if row.status == RUNNING and not row.expired:
            state = state._replace(
                fault=f'A reaper takes the execution of {row.owner}.')
        if self.sync or read.attempt - read.retry >= (
                self.guards.max_attempts):
            yield 'give-up', self.end(state, ERROR)
        else:
            yield 'requeue', self.put(
                state._replace(row=row._replace(
                    owner=None, lease=row.lease + 1, expired=False)),
                number, engine._replace(overdue=None, tasks=_sorted(
                    *engine.tasks, 'queued')))

    def end(self, state: State, status: str) -> State:
        """Return the state after lifecycle.end."""
        row = state.row
        if row.status != RUNNING and self.guards.once:
            return state
        return state._replace(
            row=row._replace(status=status, owner=None, expired=False),
            ends=(*state.ends, status))

    def check(self, state: State) -> str | None:
        """Return a sentence about a broken invariant."""
        row = state.row
        if state.fault:
            return state.fault
        if len(state.ends) > 1:
            return f'The status was written twice: {state.ends}.'
        if state.starts > (min(1, row.attempt) if self.sync
                           else row.attempt):
            return (f'The function was started {state.starts} times by '
                    f'{row.attempt} claims.')
        if row.attempt > row.retry + self.guards.max_attempts + MESSAGES:
            return f'The execution was claimed {row.attempt} times.'
        if row.status == SUCCESS and not state.starts:
            return 'The execution has a result, but did not run.'
        return None

    def key(self, state: State) -> tuple[typing.Any, ...]:
        """Return what decides about later steps.

        Leases only matter by comparison with the lease that a reaper read,
        names by comparison with the owner; engines are interchangeable.
        """
        row = state.row
        engines = sorted((row.owner == self.name(number, engine),
                          engine.tasks, self._overdue_key(row, engine.overdue))
                         for number, engine in enumerate(state.engines))
        return (row._replace(lease=0, owner=row.owner and 'engine'),
                tuple(engines), state[2:])

    def _overdue_key(self, row: Row, read: Row | None
                     ) -> tuple[int, int, int]:
        if read is None:
            return -1, 0, 0
        if row == read:
            return 1, 0, 0
        return (0, 0, 0) if self.guards.unchanged else (
            0, read.attempt, read.retry)

    @staticmethod
    def put(state: State, number: int, engine: Engine) -> State:
        """Return the state with another memory of an engine."""
        engines = list(state.engines)
        engines[number] = engine
        return state._replace(engines=tuple(engines))


def _sorted(*tasks: str) -> tuple[str, ...]:
    return tuple(sorted(tasks))


def _without(tasks: tuple[str, ...], task: str) -> tuple[str, ...]:
    rest = list(tasks)
    rest.remove(task)
    return tuple(rest)


def create(sync: bool = False, **changes: typing.Any) -> explorer.Model:
    """Return the model, with changed guards."""
    return Execution(Guards(**changes), sync).model()
