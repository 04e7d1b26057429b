# SPDX-License-Identifier: Apache-2.0
"""Replays: recorded executions of an alias run on a candidate version.

A replay is an operation.  Few of its executions run at a time, so that other
executions find slots, and they cause no attempts and no on-failure calls.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import typing

from oslo_config import cfg

from qinling import context
from qinling.core.execution import records
from qinling.core.function import aliases as aliases_module
from qinling.core.operation import comparison
from qinling.core.operation import effects as effects_module
from qinling.core.operation import operations as operations_module
from qinling.core.operation import plans
from qinling.core import targets
from qinling.core.trigger import base as trigger
from qinling.core.trigger import reruns
from qinling.db import crud
from qinling.db import filtering
from qinling.db import models
from qinling.db import session
from qinling import exception
from qinling import states
from qinling.states import ExecutionStatus
from qinling.states import OperationAction
from qinling.states import Trigger

_MODEL = models.ReplayResult
_EXECUTION = models.Execution
#: Executions of a replay that run at the same time.
MAX_RUNNING = 8
#: Recorded executions of a request without ``last`` and ``filter``.
DEFAULT_LAST, MAX_LAST = 100, 100_000
#: Results of user code; other failures say nothing about a version.
_STATUSES = f'in:{ExecutionStatus.SUCCESS.value},' + (
    ExecutionStatus.FAILED.value)
#: Filters that the alias decides.
_OWN_FILTERS = ('function_alias', 'function_id', 'status', 'sync')
GONE = 'The execution was deleted before the comparison.'


class Replays:
    """Replays of the aliases in the project of the caller."""

    def __init__(self, db: session.Database, aliases: aliases_module.Aliases,
                 operations: operations_module.Operations) -> None:
        self._db = db
        self._aliases = aliases
        self._operations = operations

    def start(self, ctx: context.RequestContext, name: str,
              values: Mapping[str, typing.Any]) -> typing.Any:
        """Create the operation of a replay.

        :param values: ``function_version``; optional ``network``, ``last``,
            ``filter``, ``ignore`` and ``rate``.
        :raises Invalid: a field is not valid.
        :raises FunctionVersionNotFound: the function has no such version.
        :raises PolicyForbidden: the caller may not run functions.
        """
        rule = 'execution:create'
        if not ctx.can(rule):
            raise exception.PolicyForbidden(rule=rule)
        alias = self._aliases.get(ctx, name)
        plan = _validate(alias, values)
        if not self._db.read(lambda tx: crud.exists(
                tx, models.FunctionVersion,
                models.FunctionVersion.function_id == alias.function_id,
                models.FunctionVersion.version_number
                == int(plan['function_version']))):
            raise exception.FunctionVersionNotFound(
                id=alias.function_id, version=plan['function_version'])
        return self._operations.insert(ctx, plan, values.get(
            'last', MAX_LAST if values.get('filter') else DEFAULT_LAST))

    def list_results(self, ctx: context.RequestContext, id: str,
                     different: bool | None, page: crud.Page,
                     filters: filtering.Texts = ()
                     ) -> Sequence[typing.Any]:
        """Return a page of the results of a replay.

        :param different: ``None`` for all results.
        """
        row = self._operations.get(ctx, id)
        conditions = [_MODEL.operation_id == id,
                      *filtering.list_conditions(_MODEL, filters)]
        if different is not None:
            conditions.append(_MODEL.different.is_(different))
        return self._db.read(lambda tx: crud.select_page(
            tx, context.project_owner(row.project_id, ctx), _MODEL,
            conditions, page))


def _validate(alias: typing.Any, values: Mapping[str, typing.Any]
              ) -> dict[str, typing.Any]:
    """Return the columns of the operation."""
    version = values.get('function_version')
    if not version:
        raise exception.Invalid(
            'Required param is missing. A replay needs the function_version '
            'to try, 1 or greater.')
    last = values.get('last')
    if last is not None and not 1 <= last <= MAX_LAST:
        raise exception.Invalid(f'last must be between 1 and {MAX_LAST}.')
    selection = dict(values.get('filter') or {})
    for name in _OWN_FILTERS:
        if name in selection:
            raise exception.Invalid(
                f'A replay has its own filter {name}; omit the filter.')
    selection.update(function_alias=[alias.name],
                     function_id=[alias.function_id], status=[_STATUSES])
    plan = plans.validate({
        'action': OperationAction.RERUN.value, 'filter': selection,
        'rate': values.get('rate'), 'function_version': version})
    return dict(plan, action=OperationAction.REPLAY.value,
                function_alias=alias.name, different=0,
                network=bool(values.get('network')),
                ignore=_check_pointers(values.get('ignore') or []))


def _check_pointers(pointers: typing.Any) -> list[str]:
    if not isinstance(pointers, list) or (
            len(pointers) > comparison.MAX_POINTERS) or not all(
            isinstance(pointer, str) and pointer.startswith('/')
            and len(pointer) <= comparison.MAX_POINTER_LENGTH
            for pointer in pointers):
        raise exception.Invalid(
            f'ignore must be a list of at most {comparison.MAX_POINTERS} '
            'JSON pointers, such as ["/output/time"].')
    return pointers


def count_room(tx: session.Connection, operation: typing.Any) -> int:
    """Return the number of executions that a replay may start."""
    return MAX_RUNNING - crud.count(
        tx, _MODEL, _MODEL.operation_id == operation.id,
        _MODEL.different.is_(None))


def compare_ended(tx: session.Connection, operation: typing.Any
                  ) -> effects_module.Effects:
    """Compare the executions of a replay that have ended.

    :returns: ``is_polling`` is set while some have not.
    """
    effects = effects_module.Effects(0)
    waiting = crud.select(tx, _MODEL, _MODEL.operation_id == operation.id,
                          _MODEL.different.is_(None))
    ids = [id for row in waiting for id in (row.source_id, row.execution_id)]
    executions = {row.id: row for row in crud.select(
        tx, _EXECUTION, _EXECUTION.id.in_(ids))} if ids else {}
    for result in waiting:
        new = executions.get(result.execution_id)
        old = executions.get(result.source_id)
        if old is None or new is None:
            effects.skipped[GONE] += 1
            crud.delete(tx, _MODEL, result.id)
        elif new.status == ExecutionStatus.RUNNING:
            effects.is_polling = True
        elif new.reason in states.FOREIGN_REASONS:
            effects.skipped[str(comparison.read_output(new))] += 1
            crud.delete(tx, _MODEL, result.id)
        else:
            differences = comparison.compare(old, new, operation.ignore)
            effects.done += 1
            effects.different += bool(differences)
            crud.update(tx, _MODEL, result.id, _describe(
                old, new, differences))
    return effects


def _describe(old: typing.Any, new: typing.Any,
              differences: Sequence[comparison.Difference]
              ) -> dict[str, typing.Any]:
    """Return the columns of a result."""
    return {
        'different': bool(differences),
        'differences': [dataclasses.asdict(item) for item in differences],
        'duration_ratio': (new.duration / old.duration
                           if new.duration is not None and old.duration
                           else None),
        'old_log_size': len(old.logs or ''),
        'new_log_size': len(new.logs or '')}


def restrict_target(db: session.Database, row: records.ExecutionRow,
                    target: targets.Target) -> targets.Target:
    """Return the target of an execution of a replay, perhaps offline."""
    model = models.Operation
    operations = db.read(lambda tx: crud.select(
        tx, model, model.id == row.group_id, only=(model.network,)))
    if operations and operations[0].network is not False:
        return target
    return dataclasses.replace(target, offline=True)


def create(tx: session.Connection, conf: cfg.ConfigOpts,
           operation: typing.Any, source: records.ExecutionRow
           ) -> records.NewExecution:
    """Write an execution of a replay, and its result without an end.

    :raises NotFound, QuotaExceeded: see :func:`.trigger.base.write`.
    """
    request = dataclasses.replace(
        reruns.create_request(source, plans.read_version(operation), False,
                              operation.id),
        description=f'Replay of execution {source.id}', failed_id=None,
        trigger=Trigger.REPLAY.value)
    new = trigger.write(tx, conf, operation.project_id, request)
    if operation.network is False:
        new = dataclasses.replace(new, target=dataclasses.replace(
            new.target, offline=True))
    crud.insert(tx, _MODEL, project_id=operation.project_id,
                operation_id=operation.id, source_id=source.id,
                execution_id=new.row.id, differences=[])
    return new
