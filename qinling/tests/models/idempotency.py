# SPDX-License-Identifier: Apache-2.0
"""Model of a repeated request with an idempotency key.

Two hosts of the API receive the request at the same time, or the client sends
the request again after the death of the first host.  An engine may claim an
execution at any time; a host that reaches no engine withdraws its execution.
"""

import dataclasses
import functools

from qinling.tests.models import explorer
from qinling.tests.models import transactions as db


@dataclasses.dataclass(frozen=True)
class Guards:
    """Guards of the service; a mutant lacks a guard."""

    unique: bool = True       # primary key of idempotency_keys
    together: bool = True     # idempotency.reserve in lifecycle.insert
    release: bool = True      # idempotency.release in lifecycle.withdraw
    unclaimed: bool = True    # lifecycle.UNCLAIMED in lifecycle.withdraw
    again: bool = True        # idempotency.run after a withdrawal


KEY = ('key',)


class Requests:
    """Programs of the model."""

    def __init__(self, guards: Guards) -> None:
        self.guards = guards

    def request(self, name: str) -> db.Program:
        """Answer a request: idempotency.run around Dispatch.accept."""
        resource = yield db.peek(*KEY)
        while True:
            if resource is None:
                outcome = yield from self.create(name)
                if outcome != db.DUPLICATE:
                    return outcome
                resource = yield db.peek(*KEY)
                if resource is None:
                    return '503'
            # Executions.wait, for the resource of the first request
            if (yield db.peek('execution', resource)) is not None:
                return f'201 {resource}'
            resource = yield db.peek(*KEY)
            if resource is not None or not self.guards.again:
                return '404'

    def create(self, name: str) -> db.Program:
        """Insert an execution with the key, and hand over to an engine."""
        key = KEY if self.guards.unique else (*KEY, name)
        if (yield db.insert(key, name)) == db.DUPLICATE:
            return db.DUPLICATE
        if not self.guards.together:
            yield db.COMMIT
        yield db.insert(('execution', name), 'unclaimed')
        yield db.COMMIT
        # Dispatch._run: the engine answers, or the bus is not available.
        row = yield db.lock('execution', name)
        if row != 'unclaimed' and self.guards.unclaimed:
            yield db.ROLLBACK
            return f'201 {name}'
        yield db.write(('execution', name), None)
        if self.guards.release:
            yield db.write(KEY, None)
        yield db.COMMIT
        return '503'

    def engine(self, name: str) -> db.Program:
        """Claim and start an execution: Runner.run."""
        row = yield db.lock('execution', name)
        if row != 'unclaimed':
            yield db.ROLLBACK
            return 'nothing to claim'
        yield db.write(('execution', name), 'claimed')
        yield db.COMMIT
        yield db.act(('started', name), True)
        return 'started'


def check(state: db.State) -> str | None:
    """Return a sentence about an effect or an answer that is wrong."""
    started = [key[1] for key, _ in state.find('started')]
    if len(started) > 1:
        return 'Two requests with one key have run.'
    answers = {outcome for outcome in state.outcomes[:2] if outcome}
    if len({answer for answer in answers if answer.startswith('201')}) > 1:
        return 'Two requests with one key have different executions.'
    if '404' in answers:
        return 'A request refers to an execution that never ran.'
    for name, outcome in zip('AB', state.outcomes):
        if outcome == '503' and name in started:
            return 'A refused request has run.'
    return None


def create(isolation: str, crashes: int = 1, **changes: bool
           ) -> explorer.Model:
    """Return the model with two requests and two engines."""
    model = Requests(Guards(**changes))
    partial = functools.partial
    return db.Processes({
        'A': partial(model.request, 'A'), 'B': partial(model.request, 'B'),
        'engine A': partial(model.engine, 'A'),
        'engine B': partial(model.engine, 'B'),
    }, {}, isolation, crashes).model(check)
