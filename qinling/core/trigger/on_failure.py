# SPDX-License-Identifier: Apache-2.0
"""On-failure calls: a function learns that an execution failed."""

import typing

from oslo_config import cfg

from qinling.core.execution import outcomes
from qinling.core.execution import records
from qinling.core.trigger import base
from qinling.db import session
from qinling.states import Trigger

#: Columns of the failed execution that the called function receives.
_COLUMNS = ('id', 'project_id', 'function_id', 'function_version',
            'function_alias', 'description', 'input', 'attempt', 'job_id')


def write(tx: session.Connection, conf: cfg.ConfigOpts,
          reference: dict[str, typing.Any], row: records.ExecutionRow,
          outcome: outcomes.Outcome) -> records.NewExecution:
    """Write the execution that a failed one calls.

    :param reference: ``on_failure`` of the ``async_policy``.
    :raises NotFound, QuotaExceeded: see :func:`.base.write`.
    """
    execution = {name: getattr(row, name) for name in _COLUMNS}
    execution.update(status=outcome.status.value, result=outcome.result,
                     reason=outcome.reason and outcome.reason.value,
                     detail=outcome.detail,
                     created_at=row.created_at.isoformat() + 'Z')
    return base.write(tx, conf, row.project_id, records.ExecutionRequest(
        **reference, failed_id=row.id, trigger=Trigger.ON_FAILURE.value,
        description=f'Failure of execution {row.id}',
        input={'execution': execution}))
