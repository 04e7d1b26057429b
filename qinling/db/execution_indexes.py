# SPDX-License-Identifier: Apache-2.0
"""Parts of the indexes of executions that a list reads.

See :mod:`qinling.db.execution_table` for the indexes.
"""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses
import itertools
import typing

import sqlalchemy as sa

from qinling.db import execution_table
from qinling.db import filtering
from qinling.db import models
from qinling import states

_MODEL = models.Execution
_TABLE = _MODEL.__table__
_RUNNING = states.ExecutionStatus.RUNNING.value
#: Parts that a list may merge.
MAX_PARTS = 24
#: All values of a column, for filters that exclude some.
VALUES = {
    'status': tuple(sorted(status.value for status
                           in states.ExecutionStatus)),
    'reason': tuple(sorted(reason.value for reason
                           in states.ExecutionReason))}
#: Columns whose value determines the project.
OWNERS = ('function_id', 'job_id', 'group_id')
#: Indexes whose rows are in the order of creation for each value of their
#: columns, the most selective first: name -> columns behind the project.
_EQUALITY_INDEXES: dict[str, tuple[str, ...]] = {
    'by_group': ('group_id',), 'by_job': ('job_id',),
    'by_description': ('description',), 'by_fingerprint': ('fingerprint',),
    'by_flow_key': ('flow_key',),
    'by_version': ('function_id', 'function_version'),
    'by_failure': ('function_id', 'status'),
    'by_alias': ('function_alias',), 'by_reason': ('reason',),
    'by_function': ('function_id',), 'by_status': ('status',)}
_SUCCESS = states.ExecutionStatus.SUCCESS.value
#: Index with a part of the rows -> whether the part has all rows with a value
#: of the last column.
_IS_INDEXED: dict[str, Callable[[typing.Any], bool]] = {
    'by_failure': {states.ExecutionStatus.FAILED.value,
                   states.ExecutionStatus.ERROR.value,
                   states.ExecutionStatus.CANCELLED.value}.__contains__,
    'by_status': _SUCCESS.__ne__, 'by_version': (0).__ne__}
#: Sort key -> name of the index in this order.
_RANGE_INDEXES = {'created_at': 'project', 'updated_at': 'by_end',
                  'duration': 'by_duration'}
#: Operators that select a range of an index.
_RANGES = ('eq', 'gt', 'gte', 'lt', 'lte')

Filters = Sequence[filtering.Filter]
#: Parts of one index, and the filters that the parts do not apply.
Candidate = tuple[list['Part'], Filters]


@dataclasses.dataclass(frozen=True)
class Part:
    """Part of an index; ``keys`` name the columns of its order."""

    index: str
    conditions: tuple[typing.Any, ...]
    keys: tuple[str, ...] = ('created_at', 'id')

    def select(self, columns: Sequence[typing.Any]) -> sa.Select[typing.Any]:
        """Return the statement of the part, without an order."""
        statement = sa.select(*columns).select_from(_TABLE).where(
            *self.conditions)
        for dialect in ('mysql', 'mariadb'):
            statement = statement.with_hint(
                _TABLE, f'FORCE INDEX ({self.index})', dialect)
        return statement


def list_values(item: filtering.Filter) -> tuple[typing.Any, ...] | None:
    """Return the values that a filter selects, ``None`` if unknown."""
    if item.operator in ('eq', 'in'):
        return tuple(dict.fromkeys(item.values))
    if item.operator in ('neq', 'nin') and item.name in VALUES:
        return tuple(value for value in VALUES[item.name]
                     if value not in item.values)
    return None


class Planner:
    """Parts of indexes for the filters of a list.

    :param project_id: ``None`` for all projects.
    """

    def __init__(self, project_id: str | None, filters: Filters) -> None:
        self._project_id = project_id
        self._filters = filters

    def ordered_parts(self, sort_key: str) -> list[Part] | None:
        """Return parts of one index that have exactly the requested rows.

        In the order of ``created_at`` the parts have to be merged, in all
        other orders they follow each other.

        :returns: ``None`` if there is no such index.
        """
        if sort_key == 'created_at':
            return next((parts for parts, unused in self.equality_parts()
                         if not unused), None)
        if self._project_id is None:
            return None
        if sort_key == 'status':
            return self._status_parts()
        if sort_key in _RANGE_INDEXES:
            return self._ended_parts(sort_key)
        return None

    def _ended_parts(self, sort_key: str) -> list[Part] | None:
        if any(item.name != sort_key or item.operator not in _RANGES
               for item in self._filters):
            return None
        index = _RANGE_INDEXES[sort_key]
        ended = Part(f'ix_executions_{index}', (
            *self.scope(), *_partial_condition(index),
            *_conditions(self._filters)), (sort_key, 'created_at', 'id'))
        if sort_key == 'duration' or self._filters:
            return [ended]
        return [Part('ix_executions_by_status', (
            *self.scope(), *_partial_condition('by_status'),
            _MODEL.status == _RUNNING,
            _MODEL.updated_at.is_(None))), ended]

    def _status_parts(self) -> list[Part] | None:
        """Return a part for each status, in the order of the statuses."""
        values = set(VALUES['status'])
        for item in self._filters:
            selected = list_values(item)
            if item.name != 'status' or selected is None:
                return None
            values &= set(selected)
        if _SUCCESS in values:
            return None
        return [Part('ix_executions_by_status', (
            *self.scope(), *_partial_condition('by_status'),
            _MODEL.status == value)) for value in sorted(values)]

    def equality_parts(self) -> Iterator[Candidate]:
        """Yield the parts of each index in the order of creation."""
        for index, names in _EQUALITY_INDEXES.items():
            if self._project_id is None and names[0] not in OWNERS:
                continue
            combinations = self._combinations(names)
            is_indexed = _IS_INDEXED.get(index)
            if is_indexed and not all(is_indexed(values[-1])
                                      for values in combinations):
                continue
            if 0 < len(combinations) <= MAX_PARTS:
                yield self._create_parts(index, names, combinations)
        index = 'created' if self._project_id is None else 'project'
        yield self._create_parts(index, (), [()])

    def _combinations(self, names: Sequence[str]
                      ) -> list[tuple[typing.Any, ...]]:
        """Return the values that filters select for columns, if they do."""
        factors = []
        for name in names:
            selected = [values for item in self._filters if item.name == name
                        if (values := list_values(item)) is not None]
            if len(selected) != 1:
                return []
            factors += selected
        return list(itertools.product(*factors))

    def _create_parts(self, index: str, names: Sequence[str],
                      combinations: list[tuple[typing.Any, ...]]
                      ) -> Candidate:
        times = [item for item in self._filters
                 if item.name == 'created_at' and item.operator in _RANGES]
        parts = [Part(f'ix_executions_{index}', (
            *self.scope(names), *_partial_condition(index),
            *(getattr(_MODEL, name) == value
              for name, value in zip(names, values)),
            *_conditions(times))) for values in combinations]
        return parts, [item for item in self._filters
                       if item not in times and not (
                           item.name in names
                           and list_values(item) is not None)]

    def range_parts(self) -> Iterator[list[Part]]:
        """Yield the parts of indexes for comparisons of their column."""
        for name, index in _RANGE_INDEXES.items():
            ranges = [item for item in self._filters
                      if item.name == name and item.operator in _RANGES]
            if ranges and self._project_id is not None:
                yield [Part(f'ix_executions_{index}', (
                    *self.scope(), *_partial_condition(index),
                    *_conditions(ranges)))]

    def id_parts(self) -> list[Part]:
        """Return the whole table in the order of the ids.

        Only for a project that owns a fair share of the rows.
        """
        return [Part('PRIMARY', self.scope(OWNERS), ('id',))]

    def scope(self, names: Sequence[str] = ()) -> tuple[typing.Any, ...]:
        """Return the condition of the project.

        :param names: columns of the index to use.  If they determine the
            project, the condition must not attract another index.
        """
        if self._project_id is None:
            return ()
        column: typing.Any = _MODEL.project_id
        if names and names[0] in OWNERS:
            column = column.concat('')
        return (column == self._project_id,)


def _partial_condition(index: str) -> tuple[typing.Any, ...]:
    """Return the condition without which a partial index is not used."""
    where = execution_table.LIST_INDEXES.get(index, ((), None))[1]
    return () if where is None else (sa.text(where),)


def _conditions(filters: Filters) -> list[typing.Any]:
    return [item.condition(_MODEL) for item in filters]
