# SPDX-License-Identifier: Apache-2.0
"""Statistics of projects, functions, versions and aliases."""

from collections.abc import Sequence
import dataclasses
import datetime
import typing

from oslo_config import cfg

from qinling import context
from qinling.core.execution import figures
from qinling.core.execution import pricing
from qinling.core.execution import sums as sums_module
from qinling.core.function import aliases
from qinling.core.function import functions
from qinling.core.function import versions
from qinling.db import models
from qinling.db import session
from qinling.db import statistics_queries as queries
from qinling.db.statistics_table import Level
from qinling import exception

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
        self._sums = sums_module.SumsReader(db)
        self._functions = functions_core
        self._versions = versions_core
        self._aliases = aliases_core

    def of_all_projects(self, query: Query) -> Statistics:
        """Return the statistics of all projects."""
        _check_group(query.by, ALL_GROUPS)
        return self._read(query, (Level.PROJECT,))

    def of_project(self, ctx: context.RequestContext, query: Query
                   ) -> Statistics:
        """Return the statistics of the project of the caller."""
        _check_group(query.by, PROJECT_GROUPS)
        levels = {'function': (Level.FUNCTION,), 'alias': (Level.ALIAS,)}
        return self._read(query, levels.get(query.by or '', (Level.PROJECT,)),
                          project_id=ctx.project_id)

    def of_function(self, ctx: context.RequestContext, id: str, query: Query
                    ) -> Statistics:
        """Return the statistics of a function.

        :raises FunctionNotFound: the caller sees no such function.
        """
        _check_group(query.by, FUNCTION_GROUPS)
        function = self._functions.get(ctx, id)
        levels = (queries.PARTS if query.by in ('version', 'alias')
                  else (Level.FUNCTION,))
        return self._read(query, levels, project_id=function.project_id,
                          function_id=id)

    def of_version(self, ctx: context.RequestContext, id: str, number: int,
                   query: Query) -> Statistics:
        """Return the statistics of a version.

        :param number: 0 for the latest code.
        :raises FunctionVersionNotFound: the caller sees no such version.
        """
        _check_group(query.by, VERSION_GROUPS)
        owner = (self._versions.get(ctx, id, number) if number
                 else self._functions.get(ctx, id))
        return self._read(
            query, queries.PARTS, project_id=owner.project_id,
            function_id=id, function_version=number)

    def of_alias(self, ctx: context.RequestContext, name: str, query: Query
                 ) -> Statistics:
        """Return the statistics of an alias.

        :raises FunctionAliasNotFound: the caller sees no such alias.
        """
        _check_group(query.by, ALIAS_GROUPS)
        alias = self._aliases.get(ctx, name)
        return self._read(query, (Level.ALIAS,), function_alias=name,
                          project_id=alias.project_id)

    def _read(self, query: Query, levels: tuple[Level, ...],
              **values: typing.Any) -> Statistics:
        period = _whole_hours(query)
        progress, sums = self._sums.read(
            queries.Selection(levels, values), period, query.by)
        return Statistics(
            period.since, period.until,
            progress.as_of if progress else models.now(),
            pricing.read_prices(self._conf), sums.total,
            None if query.by is None else [
                (str(key), group) for key, group in sums.groups])


def _check_group(by: str | None, groups: Sequence[str]) -> None:
    if by is not None and by not in groups:
        raise exception.Invalid(f'by must be one of: {", ".join(groups)}.')


def _whole_hours(query: Query) -> queries.Period:
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
    return queries.Period(since, until)
