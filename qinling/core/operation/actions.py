# SPDX-License-Identifier: Apache-2.0
"""Actions of operations on a batch of executions, within a transaction."""

from collections.abc import Sequence
import typing

from oslo_config import cfg

from qinling.core.execution import lifecycle
from qinling.core.execution import records
from qinling.core.operation import effects as effects_module
from qinling.core.operation import plans
from qinling.core.operation import replays
from qinling.core import targets
from qinling.core.trigger import base as trigger
from qinling.core.trigger import reruns
from qinling.db import execution_scans
from qinling.db import models
from qinling.db import session
from qinling import exception
from qinling.states import OperationAction

_MODEL = models.Execution
#: Executions without an end from which on the reruns of a project wait.
MAX_UNFINISHED = 1000
ENDED = 'The execution had ended.'
NOT_ENDED = 'The execution had not ended.'

#: Function and version -> target.
_Targets = dict[tuple[str | None, int], targets.Target]


def columns(action: str) -> Sequence[typing.Any]:
    """Return the columns that an action reads."""
    if action in (OperationAction.RERUN, OperationAction.REPLAY):
        return [_MODEL.__table__.c[name] for name in records.COLUMNS
                if name not in ('logs', 'result')]
    return [_MODEL.created_at, _MODEL.id, _MODEL.owner]


def act(tx: session.Connection, conf: cfg.ConfigOpts, operation: typing.Any,
        rows: Sequence[typing.Any]) -> effects_module.Effects:
    """Do the action of an operation to executions."""
    if operation.action == OperationAction.DELETE:
        lifecycle.delete(tx, [row.id for row in rows])
        return effects_module.Effects(len(rows), done=len(rows))
    if operation.action == OperationAction.CANCEL:
        return _cancel(tx, rows)
    return _rerun(tx, conf, operation, rows)


def _cancel(tx: session.Connection, rows: Sequence[typing.Any]
            ) -> effects_module.Effects:
    effects = effects_module.Effects(len(rows))
    for row in rows:
        if lifecycle.cancel(tx, row.id):
            effects.done += 1
            if row.owner:
                effects.cancelled_ids.append(row.id)
        else:
            effects.skipped[ENDED] += 1
    return effects


def _rerun(tx: session.Connection, conf: cfg.ConfigOpts,
           operation: typing.Any, rows: Sequence[typing.Any]
           ) -> effects_module.Effects:
    effects = effects_module.Effects(0)
    room = _count_room(tx, conf, operation.project_id)
    resolved: _Targets = {}
    for row in rows:
        if len(effects.reruns) >= room:
            effects.wait = ('The project has many executions without an '
                            'end; the next reruns follow when some have '
                            'ended.')
            break
        source = records.ExecutionRow(**row._mapping)
        try:
            if source.is_running:
                effects.skipped[NOT_ENDED] += 1
            else:
                effects.reruns.append(_create(tx, conf, operation, source,
                                              resolved))
        except (exception.NotFound, exception.InputRefused) as e:
            effects.skipped[str(e)] += 1
        except exception.QuotaExceeded as e:
            effects.wait = str(e)
            break
        effects.count += 1
    effects.done = len(effects.reruns)
    return effects


def _create(tx: session.Connection, conf: cfg.ConfigOpts,
            operation: typing.Any, source: records.ExecutionRow,
            resolved: _Targets) -> records.NewExecution:
    """Write the next execution of an operation.

    :param resolved: targets of the batch, which saves most queries.
    """
    if operation.action == OperationAction.REPLAY:
        return replays.create(tx, conf, operation, source)
    request = reruns.create_request(
        source, plans.read_version(operation), False, operation.id)
    key = request.function_id, request.function_version
    target = None if request.function_alias else resolved.get(key)
    new = trigger.write(tx, conf, operation.project_id, request,
                        target=target)
    if not request.function_alias:
        resolved[key] = new.target
    return new


def _count_room(tx: session.Connection, conf: cfg.ConfigOpts,
                project_id: str) -> int:
    """Return the number of reruns that a project may have now.

    The queues of engines are in memory, and other executions must not wait
    behind a million of reruns.
    """
    limit = min(MAX_UNFINISHED, conf.resource_limits.project_executions
                or MAX_UNFINISHED)
    return limit - execution_scans.count_unfinished(tx, project_id, limit)
