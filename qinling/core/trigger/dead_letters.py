# SPDX-License-Identifier: Apache-2.0
"""Dead letters: payloads that no execution has handled.

An event that can never be accepted becomes a dead letter, as does the input
of an asynchronous execution that failed for the last time, if the
``async_policy`` of its function asks for that.  A redrive runs the payload and
deletes the letter in one transaction.
"""

from collections.abc import Mapping
import datetime
import typing

from oslo_config import cfg

from qinling import context
from qinling.core import collection
from qinling.core import engine_client
from qinling.core.execution import dispatch
from qinling.core.execution import outcomes
from qinling.core.execution import records
from qinling.core.trigger import base
from qinling.db import crud
from qinling.db import filtering
from qinling.db import models
from qinling.db import session
from qinling import exception
from qinling.states import Trigger

_MODEL = models.DeadLetter
TARGET_FIELDS = ('function_id', 'function_version', 'function_alias')
#: Triggers whose failed executions may become dead letters.
TRIGGERS = frozenset(trigger.value for trigger in (
    Trigger.JOB, Trigger.WEBHOOK, Trigger.ON_FAILURE, Trigger.EVENT_SOURCE,
    Trigger.REDRIVE))
#: Letters of one redrive by filter, and one transaction.
MAX_REDRIVE, MAX_BATCH_ROWS = 500, 50

_Values = Mapping[str, typing.Any]


def write(tx: session.Connection, project_id: str, trigger: str, reason: str,
          payload: str | None, **columns: typing.Any) -> str:
    """Write a dead letter; return its id.

    :param payload: input as text, ``None`` if it is too large.
    """
    if payload is not None:
        columns.setdefault('size', len(payload.encode()))
    return crud.insert(
        tx, _MODEL, project_id=project_id, trigger=trigger,
        reason=outcomes.storable_text(reason), payload=payload, **columns)


def record_failure(tx: session.Connection, row: records.ExecutionRow,
                   outcome: outcomes.Outcome) -> None:
    """Write the dead letter of an execution without further attempts.

    Only asynchronous executions of triggers become dead letters.
    """
    trigger = row.trigger
    if row.sync or trigger is None or trigger not in TRIGGERS:
        return
    reason = outcome.reason.value if outcome.reason else 'no reason'
    write(tx, row.project_id, trigger,
          f'The execution ended with the status {outcome.status.value} '
          f'({reason}).', row.input,
          source_id=row.job_id or row.group_id, execution_id=row.id,
          attempts=row.attempt, first_at=row.created_at,
          function_id=None if row.function_alias else row.function_id,
          function_version=0 if row.function_alias else row.function_version,
          function_alias=row.function_alias)


class DeadLetters(collection.Collection):
    """Operations on dead letters."""

    model = _MODEL
    not_found = exception.DeadLetterNotFound

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database,
                 engine: engine_client.EngineClient) -> None:
        super().__init__(db)
        self._conf = conf
        self._engine = engine

    def list(self, ctx: context.RequestContext, filters: filtering.Texts,
             page: crud.Page) -> typing.Any:
        """Return a page of letters without their payloads."""
        return self._db.read(
            crud.select_page, ctx, _MODEL, filtering.list_conditions(
                _MODEL, filters), page, ('payload',))

    def delete(self, ctx: context.RequestContext, id: str) -> None:
        """Delete a letter."""
        self._delete_row(ctx, id, None)

    def redrive(self, ctx: context.RequestContext, id: str, values: _Values
                ) -> records.ExecutionRow:
        """Run the payload of a letter, and delete the letter.

        :param values: ``function_id`` and ``function_version``, or
            ``function_alias``; by default the target of the letter.
        :raises PayloadNotKept: there is no payload.
        :raises NotFound, QuotaExceeded, InputRefused: nothing has changed.
        """
        new = self._db.write(lambda tx: self._redrive(tx, ctx, id, values))
        dispatch.notify(self._engine, new)
        return new.row

    def redrive_all(self, ctx: context.RequestContext,
                    filters: filtering.Texts, values: _Values,
                    dry_run: bool) -> tuple[int, int, str | None]:
        """Redrive the oldest letters of the filters.

        :returns: the number of letters that fit, of those redriven, at most
            500, and why one of them could not be.
        """
        conditions = [
            crud.visible(ctx, _MODEL), _MODEL.payload.is_not(None),
            *filtering.list_conditions(_MODEL, filters)]
        count = self._db.read(lambda tx: crud.count(tx, _MODEL, *conditions))
        if dry_run or not count:
            return count, 0, None
        ids = self._db.read(lambda tx: crud.select(
            tx, _MODEL, *conditions, limit=MAX_REDRIVE,
            order=(_MODEL.created_at,), only=(_MODEL.id,)))
        number, reason = 0, None
        for row in ids:
            try:
                self.redrive(ctx, row.id, values)
                number += 1
            except exception.DeadLetterNotFound:
                # Another request was faster.
                continue
            except exception.InputRefused as e:
                reason = str(e)
            except exception.QinlingError as e:
                return count, number, str(e)
        return count, number, reason

    def _redrive(self, tx: session.Connection, ctx: context.RequestContext,
                 id: str, values: _Values) -> records.NewExecution:
        row = self._lock(tx, ctx, id, None)
        if row.payload is None:
            raise exception.PayloadNotKept(id=id)
        new = base.write(tx, self._conf, row.project_id,
                         records.ExecutionRequest(
                             **_choose_target(row, values),
                             input=row.payload, group_id=row.source_id,
                             trigger=Trigger.REDRIVE.value,
                             description=f'Redrive of dead letter {id}'))
        crud.delete(tx, _MODEL, id)
        return new


def _choose_target(row: typing.Any, values: _Values
                   ) -> dict[str, typing.Any]:
    """Return the reference to run.

    A version without a function is one of the function of the letter.
    """
    names = set(values) & set(TARGET_FIELDS)
    if not names:
        return {name: getattr(row, name) for name in TARGET_FIELDS}
    if values.get('function_alias'):
        return {'function_alias': values['function_alias']}
    function_id = values.get('function_id') or row.function_id
    if function_id is None:
        raise exception.Invalid(
            'The dead letter belongs to an alias; send function_id together '
            'with function_version, or function_alias.')
    return {'function_id': function_id,
            'function_version': values.get('function_version') or 0}


def purge(db: session.Database, before: datetime.datetime, limit: int) -> int:
    """Delete letters from before a time; return the number of letters."""
    def delete(tx: session.Connection) -> int:
        ids = crud.select(
            tx, _MODEL, _MODEL.created_at < before, limit=limit,
            order=(_MODEL.created_at,), only=(_MODEL.id,))
        if not ids:
            return 0
        return crud.delete_all(
            tx, _MODEL, _MODEL.id.in_([row.id for row in ids]))
    return db.write(delete)
