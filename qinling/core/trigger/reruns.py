# SPDX-License-Identifier: Apache-2.0
"""Reruns: an ended execution runs again with the same input."""

from qinling import context
from qinling.core.execution import executions
from qinling.core.execution import records
from qinling.core.trigger import base
from qinling import exception
from qinling.states import Trigger

#: Versions that a rerun may name beside a number: the version of the first
#: run, or what the alias or the function refers to now.
ORIGINAL, CURRENT = 'original', 'current'


class Reruns:
    """Creates executions from the rows of ended ones."""

    def __init__(self, existing: executions.Executions,
                 triggers: base.Triggers) -> None:
        self._executions = existing
        self._triggers = triggers

    def fire(self, ctx: context.RequestContext, id: str,
             version: str | int = ORIGINAL, sync: bool | None = None
             ) -> records.ExecutionRow:
        """Run an execution again.

        :param version: ``ORIGINAL``, ``CURRENT`` or a version number.
        :param sync: as in the first run if ``None``.
        :returns: the new row; see :meth:`.base.Triggers.fire`.
        :raises ExecutionNotEnded: the execution still runs.
        """
        row = self._executions.get(ctx, id)
        if row.is_running:
            raise exception.ExecutionNotEnded(id=id)
        return self._triggers.fire(
            context.project_owner(row.project_id, ctx),
            create_request(row, version, row.sync if sync is None else sync))


def create_request(row: records.ExecutionRow, version: str | int, sync: bool,
                   group_id: str | None = None) -> records.ExecutionRequest:
    """Return the request that repeats an execution.

    :param version: see :meth:`Reruns.fire`.
    """
    if isinstance(version, int):
        number = version
    else:
        number = row.function_version if version == ORIGINAL else 0
    return records.ExecutionRequest(
        function_id=row.function_id, function_version=number,
        function_alias=row.function_alias if version == CURRENT else None,
        input=row.input, sync=sync,
        description=f'Rerun of execution {row.id}', rerun_of=row.id,
        failed_id=row.failed_id, trigger=Trigger.RERUN.value,
        group_id=group_id)
