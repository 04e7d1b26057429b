# SPDX-License-Identifier: Apache-2.0
"""Model of a synchronous execution over a direct connection.

Engine A receives an execution without a row; engine B runs the execution if A
does not.  A may freeze, resume and die at any step, and the API may die.  The
mutant without ``arrives`` loses the confirmation of A in the network: the
documented exception.
"""

from collections.abc import Iterator
import dataclasses
import typing

from qinling.tests.models import explorer

RUNNING, SUCCESS, ERROR = 'running', 'success', 'error'
#: States of an engine without the execution.
_PASSIVE = ('none', 'done', 'dead')


@dataclasses.dataclass(frozen=True)
class Guards:
    """Guards of the service, and limits of the search.

    A mutant lacks a guard.
    """

    confirm: bool = True      # forms.ACCEPTED before anything starts
    arrives: bool = True      # the network delivers the confirmation
    write_first: bool = True  # direct_server.MAX_AGE, LateRows.claim
    key: bool = True          # primary key of executions
    freezes: int = 1
    crashes: int = 1


class State(typing.NamedTuple):
    """State of the service; ``ends`` and ``starts`` are for invariants.

    ``owner`` and ``status`` are the row, ``None`` without a row.  ``is_old``
    is set once the API may give up a silent engine.
    """

    a: str = 'unread'
    b: str = 'none'
    api: str = 'sent'
    is_confirmed: bool = False
    is_frozen: bool = False
    is_old: bool = False
    owner: str | None = None
    status: str | None = None
    freezes: int = 0
    crashes: int = 0
    starts: int = 0
    ends: tuple[str, ...] = ()


class Direct:
    """Actions of the model."""

    def __init__(self, guards: Guards) -> None:
        self.guards = guards

    def model(self) -> explorer.Model:
        """Return the model."""
        initial = State(freezes=self.guards.freezes,
                        crashes=self.guards.crashes)
        return explorer.Model(
            initial, self.steps, (self.check,), self.is_done)

    @staticmethod
    def is_done(state: State) -> bool:
        """Return whether the execution is over for all sides."""
        return (state.a in _PASSIVE and state.b in _PASSIVE
                and state.api != 'sent' and state.status != RUNNING)

    @staticmethod
    def check(state: State) -> str | None:
        """Return a sentence about a violation."""
        if state.starts > 1:
            return f'The function was started {state.starts} times.'
        if len(state.ends) > 1:
            return f'The execution ended as {" and ".join(state.ends)}.'
        return None

    def steps(self, state: State) -> Iterator[explorer.Step]:
        """Yield the possible actions."""
        if not state.is_frozen:
            yield from self._engine_steps(state, 'a')
        yield from self._engine_steps(state, 'b')
        yield from self._api_steps(state)
        yield from self._time_steps(state)

    def _time_steps(self, state: State) -> Iterator[explorer.Step]:
        # A living engine starts, and writes the row, within a second.
        if not state.is_old and (state.is_frozen or state.a == 'unread' or (
                state.a == 'started' and state.owner)):
            yield 'wait', state._replace(is_old=True)
        if state.a in _PASSIVE:
            return
        if state.is_frozen:
            yield 'resume', state._replace(is_frozen=False)
        elif state.freezes:
            yield 'freeze', state._replace(is_frozen=True,
                                           freezes=state.freezes - 1)
        if state.crashes:
            yield 'die A', state._replace(
                a='dead', is_frozen=False, crashes=state.crashes - 1)

    def _engine_steps(self, state: State, name: str
                      ) -> Iterator[explorer.Step]:
        actions: typing.Any = {
            'unread': self._read, 'late': self._write_first,
            'queued': self._claim, 'ready': self._start,
            'started': self._run}
        if action := actions.get(getattr(state, name)):
            yield from action(state, name)

    def _read(self, state: State, name: str) -> Iterator[explorer.Step]:
        is_late = state.is_old and self.guards.write_first
        yield 'read', state._replace(
            a='late' if is_late else 'ready',
            is_confirmed=self.guards.arrives and self.guards.confirm)

    @staticmethod
    def _write_first(state: State, name: str) -> Iterator[explorer.Step]:
        if state.status is None:
            yield 'write-first', state._replace(
                a='ready', owner=name, status=RUNNING)
        else:
            yield 'drop', state._replace(a='done')

    @staticmethod
    def _claim(state: State, name: str) -> Iterator[explorer.Step]:
        if state.status == RUNNING and state.owner is None:
            yield 'claim', state._replace(b='ready', owner=name)
        else:
            yield 'not-mine', state._replace(b='done')

    @staticmethod
    def _start(state: State, name: str) -> Iterator[explorer.Step]:
        yield f'start {name}', state._replace(
            **{name: 'started'}, starts=state.starts + 1)

    def _run(self, state: State, name: str) -> Iterator[explorer.Step]:
        if state.status is None:
            # LateRows._write_old
            yield 'late-row', state._replace(owner=name, status=RUNNING)
        state = state._replace(**{name: 'done'})
        if self._may_end(state, name):
            yield f'end {name}', self._end(state, SUCCESS)
        else:
            yield f'lose {name}', state

    def _may_end(self, state: State, name: str) -> bool:
        if state.status is None or not self.guards.key:
            return True
        return state.status == RUNNING and state.owner == name

    @staticmethod
    def _end(state: State, status: str) -> State:
        return state._replace(status=status, ends=(*state.ends, status))

    def _api_steps(self, state: State) -> Iterator[explorer.Step]:
        if state.api == 'watching':
            # _Watch: the row ends, or its owner does not answer.
            if state.status != RUNNING:
                yield 'answer', state._replace(api='answered')
            elif state.owner and (
                    getattr(state, state.owner) == 'dead' or (
                        state.owner == 'a' and state.is_frozen)):
                yield 'watch', self._end(
                    state._replace(api='answered'), ERROR)
            return
        if state.api != 'sent':
            return
        if state.a == 'done':
            yield 'watch', state._replace(api='watching')
        is_dead = state.a == 'dead'
        if is_dead or (state.is_frozen and state.is_old):
            yield from self._give_up(state, is_dead)

    def _give_up(self, state: State, is_dead: bool
                 ) -> Iterator[explorer.Step]:
        if state.status is not None and self.guards.key:
            yield 'row-exists', state._replace(api='watching')
        elif state.is_confirmed:
            # Dispatch._run_unwritten
            yield 'lost', self._end(state._replace(api='answered'), ERROR)
        elif is_dead:
            # The next engine receives the execution without a row.
            yield 'ask-next', state._replace(b='ready', api='watching',
                                             owner='b', status=RUNNING)
        else:
            # RowNeeded: the row decides between A and B.
            yield 'insert', state._replace(b='queued', api='watching',
                                           status=RUNNING)


def create(**changes: typing.Any) -> explorer.Model:
    """Return the model, with changed guards."""
    return Direct(Guards(**changes)).model()
