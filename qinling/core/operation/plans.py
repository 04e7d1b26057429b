# SPDX-License-Identifier: Apache-2.0
"""Requests for operations: validation, and the selected executions."""

from collections.abc import Mapping
import typing

from qinling.core.execution import executions
from qinling.core.trigger import reruns
from qinling.db import execution_scans
from qinling.db import filtering
from qinling.db import models
from qinling import exception
from qinling.states import ExecutionStatus
from qinling.states import OperationAction

#: Most executions of an operation.
MAX_EXECUTIONS = 1_000_000
#: Least and greatest rate, in executions per second.
MIN_RATE, MAX_RATE = 0.01, 10_000
#: Filter -> list of texts.
Filter = Mapping[str, list[str]]
#: Filter that an action adds if the request has no filter of the status.
_STATUS = {OperationAction.CANCEL: f'eq:{ExecutionStatus.RUNNING.value}',
           OperationAction.RERUN: f'neq:{ExecutionStatus.RUNNING.value}'}


def validate(values: Mapping[str, typing.Any]) -> dict[str, typing.Any]:
    """Return ``action``, ``filter``, ``rate`` and ``function_version``.

    :raises Invalid: a field is not valid.
    """
    actions = [action.value for action in OperationAction
               if action is not OperationAction.REPLAY]
    action = values.get('action')
    if action not in actions:
        raise exception.Invalid(
            f'action must be one of: {", ".join(actions)}.')
    selection = values.get('filter') or {}
    if not selection and not values.get('all'):
        raise exception.Invalid(
            'The filter has no condition, so the operation would act on all '
            'executions of the project. Add a condition, or set all to '
            'true.')
    rate = values.get('rate')
    if rate is not None and not MIN_RATE <= rate <= MAX_RATE:
        raise exception.Invalid(
            f'rate must be between {MIN_RATE:g} and {MAX_RATE:g} executions '
            'per second.')
    version = values.get('function_version')
    if version is not None and action != OperationAction.RERUN:
        raise exception.Invalid(
            'Only the action rerun has a function_version; omit it.')
    if action == OperationAction.RERUN:
        version = str(reruns.ORIGINAL if version is None else version)
    return {'action': action, 'filter': selection, 'rate': rate,
            'function_version': version}


def read_version(row: typing.Any) -> str | int:
    """Return the version of the reruns; see :mod:`.reruns`."""
    text: str = row.function_version
    return int(text) if text.isdigit() else text


def parse_filter(action: str, selection: Filter) -> list[filtering.Filter]:
    """Return the filters of an operation.

    :raises Invalid: see :func:`qinling.db.filtering.parse`.
    """
    pairs = [(name, text) for name, texts in selection.items()
             for text in texts]
    if 'status' not in selection and action in _STATUS:
        pairs.append(('status', _STATUS[OperationAction(action)]))
    return executions.parse_filters(pairs)


def create_scan(row: typing.Any) -> execution_scans.Scan:
    """Return the executions of an operation.

    Executions that are newer than the operation, such as its reruns, are not
    among them.
    """
    return execution_scans.Scan(
        row.project_id, parse_filter(row.action, row.filter), row.created_at,
        row.id)


def count(tx: typing.Any, project_id: str, plan: Mapping[str, typing.Any]
          ) -> int:
    """Return the number of executions that a plan selects at present.

    :raises Invalid: the plan selects too many, or the filter is not valid.
    """
    total = _scan_now(project_id, plan).count(tx, MAX_EXECUTIONS + 1)
    if total > MAX_EXECUTIONS:
        raise exception.Invalid(
            f'The filter selects more than {MAX_EXECUTIONS} executions; '
            'select fewer, for instance with created_at.')
    return total


def measure(tx: typing.Any, project_id: str, plan: Mapping[str, typing.Any],
            last: int | None) -> tuple[int, dict[str, typing.Any]]:
    """Return the number of executions, and the columns of the position.

    :param last: number of the last executions to meet, ``None`` for all.
    """
    if last is None:
        return count(tx, project_id, plan), {}
    start, total = _scan_now(project_id, plan).find_start(tx, last)
    if start is None:
        return total, {}
    return total, {'position_at': start.created_at, 'position_id': start.id}


def _scan_now(project_id: str, plan: Mapping[str, typing.Any]
              ) -> execution_scans.Scan:
    return execution_scans.Scan(
        project_id, parse_filter(plan['action'], plan['filter']),
        models.now())
