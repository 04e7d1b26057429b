# SPDX-License-Identifier: Apache-2.0
"""Jobs: they run something at given times.

A job keeps the reference that it was given, and what that means is found
at each tick; see :mod:`qinling.engine.periodic.scheduler`.
"""

import datetime

from qinling.core.execution import inputs
from qinling.core import idempotency
from qinling.core import preconditions
from qinling.core import targets
from qinling.core.trigger import schedule
from qinling.core import validation
from qinling.db import crud
from qinling.db import models
from qinling import exception
from qinling import states
from qinling.states import JobStatus

_MODEL = models.Job
#: What is kept as it is given.
_PLAIN = ('name', 'function_input', 'pattern', 'timezone', 'misfire')
#: Ticks that one request may look ahead.
MOST_TICKS = 100


class Jobs:
    """What may happen to jobs."""

    def __init__(self, db, quotas):
        self._db = db
        self._quotas = quotas

    def create(self, ctx, values, once=None):
        """Have something run from now on.

        :param values: what is given of ``function_id``,
            ``function_version``, ``function_alias``, ``name``,
            ``function_input``, ``pattern``, ``timezone``, ``misfire``,
            ``count`` and ``first_execution_time`` (text).
        :param once: an :class:`~qinling.core.idempotency.Once`, for what
            must not be made again.
        """
        if not (values.get('function_id') or values.get('function_alias')):
            raise exception.Invalid(
                'Either function_alias or function_id must be provided.')
        row = dict(_checked(values), **_schedule(values, models.now()))
        row['function_version'] = values.get('function_version', 0)
        alias = row['function_alias'] = values.get('function_alias') or None
        row['function_id'] = None if alias else values['function_id']

        guard = self._quotas.guard(ctx.project_id, jobs=1)

        def insert(tx):
            guard(tx)
            targets.hold_reference(tx, ctx, row['function_id'],
                                   row['function_version'], alias)
            id = crud.insert(
                tx, _MODEL, project_id=ctx.project_id,
                status=JobStatus.RUNNING.value, **row)
            idempotency.reserve(tx, once, id)
            return id
        return self.get(ctx, idempotency.run(
            self._db, once, lambda: self._db.write(insert), lambda id: id))

    def get(self, ctx, id):
        """One job."""
        row = self._db.read(
            lambda tx: crud.get(tx, ctx.reach(), _MODEL, id=id))
        if row is None:
            raise exception.JobNotFound(id=id)
        return row

    def list(self, ctx, filters, page):
        """Jobs."""
        conditions = [crud.condition(_MODEL, name, text)
                      for name, text in filters.items()]
        return self._db.read(lambda tx: crud.listing(
            tx, ctx, _MODEL, conditions, page))

    def update(self, ctx, id, values, match=None):
        """Change a job that has not ended, or end it.

        A change of the pattern or its zone, and going on after a pause, make
        the next tick anew.
        """
        given, reach = _checked(values), ctx.reach()

        def change(tx):
            row = crud.get(tx, reach, _MODEL, lock=True, id=id)
            if row is None:
                raise exception.JobNotFound(id=id)
            preconditions.check(row, match)
            if row.status not in states.LIVE_JOBS:
                raise exception.Invalid('Can not update a finished job.')
            status, columns = _changes(row, given, values, models.now())
            crud.move(tx, _MODEL, id, status, **columns)
        self._db.write(change)
        return self.get(ctx, id)

    def delete(self, ctx, id, match=None):
        """Delete a job; its executions stay."""
        reach = ctx.reach()

        def remove(tx):
            row = crud.get(tx, reach, _MODEL, lock=True, id=id)
            if row is None:
                raise exception.JobNotFound(id=id)
            preconditions.check(row, match)
            crud.delete(tx, _MODEL, id)
        self._db.write(remove)

    def preview(self, ctx, id, count):
        """The next ticks of a job; see :func:`ticks.preview`."""
        if not 1 <= count <= MOST_TICKS:
            raise exception.Invalid(
                f'count must be at least 1 and at most {MOST_TICKS}.')
        return schedule.preview(self.get(ctx, id), models.now(), count)


def _checked(values):
    """What of the plain values was given, fit to be stored."""
    found = {name: values[name] for name in _PLAIN if name in values}
    for name in ('name', 'pattern', 'timezone'):
        validation.text(name, found.get(name))
    validation.text('function_alias', values.get('function_alias'))
    given = found.get('function_input')
    if isinstance(given, str) and '\0' in given:
        raise exception.Invalid(
            'function_input must not contain a NUL character.')
    stored = inputs.normalise(given)
    if given is not None and not isinstance(given, str):
        found['function_input'] = stored
    known = [each.value for each in states.Misfire]
    if found.get('misfire', known[0]) not in known:
        raise exception.Invalid(
            f'misfire must be one of: {", ".join(known)}.')
    return found


def _schedule(values, now):
    """The columns that say when a new job fires."""
    pattern, count = values.get('pattern') or None, values.get('count')
    first = values.get('first_execution_time')
    if pattern is None and not first:
        raise exception.Invalid(
            'pattern or first_execution_time must be specified.')
    if first:
        first = schedule.moment(first, now)
    if pattern is None:
        if count is not None and count > 1:
            raise exception.Invalid(
                'pattern must be provided if count is greater than 1.')
        count = count or 1
        # A zone that nobody knows shall be told now, not with a pattern.
        schedule.check('@hourly', values.get('timezone'), now)
    else:
        start = first - datetime.timedelta(minutes=1) if first else now
        first = schedule.check(pattern, values.get('timezone'), start)
    if count is not None and count < 1:
        raise exception.Invalid('count must be at least 1.')
    return {'pattern': pattern, 'count': count,
            'first_execution_time': first, 'next_execution_time': first}


def _changes(row, given, values, now):
    """(status, columns) that an update makes of a row."""
    pattern = given.get('pattern', row.pattern) or None
    timezone = given.get('timezone', row.timezone)
    if (pattern is None) != (row.pattern is None):
        raise exception.Invalid('Can not change job type.')
    given['pattern'] = pattern
    status = values.get('status', row.status)
    if status not in [each.value for each in JobStatus]:
        raise exception.Invalid('Invalid status.')
    resumed = (row.status == JobStatus.PAUSED
               and status == JobStatus.RUNNING)
    anew = (pattern, timezone) != (row.pattern, row.timezone)
    following = row.next_execution_time
    if pattern is None:
        schedule.check('@hourly', timezone, now)
    elif anew or resumed:
        following = schedule.check(pattern, timezone, now)
    if values.get('next_execution_time'):
        following = schedule.moment(values['next_execution_time'], now)
    elif pattern is None and resumed:
        schedule.check_ahead(following, now)
    if status not in states.LIVE_JOBS:
        following = None
    if resumed:
        given['status_reason'] = None
    return status, dict(given, next_execution_time=following)
