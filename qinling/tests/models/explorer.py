# SPDX-License-Identifier: Apache-2.0
"""Breadth-first search through all states of a model."""

import collections
from collections.abc import Callable
from collections.abc import Hashable
from collections.abc import Iterable
from collections.abc import Iterator
import dataclasses
import typing

#: An immutable tuple.
State = typing.Any
#: Action from one state to another.
Step = tuple[str, State]
#: Function of a state that returns a sentence about a violation.
Invariant = Callable[[State], str | None]

MAX_STATES = 200_000


@dataclasses.dataclass(frozen=True)
class Model:
    """Model of a protocol.

    :param steps: yields the actions that are possible in a state.
    :param is_done: whether a state is a good end: from every state, such a
        state must be reachable.
    :param key: maps states that differ only by symmetry to one value.
    """

    initial: State
    steps: Callable[[State], Iterable[Step]]
    invariants: tuple[Invariant, ...]
    is_done: Callable[[State], bool]
    key: Callable[[State], Hashable] = lambda state: state


class Violation(AssertionError):
    """A state breaks an invariant, or leads to no good end.

    :param trace: shortest sequence of actions to the state.
    """

    def __init__(self, sentence: str, trace: list[str], state: State) -> None:
        steps = ''.join(f'\n  {number}. {action}' for number, action
                        in enumerate(trace, 1))
        super().__init__(f'{sentence}{steps}\n  State: {state}')
        self.sentence = sentence
        self.trace = trace


@dataclasses.dataclass(frozen=True)
class Coverage:
    """Size of an explored model."""

    states: int
    depth: int
    actions: collections.Counter[str]


class Search:
    """Search of one model."""

    def __init__(self, model: Model, max_states: int = MAX_STATES) -> None:
        self._model = model
        self._max_states = max_states
        #: key -> (key of the previous state, action, state)
        self._origins: dict[Hashable, tuple[Hashable, str, State]] = {}
        self._sources: dict[Hashable, list[Hashable]] = (
            collections.defaultdict(list))
        self._actions: collections.Counter[str] = collections.Counter()

    def run(self) -> Coverage:
        """Explore all states.

        :raises Violation: with the shortest trace.
        """
        model = self._model
        start = model.key(model.initial)
        self._origins[start] = (None, '', model.initial)
        level, depth = [start], 0
        while level:
            level = [key for source in level for key in self._expand(source)]
            depth += bool(level)
        self._check_progress()
        return Coverage(len(self._origins), depth, self._actions)

    def _expand(self, source: Hashable) -> Iterator[Hashable]:
        """Yield the keys of new states behind a state."""
        state = self._origins[source][2]
        for invariant in self._model.invariants:
            if sentence := invariant(state):
                raise self._violation(sentence, source)
        for action, successor in self._model.steps(state):
            self._actions[action.partition(' ')[0]] += 1
            key = self._model.key(successor)
            self._sources[key].append(source)
            if key in self._origins:
                continue
            if len(self._origins) >= self._max_states:
                raise AssertionError(
                    f'The model has more than {self._max_states} states.')
            self._origins[key] = source, action, successor
            yield key

    def _check_progress(self) -> None:
        """Check that every state leads to a good end."""
        waiting = collections.deque(
            key for key, (_, _, state) in self._origins.items()
            if self._model.is_done(state))
        ending = set(waiting)
        while waiting:
            for source in self._sources[waiting.popleft()]:
                if source not in ending:
                    ending.add(source)
                    waiting.append(source)
        # The origins are in the order of the search: shortest trace first.
        for key in self._origins:
            if key not in ending:
                raise self._violation('No action leads to an end.', key)

    def _violation(self, sentence: str, key: Hashable) -> Violation:
        trace: list[str] = []
        end = self._origins[key][2]
        while key is not None:
            key, action, _ = self._origins[key]
            trace.insert(0, action)
        return Violation(sentence, trace[1:], end)


def explore(model: Model, max_states: int = MAX_STATES) -> Coverage:
    """Explore all states of a model; see :class:`Search`."""
    return Search(model, max_states).run()
