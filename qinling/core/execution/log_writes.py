# SPDX-License-Identifier: Apache-2.0
"""Writes of the log of an execution beside its end."""

from qinling.db import crud
from qinling.db import models
from qinling.db import session
from qinling.states import ExecutionStatus

_MODEL = models.Execution


def store_log(db: session.Database, id: str, logs: str | None) -> None:
    """Store the output of a function that was cancelled."""
    db.write(lambda tx: crud.update(
        tx, _MODEL, id, {'logs': logs, 'updated_at': _MODEL.updated_at},
        _MODEL.status == ExecutionStatus.CANCELLED.value))


def replace_log(tx: session.Connection, id: str, logs: str) -> None:
    """Replace the log of an execution in any status."""
    crud.update(tx, _MODEL, id,
                {'logs': logs, 'updated_at': _MODEL.updated_at})
