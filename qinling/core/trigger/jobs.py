# SPDX-License-Identifier: Apache-2.0
"""Jobs: functions that run at given times.

A job stores a reference; each fire time resolves the reference.
:mod:`qinling.engine.periodic.scheduler` fires jobs.
"""

import dataclasses
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
from qinling.core.trigger import job_fields
from qinling.core.trigger import ledger
from qinling.core.trigger import plans
from qinling.core.trigger import schedule
from qinling.db import crud
from qinling.db import models
from qinling.db import session
from qinling import exception
from qinling import states
from qinling.states import FireStatus
from qinling.states import JobStatus
from qinling.states import Trigger

_MODEL = models.Job
#: Fire times of one preview.
MAX_PREVIEW = 100

_Values = job_fields.Values


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
            ``pattern``, ``timezone``, ``misfire``, ``overlap``, ``count``,
            ``first_execution_time``, ``start_at``, ``end_at`` (texts),
            ``jitter``, ``max_failures`` and ``exclusions``.
        :param request: key of a request that must not repeat.
        :raises Invalid, QuotaExceeded, NotFound: the job is not valid.
        """
        if not (values.get('function_id') or values.get('function_alias')):
            raise exception.Invalid(
                'Either function_alias or function_id must be provided.')
        columns = job_fields.read(values, models.now())
        schedule_columns, segments = _first_schedule(
            columns, values, models.now())
        row = {**columns, **schedule_columns}
        alias = row['function_alias'] = values.get('function_alias') or None
        row['function_id'] = None if alias else values['function_id']
        row['function_version'] = (0 if alias
                                   else values.get('function_version', 0))
        guard = self._quotas.guard(ctx.project_id, jobs=1)

        def insert(tx: session.Connection) -> str:
            guard(tx)
            targets.lock_reference(tx, ctx, row['function_id'],
                                   row['function_version'], alias)
            _check_input(tx, ctx, row)
            id = crud.insert(
                tx, _MODEL, project_id=ctx.project_id,
                status=JobStatus.RUNNING.value, **row)
            ledger.note_segments(
                tx, _create_plan(id, row), segments)
            idempotency.reserve(tx, request, id)
            return id
        return self.get(ctx, idempotency.run(
            self._db, request, lambda: self._db.write(insert), str))

    def update(self, ctx: context.RequestContext, id: str, values: _Values,
               match: preconditions.Match = None) -> typing.Any:
        """Change a job that has not ended, or end a job.

        Changes of the schedule, and a resume after a pause, recompute the
        next fire time.
        """
        columns = job_fields.read(values, models.now())

        def change(tx: session.Connection) -> None:
            row, now = self._lock(tx, ctx, id, match), models.now()
            if row.status not in states.LIVE_JOBS:
                raise exception.Invalid('Can not update a finished job.')
            status, changes, segments = _changes(
                row, dict(columns), values, now)
            if 'function_input' in columns:
                _check_input(tx, context.project_owner(row.project_id), {
                    **row._mapping, **columns})
            crud.change_status(tx, _MODEL, id, status, **changes)
            if row.status == JobStatus.PAUSED and status != row.status:
                ledger.note_pause(tx, row, now)
            if segments is not None:
                ledger.replace_exclusions(
                    tx, _create_plan(id, changes), segments, now)
            if status != JobStatus.RUNNING:
                ledger.end_queue(
                    tx, row, FireStatus.PAUSED
                    if status == JobStatus.PAUSED else FireStatus.SKIPPED,
                    f'The job is {status}.')
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


def _first_schedule(columns: dict[str, typing.Any], values: _Values,
                    now: datetime.datetime
                    ) -> tuple[dict[str, typing.Any], list[plans.Segment]]:
    """Return the columns with the schedule of a new job.

    :returns: the columns, and the excluded times before the first fire time.
    """
    pattern, count = values.get('pattern') or None, values.get('count')
    first, start = values.get('first_execution_time'), now
    if pattern is None and not first:
        raise exception.Invalid(
            'pattern or first_execution_time must be specified.')
    plan = _create_plan(models.new_id(), dict(columns, pattern=pattern))
    segments: list[plans.Segment] = []
    if first:
        first = schedule.parse_datetime(first, now)
        start = first - datetime.timedelta(minutes=1)
    if pattern is None:
        if count is not None and count > 1:
            raise exception.Invalid(
                'pattern must be provided if count is greater than 1.')
        count = count or 1
        job_fields.require_pattern(columns)
        # An unknown zone is an error now, not only with a later pattern.
        schedule.require_zone(plan.timezone, now)
    else:
        if first and columns.get('start_at'):
            raise exception.Invalid(
                'Send start_at or first_execution_time, not both.')
        first, segments = schedule.first_fire_time(
            plan, _start(start, columns.get('start_at')))
    if count is not None and count < 1:
        raise exception.Invalid('count must be at least 1.')
    return {'id': plan.id, 'pattern': pattern, 'count': count,
            'first_execution_time': first, **plan.build_columns(first)
            }, segments


def _create_plan(id: str, columns: _Values) -> plans.Plan:
    names = [field.name for field in dataclasses.fields(plans.Plan)]
    return plans.Plan(**{'timezone': None, **{
        name: columns[name] for name in names if name in columns}, 'id': id})


def _start(now: datetime.datetime, start_at: datetime.datetime | None
           ) -> datetime.datetime:
    """Return the time after which a job may fire."""
    if start_at is None or start_at <= now:
        return now
    return start_at - plans.RESOLUTION


def _changes(row: typing.Any, columns: dict[str, typing.Any],
             values: _Values, now: datetime.datetime
             ) -> tuple[str, dict[str, typing.Any],
                        list[plans.Segment] | None]:
    """Return the status and the columns after an update.

    :returns: also the excluded times before the next fire time, if the
        schedule changes.
    """
    columns = {**{name: getattr(row, name) for name in job_fields.SCHEDULE},
               **columns}
    columns['pattern'] = pattern = columns['pattern'] or None
    if (pattern is None) != (row.pattern is None):
        raise exception.Invalid('Can not change job type.')
    status = values.get('status', row.status)
    if status not in [choice.value for choice in JobStatus]:
        raise exception.Invalid('Invalid status.')
    is_resumed = (row.status == JobStatus.PAUSED
                  and status == JobStatus.RUNNING)
    is_rescheduled = any(columns[name] != getattr(row, name)
                         for name in job_fields.SCHEDULE)
    plan, segments = _create_plan(row.id, columns), None
    times = {'next_execution_time': row.next_execution_time,
             'next_fire_time': row.next_fire_time}
    if pattern is None:
        job_fields.require_pattern(columns)
        schedule.require_zone(plan.timezone, now)
    elif is_rescheduled or is_resumed:
        time, segments = schedule.first_fire_time(
            plan, _start(now, columns['start_at']))
        times = plan.build_columns(time)
    if values.get('next_execution_time'):
        times = {'next_fire_time': None,
                 'next_execution_time': schedule.parse_datetime(
                     values['next_execution_time'], now)}
    elif pattern is None and is_resumed:
        schedule.require_future(row.next_execution_time, now)
    if status not in states.LIVE_JOBS:
        times = plan.build_columns(None)
    if is_resumed:
        columns.update(status_reason=None, failures=0)
    return status, {**columns, **times}, segments
