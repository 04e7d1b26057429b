# SPDX-License-Identifier: Apache-2.0
"""Failures: failed executions in groups by their fingerprint.

The statistics count each ended execution once, and so do the groups, in the
same transaction.
"""

import collections
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import datetime
import typing

from qinling import context
from qinling.core.execution import fingerprints
from qinling.core.execution import outcomes
from qinling.db import crud
from qinling.db import filtering
from qinling.db import models
from qinling.db import session
from qinling import exception
from qinling.states import ExecutionStatus

_MODEL = models.Failure
_EXECUTION = models.Execution
#: Statuses of executions with a fingerprint.
STATUSES = (ExecutionStatus.FAILED, ExecutionStatus.ERROR)
#: Versions that a group lists, the latest ones.
MAX_VERSIONS = 100


class Failures:
    """Groups of failed executions, as the API sees them."""

    def __init__(self, db: session.Database) -> None:
        self._db = db

    def get(self, ctx: context.RequestContext, id: str) -> typing.Any:
        """Return the group of a fingerprint.

        :raises FailureNotFound: the caller sees no such group.
        """
        row = self._db.read(crud.get, ctx.visible_scope(), _MODEL, id=id)
        if row is None:
            raise exception.FailureNotFound(id=id)
        return row

    def list(self, ctx: context.RequestContext,
             filters: Iterable[tuple[str, str]], version: int | None,
             page: crud.Page) -> Sequence[typing.Any]:
        """Return a page of groups.

        :param filters: see :func:`qinling.db.filtering.list_conditions`.
        :param version: version in which an execution failed.
        """
        conditions = filtering.list_conditions(_MODEL, filters)
        if version is not None:
            conditions.append(_MODEL.version_list.contains(f',{version},'))
        return self._db.read(crud.select_page, ctx, _MODEL, conditions, page)


def read_versions(row: typing.Any) -> list[int]:
    """Return the versions of a group, in ascending order."""
    return sorted(int(number) for number in row.version_list.split(',')
                  if number)


def read_fingerprint(tx: session.Connection, id: str,
                     outcome: outcomes.Outcome) -> str | None:
    """Return the fingerprint of an execution with an outcome.

    :returns: ``None`` if the execution did not fail, or was deleted.
    """
    if outcome.status not in STATUSES:
        return None
    rows = crud.select(tx, _EXECUTION, _EXECUTION.id == id,
                       only=(_EXECUTION.function_id,))
    return create_fingerprint(rows[0].function_id, outcome) if rows else None


def create_fingerprint(function_id: str, outcome: outcomes.Outcome
                       ) -> str | None:
    """Return the fingerprint of a failed run of a function.

    :returns: ``None`` if the run did not fail.
    """
    if outcome.status not in STATUSES:
        return None
    reason = outcome.reason or outcome.status
    return fingerprints.explain(
        reason.value, outcome.result, outcome.logs,
        outcome.detail).fingerprint(function_id)


def add(tx: session.Connection, rows: Iterable[typing.Any]) -> None:
    """Count ended executions, in the order of their end.

    :param rows: among other columns ``fingerprint``.
    """
    groups: dict[str, list[typing.Any]] = collections.defaultdict(list)
    for row in rows:
        if row.fingerprint:
            groups[row.fingerprint].append(row)
    for id in sorted(groups):
        _add_group(tx, id, groups[id])


def _add_group(tx: session.Connection, id: str, rows: list[typing.Any]
               ) -> None:
    last = rows[-1]
    present = crud.select(tx, _MODEL, _MODEL.id == id)
    numbers = {row.function_version for row in rows}
    if present:
        numbers.update(read_versions(present[0]))
    latest = sorted(numbers)[-MAX_VERSIONS:]
    values: dict[str, typing.Any] = {
        'version_list': f',{",".join(map(str, latest))},'}
    # A deletion counts an execution before earlier ones.
    if not present or last.updated_at >= present[0].last_seen_at:
        values.update(last_seen_at=last.updated_at,
                      last_execution_id=last.id)
    if present:
        crud.update(tx, _MODEL, id, dict(
            values, count=_MODEL.count + len(rows)))
    else:
        crud.insert(tx, _MODEL, id=id, project_id=last.project_id,
                    function_id=last.function_id, count=len(rows),
                    created_at=rows[0].updated_at, **values,
                    **_describe(tx, last.id))


def _describe(tx: session.Connection, execution_id: str
              ) -> Mapping[str, typing.Any]:
    """Return reason, type, message and frames of an execution."""
    row = crud.select(tx, _EXECUTION, _EXECUTION.id == execution_id)[0]
    failure = fingerprints.explain(row.reason or row.status, row.result,
                                   row.logs, row.detail)
    return {'reason': failure.reason, 'message': failure.message,
            'exception_type': failure.exception_type,
            'frames': fingerprints.dump_frames(failure)}


def purge(db: session.Database, before: datetime.datetime, limit: int) -> int:
    """Delete groups without an execution since a time.

    :param limit: most rows of the one transaction.
    :returns: the number of rows deleted.
    """
    old = _MODEL.last_seen_at < before
    ids = [row.id for row in db.read(crud.select, _MODEL, old, limit=limit,
                                     only=(_MODEL.id,))]
    if not ids:
        return 0
    return db.write(lambda tx: crud.delete_all(
        tx, _MODEL, _MODEL.id.in_(ids), old))
