# SPDX-License-Identifier: Apache-2.0
"""Processes with transactions on a database, as a model.

A process is a generator that yields statements, in the order of the code of
the service, and receives their results.  The search interleaves statements of
all processes.  Two isolation levels exist: in ``READ_COMMITTED`` each read
sees the latest commit, in ``REPEATABLE_READ`` (MariaDB) the first plain read
of a transaction freezes what later plain reads see.  Locking reads and writes
always see the latest commit.
"""

from collections.abc import Callable
from collections.abc import Generator
from collections.abc import Hashable
from collections.abc import Iterator
import functools
import typing

from qinling.tests.models import explorer

READ_COMMITTED, REPEATABLE_READ = 'read committed', 'repeatable read'
ISOLATIONS = (READ_COMMITTED, REPEATABLE_READ)
DUPLICATE = 'duplicate'
CRASHED = 'crashed'

Key = tuple[Hashable, ...]
Rows = tuple[tuple[Key, typing.Any], ...]


class Statement(typing.NamedTuple):
    """Statement of a process."""

    verb: str
    key: Key = ()
    value: typing.Any = None


Program = Generator[Statement, typing.Any, str]


def peek(*key: Hashable) -> Statement:
    """Read a row outside of a transaction."""
    return Statement('peek', key)


def read(*key: Hashable) -> Statement:
    """Read a row without a lock."""
    return Statement('read', key)


def count(*prefix: Hashable) -> Statement:
    """Count the rows whose keys begin with ``prefix``, without a lock."""
    return Statement('count', prefix)


def lock(*key: Hashable) -> Statement:
    """Read the latest row, and lock the row until the end (FOR UPDATE)."""
    return Statement('lock', key)


def write(key: Key, value: typing.Any) -> Statement:
    """Write a row, ``None`` to delete; waits for the lock of the row."""
    return Statement('write', key, value)


def insert(key: Key, value: typing.Any) -> Statement:
    """Insert a row with a unique key.

    The result is :data:`DUPLICATE` if the key exists; the transaction is then
    rolled back.
    """
    return Statement('insert', key, value)


def act(key: Key, value: typing.Any) -> Statement:
    """Change the world outside of transactions, at once."""
    return Statement('act', key, value)


COMMIT, ROLLBACK = Statement('commit'), Statement('rollback')
#: Statements that never wait for a lock.
LOCK_FREE = ('peek', 'read', 'count', 'act', 'commit', 'rollback')


class Process(typing.NamedTuple):
    """State of a process: results so far, and the open transaction."""

    results: tuple[typing.Any, ...] = ()
    writes: Rows = ()
    locks: tuple[Key, ...] = ()
    snapshot: Rows | None = None
    outcome: str | None = None


class State(typing.NamedTuple):
    """Committed rows and processes."""

    rows: Rows
    processes: tuple[Process, ...]
    crashes: int = 0

    def get(self, *key: Hashable) -> typing.Any:
        """Return a committed row, or ``None``."""
        return dict(self.rows).get(key)

    def find(self, *prefix: Hashable) -> list[tuple[Key, typing.Any]]:
        """Return the committed rows whose keys begin with ``prefix``."""
        return [(key, value) for key, value in self.rows
                if key[:len(prefix)] == prefix]

    @property
    def outcomes(self) -> tuple[str | None, ...]:
        """Return the results of the processes."""
        return tuple(process.outcome for process in self.processes)


class Processes:
    """Processes on one database.

    :param programs: name -> generator function.
    :param crashes: processes that may die, at any statement.
    """

    def __init__(self, programs: dict[str, Callable[[], Program]],
                 rows: dict[Key, typing.Any], isolation: str,
                 crashes: int = 0) -> None:
        self._names = tuple(programs)
        self._programs = tuple(programs.values())
        self._is_frozen = isolation == REPEATABLE_READ
        self._initial = State(_pack(rows), (Process(),) * len(programs),
                              crashes)
        self._replay = functools.cache(self._replay_uncached)

    def model(self, *invariants: explorer.Invariant) -> explorer.Model:
        """Return the model; all processes must be able to end."""
        return explorer.Model(
            self._initial, self.steps, invariants,
            lambda state: None not in state.outcomes)

    def _replay_uncached(self, number: int, results: tuple[typing.Any, ...]
                         ) -> Statement | str:
        """Return the next statement of a process, or its outcome."""
        program = self._programs[number]()
        try:
            statement = next(program)
            for result in results:
                statement = program.send(result)
        except StopIteration as e:
            return str(e.value)
        return statement

    def steps(self, state: State) -> Iterator[explorer.Step]:
        """Yield the possible statements."""
        for number, process in enumerate(state.processes):
            if process.outcome is not None:
                continue
            name = self._names[number]
            statement = self._replay(number, process.results)
            if isinstance(statement, str):
                yield f'{name}: {statement}', _put(
                    state, number, process._replace(outcome=statement))
                continue
            if state.crashes:
                yield f'{name} dies', _put(
                    state._replace(crashes=state.crashes - 1), number,
                    Process(outcome=CRASHED))
            if statement.verb in LOCK_FREE or self._is_free(
                    state, number, statement.key):
                successor, result = self._execute(state, number, statement)
                yield (f'{name}: {statement.verb} {statement.key} -> '
                       f'{result!r}'), successor

    @staticmethod
    def _is_free(state: State, number: int, key: Key) -> bool:
        return all(key not in process.locks
                   for place, process in enumerate(state.processes)
                   if place != number)

    def _execute(self, state: State, number: int, statement: Statement
                 ) -> tuple[State, typing.Any]:
        process = state.processes[number]
        rows, changed, result = getattr(self, f'_{statement.verb}')(
            state.rows, process, statement)
        changed = changed._replace(results=(*process.results, result))
        return _put(state._replace(rows=rows), number, changed), result

    @staticmethod
    def _peek(rows: Rows, process: Process, statement: Statement
              ) -> tuple[Rows, Process, typing.Any]:
        return rows, process, dict(rows).get(statement.key)

    def _view(self, rows: Rows, process: Process
              ) -> tuple[dict[Key, typing.Any], Process]:
        """Return what plain reads of a transaction see."""
        if self._is_frozen:
            rows = rows if process.snapshot is None else process.snapshot
            process = process._replace(snapshot=rows)
        return dict(rows) | dict(process.writes), process

    def _read(self, rows: Rows, process: Process, statement: Statement
              ) -> tuple[Rows, Process, typing.Any]:
        view, process = self._view(rows, process)
        return rows, process, view.get(statement.key)

    def _count(self, rows: Rows, process: Process, statement: Statement
               ) -> tuple[Rows, Process, typing.Any]:
        view, process = self._view(rows, process)
        size = len(statement.key)
        return rows, process, sum(
            key[:size] == statement.key and value is not None
            for key, value in view.items())

    @staticmethod
    def _lock(rows: Rows, process: Process, statement: Statement
              ) -> tuple[Rows, Process, typing.Any]:
        value = (dict(rows) | dict(process.writes)).get(statement.key)
        return rows, _locked(process, statement.key), value

    @staticmethod
    def _write(rows: Rows, process: Process, statement: Statement
               ) -> tuple[Rows, Process, typing.Any]:
        process = _locked(process, statement.key)
        writes = dict(process.writes) | {statement.key: statement.value}
        return rows, process._replace(writes=_pack(writes)), None

    def _insert(self, rows: Rows, process: Process, statement: Statement
                ) -> tuple[Rows, Process, typing.Any]:
        latest = dict(rows) | dict(process.writes)
        if latest.get(statement.key) is not None:
            return rows, _ended(process), DUPLICATE
        return self._write(rows, process, statement)

    @staticmethod
    def _act(rows: Rows, process: Process, statement: Statement
             ) -> tuple[Rows, Process, typing.Any]:
        return _pack(dict(rows) | {statement.key: statement.value}), (
            process), None

    @staticmethod
    def _commit(rows: Rows, process: Process, _statement: Statement
                ) -> tuple[Rows, Process, typing.Any]:
        merged = dict(rows) | dict(process.writes)
        return _pack({key: value for key, value in merged.items()
                      if value is not None}), _ended(process), None

    @staticmethod
    def _rollback(rows: Rows, process: Process, _statement: Statement
                  ) -> tuple[Rows, Process, typing.Any]:
        return rows, _ended(process), None


def _pack(rows: dict[Key, typing.Any]) -> Rows:
    return tuple(sorted(rows.items(), key=repr))


def _locked(process: Process, key: Key) -> Process:
    return process._replace(
        locks=tuple(sorted({*process.locks, key}, key=repr)))


def _ended(process: Process) -> Process:
    """Return a process after the end of its transaction."""
    return process._replace(writes=(), locks=(), snapshot=None)


def _put(state: State, number: int, process: Process) -> State:
    processes = list(state.processes)
    processes[number] = process
    return state._replace(processes=tuple(processes))
