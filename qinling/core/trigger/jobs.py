# SPDX-License-Identifier: Apache-2.0
"""Jobs: functions that run at given times.

A job stores a reference; each fire time resolves the reference.
:mod:`qinling.engine.periodic.scheduler` fires jobs.
"""

from collections.abc import Mapping
import datetime
import typing

from qinling import context
from qinling.core import collection
from qinling.core.execution import contracts
from qinling.core.execution import inputs
from qinling.core.execution import records
from qinling.core import idempotency
from qinling.core import preconditions
from qinling.core import quotas as quotas_module
from qinling.core import targets
from qinling.core.trigger import ledger
from qinling.core.trigger import schedule
from qinling.core import validation
from qinling.db import crud
from qinling.db import models
from qinling.db import session
from qinling import exception
from qinling import states
from qinling.states import JobStatus
from qinling.states import Trigger

_MODEL = models.Job
#: Fields stored without conversion.
_PLAIN_FIELDS = ('name', 'function_input', 'pattern', 'timezone', 'misfire')
#: Fire times of one preview.
MAX_PREVIEW = 100

_Values = Mapping[str, typing.Any]


class Jobs(collection.Collection):
    """Operations on jobs."""

    model = _MODEL
    not_found = exception.JobNotFound

    def __init__(self, db: session.Database,
                 quotas: quotas_module.Quotas) -> None:
        super().__init__(db)
        self._quotas = quotas

    def create(self, ctx: context.RequestContext, values: _Values,
               request: idempotency.IdempotentRequest | None = None
               ) -> typing.Any:
        """Create a job.

        :param values: ``function_id`` and ``function_version`` or
            ``function_alias``; optional ``name``, ``function_input``,
            ``pattern``, ``timezone``, ``misfire``, ``count`` and
            ``first_execution_time`` (text).
        :param request: key of a request that must not repeat.
        :raises Invalid, QuotaExceeded, NotFound: the job is not valid.
        """
        if not (values.get('function_id') or values.get('function_alias')):
            raise exception.Invalid(
                'Either function_alias or function_id must be provided.')
        row = dict(_validate(values), **_first_schedule(values, models.now()))
        row['function_version'] = values.get('function_version', 0)
        alias = row['function_alias'] = values.get('function_alias') or None
        row['function_id'] = None if alias else values['function_id']
        guard = self._quotas.guard(ctx.project_id, jobs=1)

        def insert(tx: session.Connection) -> str:
            guard(tx)
            targets.lock_reference(tx, ctx, row['function_id'],
                                   row['function_version'], alias)
            _check_input(tx, ctx, row)
            id = crud.insert(
                tx, _MODEL, project_id=ctx.project_id,
                status=JobStatus.RUNNING.value, **row)
            idempotency.reserve(tx, request, id)
            return id
        return self.get(ctx, idempotency.run(
            self._db, request, lambda: self._db.write(insert), str))

    def update(self, ctx: context.RequestContext, id: str, values: _Values,
               match: preconditions.Match = None) -> typing.Any:
        """Change a job that has not ended, or end a job.

        A new pattern or time zone, and a resume after a pause, recompute the
        next fire time.
        """
        columns = _validate(values)

        def change(tx: session.Connection) -> None:
            row = self._lock(tx, ctx, id, match)
            if row.status not in states.LIVE_JOBS:
                raise exception.Invalid('Can not update a finished job.')
            status, changes = _changes(row, dict(columns), values,
                                       models.now())
            if 'function_input' in columns:
                _check_input(tx, context.project_owner(row.project_id), {
                    **row._mapping, **columns})
            crud.change_status(tx, _MODEL, id, status, **changes)
            if row.status == JobStatus.PAUSED and status != row.status:
                ledger.note_pause(tx, row, models.now())
        self._db.write(change)
        return self.get(ctx, id)

    def delete(self, ctx: context.RequestContext, id: str,
               match: preconditions.Match = None) -> None:
        """Delete a job; its executions stay."""
        self._delete_row(ctx, id, match)

    def preview(self, ctx: context.RequestContext, id: str, count: int
                ) -> list[datetime.datetime]:
        """Return the next fire times of a job.

        :raises Invalid: ``count`` is out of range.
        """
        if not 1 <= count <= MAX_PREVIEW:
            raise exception.Invalid(
                f'count must be at least 1 and at most {MAX_PREVIEW}.')
        return schedule.preview(self.get(ctx, id), models.now(), count)


def _check_input(tx: session.Connection, ctx: context.RequestContext,
                 columns: _Values) -> None:
    """Check the input of a job against the version that runs now.

    Fire times check again: an alias may move.

    :raises InputRefused: the input does not fit.
    """
    target = targets.resolve(
        tx, ctx, columns['function_id'], columns['function_version'] or 0,
        columns['function_alias'])
    contracts.check_input_within(
        tx, target, inputs.normalise(columns.get('function_input')),
        'function_input')


def create_request(job: typing.Any,
                   fire_time: datetime.datetime | None = None
                   ) -> records.ExecutionRequest:
    """Return the request for the execution of a job.

    :param fire_time: ``None`` for a run outside of the schedule.
    """
    return records.ExecutionRequest(
        function_id=job.function_id, function_version=job.function_version,
        function_alias=job.function_alias, input=job.function_input,
        job_id=job.id, scheduled_at=fire_time, trigger=Trigger.JOB.value,
        description=f'Created by Job {job.id}')


def _validate(values: _Values) -> dict[str, typing.Any]:
    """Return the columns of the plain fields.

    :raises Invalid: a field is not valid.
    """
    columns = {name: values[name] for name in _PLAIN_FIELDS if name in values}
    for name in ('name', 'pattern', 'timezone'):
        validation.text(name, columns.get(name))
    validation.text('function_alias', values.get('function_alias'))
    value = columns.get('function_input')
    if isinstance(value, str) and '\0' in value:
        raise exception.Invalid(
            'function_input must not contain a NUL character.')
    stored = inputs.normalise(value)
    if value is not None and not isinstance(value, str):
        columns['function_input'] = stored
    policies = [policy.value for policy in states.Misfire]
    if columns.get('misfire', policies[0]) not in policies:
        raise exception.Invalid(
            f'misfire must be one of: {", ".join(policies)}.')
    return columns


def _first_schedule(values: _Values, now: datetime.datetime
                    ) -> dict[str, typing.Any]:
    """Return the columns with the schedule of a new job."""
    pattern, count = values.get('pattern') or None, values.get('count')
    first = values.get('first_execution_time')
    timezone = values.get('timezone')
    if pattern is None and not first:
        raise exception.Invalid(
            'pattern or first_execution_time must be specified.')
    if first:
        first = schedule.parse_datetime(first, now)
    if pattern is None:
        if count is not None and count > 1:
            raise exception.Invalid(
                'pattern must be provided if count is greater than 1.')
        count = count or 1
        # An unknown zone is an error now, not only with a later pattern.
        schedule.first_fire_time('@hourly', timezone, now)
    else:
        start = first - datetime.timedelta(minutes=1) if first else now
        first = schedule.first_fire_time(pattern, timezone, start)
    if count is not None and count < 1:
        raise exception.Invalid('count must be at least 1.')
    return {'pattern': pattern, 'count': count,
            'first_execution_time': first, 'next_execution_time': first}


def _changes(row: typing.Any, columns: dict[str, typing.Any],
             values: _Values, now: datetime.datetime
             ) -> tuple[str, dict[str, typing.Any]]:
    """Return the status and the columns after an update."""
    pattern = columns.get('pattern', row.pattern) or None
    timezone = columns.get('timezone', row.timezone)
    if (pattern is None) != (row.pattern is None):
        raise exception.Invalid('Can not change job type.')
    columns['pattern'] = pattern
    status = values.get('status', row.status)
    if status not in [choice.value for choice in JobStatus]:
        raise exception.Invalid('Invalid status.')
    is_resumed = (row.status == JobStatus.PAUSED
                  and status == JobStatus.RUNNING)
    is_rescheduled = (pattern, timezone) != (row.pattern, row.timezone)
    next_time = row.next_execution_time
    if pattern is None:
        schedule.first_fire_time('@hourly', timezone, now)
    elif is_rescheduled or is_resumed:
        next_time = schedule.first_fire_time(pattern, timezone, now)
    if values.get('next_execution_time'):
        next_time = schedule.parse_datetime(
            values['next_execution_time'], now)
    elif pattern is None and is_resumed:
        schedule.require_future(next_time, now)
    if status not in states.LIVE_JOBS:
        next_time = None
    if is_resumed:
        columns['status_reason'] = None
    return status, dict(columns, next_execution_time=next_time)
