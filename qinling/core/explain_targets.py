# SPDX-License-Identifier: Apache-2.0
"""Explanations of targets: what a reference runs, why, and why not."""

from collections.abc import Iterator
import dataclasses
import typing

from oslo_config import cfg

from qinling import context
from qinling.core.execution import admission
from qinling.core.execution import records
from qinling.core import explain_flow
from qinling.core.function import aliases
from qinling.core.function import builds
from qinling.core.function import routing
from qinling.core import quotas
from qinling.core import targets
from qinling.db import crud
from qinling.db import models
from qinling.db import session
from qinling import exception
from qinling import states


@dataclasses.dataclass(frozen=True)
class ExplainedTarget:
    """What some of the executions would run.

    ``share`` of the executions is between 0 and 1; ``runtime`` is a name;
    ``problems`` are sentences about what would refuse the executions or let
    them fail, ``notes`` about the rest.
    """

    function_id: str
    function_name: str | None
    function_version: int
    share: float
    runtime_id: str | None
    runtime: str | None
    entry: str | None
    cpu: int
    memory_size: int
    timeout: int
    problems: list[str]
    notes: list[str]


class TargetExplainer:
    """Explains the targets of references."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._conf = conf

    def explain(self, db: session.Database, ctx: context.RequestContext,
                request: records.ExecutionRequest
                ) -> tuple[list[ExplainedTarget], list[str]]:
        """Return the targets of a reference, and why they are chosen.

        :raises NotFound: the reference has no target.
        """
        if request.function_alias is None:
            row = self._target(db, ctx, request, request.function_version, 1)
            return [row], explain_flow.describe(
                _read_function(db, row.function_id).flow_control)
        alias = aliases.Aliases(db).get(ctx, request.function_alias)
        rows, reasons = self._choose(db, ctx, request, alias)
        return rows, [*reasons, *explain_flow.describe(
            alias.flow_control or _read_function(
                db, alias.function_id).flow_control)]

    def _choose(self, db: session.Database, ctx: context.RequestContext,
                request: records.ExecutionRequest, alias: typing.Any
                ) -> tuple[list[ExplainedTarget], list[str]]:
        """Return the targets of an alias, and why they are chosen."""
        request = dataclasses.replace(request, function_id=alias.function_id)
        if request.chosen_version:
            return [self._target(
                db, ctx, request, request.chosen_version, 1)], [
                f'The request chooses '
                f'{describe_version(request.chosen_version)} in place of '
                f'alias {alias.name}.']
        if not alias.routing:
            return [self._target(
                db, ctx, request, alias.function_version, 1)], [
                f'Alias {alias.name} points at '
                f'{describe_version(alias.function_version)}.']
        if request.routing_key is None:
            return [self._target(db, ctx, request, version, weight)
                    for version, weight, _low, _high
                    in routing.divide_points(alias.routing)], [
                f'Alias {alias.name} divides the executions; without a '
                'routing key, chance decides.']
        point = targets.routing_point(request.routing_key)
        version, low, high = next(
            (version, low, high) for version, _weight, low, high
            in routing.divide_points(alias.routing) if low <= point < high)
        total = routing.ROUTING_POINTS
        return [self._target(db, ctx, request, version, 1)], [
            f'Routing key {request.routing_key!r} is at '
            f'{point / total:.1%} of alias {alias.name}; '
            f'{describe_version(version)} has {low / total:.1%} to '
            f'{high / total:.1%}.']

    def _target(self, db: session.Database, ctx: context.RequestContext,
                request: records.ExecutionRequest, version: int, share: float
                ) -> ExplainedTarget:
        target = db.read(targets.resolve, ctx.visible_scope(),
                         request.function_id, version)
        function = _read_function(db, target.function_id)
        runtime = db.read(crud.get, context.admin(), models.Runtime,
                          id=target.runtime_id)
        build, is_failure = _describe_build(db, target)
        problems = [*_runtime_problems(runtime),
                    *self._limit_problems(db, target, request.sync)]
        if build and is_failure:
            problems.append(build)
        return ExplainedTarget(
            function_id=target.function_id, function_name=function.name,
            function_version=version, share=share,
            runtime_id=target.runtime_id,
            runtime=runtime and (runtime.name or runtime.image),
            entry=target.entry, cpu=target.cpu,
            memory_size=target.memory_size, timeout=target.timeout,
            problems=problems,
            notes=[build] if build and not is_failure else [])

    def _limit_problems(self, db: session.Database, target: targets.Target,
                        sync: bool) -> Iterator[str]:
        """Yield what limits would refuse at this moment."""
        try:
            db.write(lambda tx: quotas.check_execution(
                tx, self._conf, target))
            with admission.Admission(self._conf, db).admit(target, sync):
                return
        except exception.QinlingError as e:
            yield str(e)


def _read_function(db: session.Database, id: str) -> typing.Any:
    return db.read(crud.get, context.admin(), models.Function, id=id)


def describe_version(number: int) -> str:
    """Return a version in words."""
    return f'version {number}' if number else 'the current code'


def _runtime_problems(runtime: typing.Any) -> Iterator[str]:
    if runtime is not None and runtime.status not in states.SERVING_RUNTIMES:
        reason = f': {runtime.status_reason}' if runtime.status_reason else '.'
        yield (f'Runtime {runtime.name or runtime.id} has the status '
               f'{runtime.status}{reason}')


def _describe_build(db: session.Database, target: targets.Target
                    ) -> tuple[str | None, bool]:
    """Return a sentence about the dependencies, and whether they failed."""
    if not target.code.get('dependencies'):
        return None, False
    build = builds.latest(db, target)
    if build.status == states.BuildStatus.READY:
        return None, False
    if build.status == states.BuildStatus.FAILED:
        return ('The dependencies could not be installed: '
                f'{build.status_reason}'), True
    return ('The dependencies are not installed yet; executions wait for '
            'them.'), False
