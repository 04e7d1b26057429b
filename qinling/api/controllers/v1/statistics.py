# SPDX-License-Identifier: Apache-2.0
"""Statistics of executions: ``/v1/stats`` and ``.../stats``."""

from collections.abc import Callable
from collections.abc import Mapping
import datetime
import typing

import wsme

from qinling.api.controllers.v1 import aliases
from qinling.api.controllers.v1 import functions
from qinling.api.controllers.v1 import versions
from qinling.api import pecan_patches
from qinling.api.route import route
from qinling.api import types
from qinling.core.execution import figures as figures_module
from qinling.core.execution import pricing
from qinling.core.execution import statistics
from qinling.core import services as services_module
from qinling import exception

#: Converters of the query keys.
QUERY: Mapping[str, Callable[[str], typing.Any]] = {
    'since': types.parse_time, 'until': types.parse_time, 'by': str}


ALL_PROJECTS = 'statistics:get_project:all_projects'


class Durations(types.Type):
    """Quantiles and maximum of the durations, in seconds."""

    p50 = float
    p95 = float
    p99 = float
    max = float


class Figures(types.Type):
    """Figures of executions."""

    count = int
    failures = int
    failures_by_reason = types.AnyJson()
    cold_starts = int
    gb_seconds = float
    cost = float
    duration = Durations


class Group(Figures):
    """Figures of the executions with the same key."""

    key = types.Text


class Statistics(Figures):
    """Figures of the executions that ended in a range of time."""

    since = datetime.datetime
    until = datetime.datetime
    as_of = datetime.datetime
    currency = types.Text
    groups = [Group]


class Controller:
    """Operations on statistics."""

    def __init__(self, services: services_module.Services) -> None:
        self._core = services.statistics

    @route('GET', '/v1/stats', policy='statistics:get_project',
           result=Statistics,
           query={**QUERY, 'all_projects': types.parse_boolean})
    def of_project(self, req: pecan_patches.Request,
                   all_projects: bool = False, **query: typing.Any
                   ) -> types.View:
        if all_projects:
            if not req.ctx.can(ALL_PROJECTS):
                raise exception.PolicyForbidden(rule=ALL_PROJECTS)
            return _view(self._core.of_all_projects(
                statistics.Query(**query)))
        return _view(self._core.of_project(
            req.ctx, statistics.Query(**query)))

    @route('GET', functions.ITEM_PATH + '/stats',
           policy='statistics:get_function', result=Statistics, query=QUERY)
    def of_function(self, req: pecan_patches.Request, id: str,
                    **query: typing.Any) -> types.View:
        return _view(self._core.of_function(
            req.ctx, id, statistics.Query(**query)))

    @route('GET', versions.ITEM_PATH + '/stats',
           policy='statistics:get_version', result=Statistics, query=QUERY)
    def of_version(self, req: pecan_patches.Request, id: str, version: int,
                   **query: typing.Any) -> types.View:
        return _view(self._core.of_version(
            req.ctx, id, version, statistics.Query(**query)))

    @route('GET', aliases.ITEM_PATH + '/stats',
           policy='statistics:get_alias', result=Statistics, query=QUERY)
    def of_alias(self, req: pecan_patches.Request, name: str,
                 **query: typing.Any) -> types.View:
        return _view(self._core.of_alias(
            req.ctx, name, statistics.Query(**query)))


def _view(answer: statistics.Statistics) -> types.View:
    groups = wsme.Unset
    if answer.groups is not None:
        groups = [types.View(key=key, **_attributes(figures, answer.prices))
                  for key, figures in answer.groups]
    return types.View(
        since=answer.since, until=answer.until, as_of=answer.as_of,
        currency=answer.prices.currency if answer.prices else None,
        groups=groups, **_attributes(answer.total, answer.prices))


def _attributes(figures: figures_module.Figures, prices: pricing.Prices
                ) -> dict[str, typing.Any]:
    gb_seconds = float(figures.gb_seconds)
    durations = figures.durations_by_quantile()
    return {
        'count': figures.count,
        'failures': sum(figures.failures.values()),
        'failures_by_reason': dict(figures.failures),
        'cold_starts': figures.cold_starts,
        'gb_seconds': round(gb_seconds, 6),
        'cost': (round(prices.cost(figures.count, gb_seconds), 6)
                 if prices else None),
        'duration': durations and types.View(**{
            name: round(value, 6) for name, value in durations.items()})}
