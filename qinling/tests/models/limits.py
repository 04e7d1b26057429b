# SPDX-License-Identifier: Apache-2.0
"""Model of quotas, and of the concurrency limiter of one process."""

import dataclasses
import functools
import typing

from qinling.core.execution import concurrency
from qinling.tests.models import explorer
from qinling.tests.models import transactions as db

LIMIT = 2
QUOTA = ('quota',)


@dataclasses.dataclass(frozen=True)
class Guards:
    """Guards of the service; a mutant lacks a guard."""

    lock: bool = True          # quotas._find_row(lock=True) in quotas._check
    lock_first: bool = True    # the lock precedes the count
    mutex: bool = True         # ConcurrencyLimiter._lock
    released: bool = True      # concurrency.Slot.__exit__


class Quota:
    """Programs of the model of a quota."""

    def __init__(self, guards: Guards) -> None:
        self.guards = guards

    def request(self, name: str) -> db.Program:
        """Create a resource: Quotas.guard, then quotas._check."""
        if (yield db.peek(*QUOTA)) is None:
            # Quotas._create_row: a duplicate is as good.
            yield db.insert(QUOTA, LIMIT)
            yield db.COMMIT
        return (yield from self.create(name))

    def fire(self, name: str) -> db.Program:
        """Fire a job of the project: trigger.write, then check_execution.

        The transaction has read the target before.
        """
        yield db.read('target')
        return (yield from self.create(name))

    def create(self, name: str) -> db.Program:
        """Lock the row of the project, count, and insert."""
        used = 0
        if not self.guards.lock_first:
            used = yield db.count('resource')
        if self.guards.lock:
            yield db.lock(*QUOTA)
        if self.guards.lock_first:
            used = yield db.count('resource')
        if used >= LIMIT:
            yield db.ROLLBACK
            return 'quota exceeded'
        yield db.insert(('resource', name), True)
        yield db.COMMIT
        return 'created'


def check(state: db.State) -> str | None:
    """Return a sentence about a quota that was exceeded."""
    used = len(state.find('resource'))
    if used > LIMIT:
        return f'The project has {used} resources of {LIMIT}.'
    if None not in state.outcomes and db.CRASHED not in state.outcomes:
        if used < LIMIT:
            return 'A request was refused although the quota was free.'
    return None


def create(isolation: str, **changes: bool) -> explorer.Model:
    """Return the model of three requests for a quota of two."""
    quota = Quota(Guards(**changes))
    return db.Processes(
        {name: functools.partial(quota.request, name) for name in 'ABC'},
        {}, isolation, crashes=1).model(check)


def create_jobs(isolation: str, **changes: bool) -> explorer.Model:
    """Return the model of two schedulers and a request."""
    quota = Quota(Guards(**changes))
    return db.Processes(
        {'A': functools.partial(quota.request, 'A'),
         **{name: functools.partial(quota.fire, name) for name in 'BC'}},
        {QUOTA: LIMIT}, isolation).model(check)


SLOTS = 3
FREE, USED = ('free',), ('used',)


class Limiter:
    """Programs of the model of the concurrency limiter."""

    def __init__(self, guards: Guards) -> None:
        self.guards = guards

    def run(self) -> db.Program:
        """Hold a slot: ConcurrencyLimiter.acquire and release."""
        access: typing.Any = db.lock if self.guards.mutex else db.peek
        free = yield access(*FREE)
        used = yield access(*USED)
        if used >= concurrency.FUNCTION_RATIO * free:
            yield db.ROLLBACK
            return 'refused'
        yield from self.store(free - 1, used + 1)
        if self.guards.released:
            free = yield access(*FREE)
            used = yield access(*USED)
            yield from self.store(free + 1, used - 1)
        return 'ended'

    @staticmethod
    def store(free: int, used: int) -> db.Program:
        """Write both counters."""
        yield db.write(FREE, free)
        yield db.write(USED, used)
        yield db.COMMIT
        return ''


def check_slots(state: db.State) -> str | None:
    """Return a sentence about slots that are wrong."""
    free, used = state.get(*FREE), state.get(*USED)
    if free + used != SLOTS:
        return f'{free} slots are free and {used} are held.'
    if free < 1:
        return 'A function holds all slots.'
    if None not in state.outcomes and used:
        return f'{used} slots were not released.'
    return None


def create_limiter(**changes: bool) -> explorer.Model:
    """Return the model of three executions of one function."""
    limiter = Limiter(Guards(**changes))
    return db.Processes({name: limiter.run for name in 'ABC'},
                        {FREE: SLOTS, USED: 0},
                        db.READ_COMMITTED).model(check_slots)
