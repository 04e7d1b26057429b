# SPDX-License-Identifier: Apache-2.0
"""Statistics of projects, functions, versions and aliases."""

import collections
from collections.abc import Sequence
import dataclasses
import datetime
import typing

from oslo_config import cfg

from qinling import context
from qinling.core.execution import figures
from qinling.core.execution import pricing
from qinling.core.execution import rollup
from qinling.core.function import aliases
from qinling.core.function import functions
from qinling.core.function import versions
from qinling.db import models
from qinling.db import queries
from qinling.db import session
from qinling import exception

_TABLE = models.ExecutionStatistics
_HOUR = datetime.timedelta(hours=1)
DEFAULT_RANGE = datetime.timedelta(hours=24)
MAX_RANGE_DAYS = 92
#: Groups of the statistics of all projects, a project, a function, a
#: version, an alias.
ALL_GROUPS = ('project', 'hour', 'day')
PROJECT_GROUPS = ('function', 'alias', 'hour', 'day')
FUNCTION_GROUPS = ('version', 'alias', 'hour', 'day')
VERSION_GROUPS = ('alias', 'hour', 'day')
ALIAS_GROUPS = ('function', 'version', 'hour', 'day')
#: Group -> column.
_COLUMNS = {'project': _TABLE.project_id,
            'function': _TABLE.function_id,
            'version': _TABLE.function_version,
            'alias': _TABLE.function_alias}
_FORMATS = {'hour': '%Y-%m-%dT%H:00:00Z', 'day': '%Y-%m-%d'}


@dataclasses.dataclass(frozen=True)
class Query:
    """Time range and grouping of statistics."""

    since: datetime.datetime | None = None
    until: datetime.datetime | None = None
    by: str | None = None


@dataclasses.dataclass(frozen=True)
class Statistics:
    """Figures of whole hours, and the figures of each group."""

    since: datetime.datetime
    until: datetime.datetime
    as_of: datetime.datetime
    prices: pricing.Prices
    total: figures.Figures
    groups: Sequence[tuple[str, figures.Figures]] | None


class StatisticsReader:
    """Statistics of the resources that a caller sees."""

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database,
                 functions_core: functions.Functions,
                 versions_core: versions.Versions,
                 aliases_core: aliases.Aliases) -> None:
        self._conf = conf
        self._db = db
        self._functions = functions_core
        self._versions = versions_core
        self._aliases = aliases_core

    def of_all_projects(self, query: Query) -> Statistics:
        """Return the statistics of all projects."""
        _check_group(query.by, ALL_GROUPS)
        return self._read(
            query, _TABLE.function_version == models.ALL_VERSIONS,
            _TABLE.function_id == models.ALL_FUNCTIONS)

    def of_project(self, ctx: context.RequestContext, query: Query
                   ) -> Statistics:
        """Return the statistics of the project of the caller."""
        _check_group(query.by, PROJECT_GROUPS)
        conditions = [_TABLE.project_id == ctx.project_id]
        if query.by == 'function':
            conditions += [_TABLE.function_version == models.ALL_VERSIONS,
                           _TABLE.function_id != models.ALL_FUNCTIONS]
        elif query.by == 'alias':
            conditions += [_TABLE.function_version != models.ALL_VERSIONS,
                           _TABLE.function_alias != '']
        else:
            conditions += [_TABLE.function_version == models.ALL_VERSIONS,
                           _TABLE.function_id == models.ALL_FUNCTIONS]
        return self._read(query, *conditions)

    def of_function(self, ctx: context.RequestContext, id: str, query: Query
                    ) -> Statistics:
        """Return the statistics of a function.

        :raises FunctionNotFound: the caller sees no such function.
        """
        _check_group(query.by, FUNCTION_GROUPS)
        function = self._functions.get(ctx, id)
        is_total = _TABLE.function_version == models.ALL_VERSIONS
        return self._read(
            query, _TABLE.project_id == function.project_id,
            _TABLE.function_id == id,
            ~is_total if query.by in ('version', 'alias') else is_total)

    def of_version(self, ctx: context.RequestContext, id: str, number: int,
                   query: Query) -> Statistics:
        """Return the statistics of a version.

        :raises FunctionVersionNotFound: the caller sees no such version.
        """
        _check_group(query.by, VERSION_GROUPS)
        version = self._versions.get(ctx, id, number)
        return self._read(
            query, _TABLE.project_id == version.project_id,
            _TABLE.function_id == id, _TABLE.function_version == number)

    def of_alias(self, ctx: context.RequestContext, name: str, query: Query
                 ) -> Statistics:
        """Return the statistics of an alias.

        :raises FunctionAliasNotFound: the caller sees no such alias.
        """
        _check_group(query.by, ALIAS_GROUPS)
        alias = self._aliases.get(ctx, name)
        return self._read(
            query, _TABLE.project_id == alias.project_id,
            _TABLE.function_alias == name)

    def _read(self, query: Query, *conditions: typing.Any) -> Statistics:
        since, until = _whole_hours(query)
        as_of = rollup.read_as_of(self._db)
        rows = self._db.read(lambda tx: queries.statistics(
            tx, _COLUMNS.get(query.by or '', _TABLE.hour), *conditions,
            _TABLE.hour >= since, _TABLE.hour < until))
        groups = None
        if query.by is None:
            total = figures.add_up(rows)
        else:
            groups = _group(rows, query.by)
            total = figures.add_up(group for _, group in groups)
        return Statistics(since, until, as_of,
                          pricing.read_prices(self._conf), total, groups)


def _check_group(by: str | None, groups: Sequence[str]) -> None:
    if by is not None and by not in groups:
        raise exception.Invalid(f'by must be one of: {", ".join(groups)}.')


def _whole_hours(query: Query) -> tuple[datetime.datetime, datetime.datetime]:
    """Return the whole hours that contain the range of a query."""
    until = query.until or models.now()
    since = query.since or until - DEFAULT_RANGE
    if since >= until:
        raise exception.Invalid('since must be before until.')
    since = since.replace(minute=0, second=0, microsecond=0)
    start = until.replace(minute=0, second=0, microsecond=0)
    until = start if start == until else start + _HOUR
    if until - since > datetime.timedelta(days=MAX_RANGE_DAYS, hours=1):
        raise exception.Invalid(
            f'The range is longer than {MAX_RANGE_DAYS} days; ask for a '
            'shorter range.')
    return since, until


def _group(rows: Sequence[typing.Any], by: str
           ) -> list[tuple[str, figures.Figures]]:
    """Return the sum of the rows with the same key."""
    groups: dict[typing.Any, list[typing.Any]] = collections.defaultdict(list)
    for row in rows:
        groups[row.key].append(row)
    if by in _FORMATS:
        hours, groups = groups, collections.defaultdict(list)
        for hour, rows in hours.items():
            groups[hour.strftime(_FORMATS[by])] += rows
    return [(str(key), figures.add_up(groups[key])) for key in sorted(groups)]
