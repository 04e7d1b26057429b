# SPDX-License-Identifier: Apache-2.0
"""Claims that engines give up, or renew for another attempt.

As in :mod:`.lifecycle`, each write is a compare-and-swap.
"""

from collections.abc import Sequence
import datetime

from qinling.core.execution import lifecycle
from qinling.db import crud
from qinling.db import models
from qinling.db import session
from qinling.states import ExecutionStatus

_MODEL = models.Execution
_RUNNING = _MODEL.status == ExecutionStatus.RUNNING.value
#: Columns of a claim that did not lead to a start.
_UNCLAIM = {'owner': None, 'started_at': None,
            'attempt': _MODEL.attempt - 1, 'updated_at': _MODEL.updated_at}


def start_again(db: session.Database, id: str, owner: str, max_attempts: int
                ) -> bool:
    """Count another attempt of an engine after a disruption.

    :returns: ``False`` after ``max_attempts``, and if the execution ended.
    """
    return bool(db.write(lambda tx: crud.update(
        tx, _MODEL, id, dict(lifecycle.CLAIMED, started_at=models.now()),
        lifecycle.OWNED_BY_ME, _RUNNING,
        _MODEL.attempt - _MODEL.retry < max_attempts,
        params={'me': owner})))


def release_claim(db: session.Database, id: str, owner: str) -> None:
    """Give up a claim, so that the next sweep starts the execution again."""
    values = {'owner': None, 'lease_until': models.now(),
              'updated_at': _MODEL.updated_at}
    db.write(lambda tx: crud.update(
        tx, _MODEL, id, values, lifecycle.OWNED_BY_ME, params={'me': owner}))


def release_unstarted(db: session.Database, id: str, owner: str) -> bool:
    """Give up a claim before the execution started; the lease goes on.

    :returns: whether the engine owned the execution.
    """
    return bool(db.write(lambda tx: crud.update(
        tx, _MODEL, id, _UNCLAIM, lifecycle.OWNED_BY_ME, _RUNNING,
        params={'me': owner})))


def postpone(db: session.Database, id: str, owner: str,
             at: datetime.datetime) -> bool:
    """Give up a claim before the execution started, until a time.

    :returns: whether the engine owned the execution.
    """
    values = {**_UNCLAIM, 'lease_until': at, 'next_attempt_at': at}
    return bool(db.write(lambda tx: crud.update(
        tx, _MODEL, id, values, lifecycle.OWNED_BY_ME, _RUNNING,
        params={'me': owner})))


def release_queued(db: session.Database, ids: Sequence[str]) -> None:
    """End the leases of unclaimed executions for other engines."""
    db.write(lambda tx: crud.update_all(
        tx, _MODEL, {'lease_until': models.now(),
                     'updated_at': _MODEL.updated_at},
        _MODEL.id.in_(ids), _MODEL.owner.is_(None),
        _MODEL.lease_until.is_not(None), _MODEL.next_attempt_at.is_(None)))
