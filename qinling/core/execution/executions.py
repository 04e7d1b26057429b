# SPDX-License-Identifier: Apache-2.0
"""Executions: the row is the truth, the engine is told afterwards."""

import dataclasses
import datetime
import functools
import json
import time
import types

from oslo_log import log

from qinling import context
from qinling.core.execution import inputs
from qinling.core import idempotency
from qinling.core import targets
from qinling.db import batch_writer
from qinling.db import crud
from qinling.db import models
from qinling import exception
from qinling.states import ExecutionStatus
from qinling.states import RuntimeStatus

LOG = log.getLogger(__name__)

_MODEL = models.Execution
#: The condition that the engine in the parameter ``mine`` owns a row.
MINE = crud.given(_MODEL.owner, 'mine')
#: What holds of a row that no engine has begun.
UNTOUCHED = (_MODEL.owner.is_(None),
             _MODEL.status == ExecutionStatus.RUNNING.value)
#: Columns that a list does not read.
_HEAVY = ('logs',)
#: What a rerun may run, if not a version by its number.
ORIGINAL, CURRENT = 'original', 'current'
#: Seconds between two looks at an execution that another process waits for.
SHORTEST_PAUSE, LONGEST_PAUSE = 0.02, 0.5


class Executions:
    """What may happen to executions.

    :param dispatch: a :class:`qinling.core.execution.dispatch.Dispatch`.
    """

    def __init__(self, conf, db, engine, dispatch):
        self._conf = conf
        self._db = db
        self._engine = engine
        self._dispatch = dispatch

    def create(self, ctx, order, once=None, **origin):
        """Run something.

        :param order: an object with ``function_id``, ``function_version``,
            ``function_alias``, ``sync``, ``input``, ``description`` and
            ``routing_key``: text that decides which version of a weighted
            alias runs, the execution's id unless given.
        :param once: an :class:`~qinling.core.idempotency.Once`, for what
            must not run again.
        :param origin: columns that say where it comes from.
        :returns: the row: ended if ``sync``, else ``running``.
        :raises RuntimeNotAvailable: the function's runtime cannot serve.
        :raises TooManyExecutions: it is one too many.
        :raises Unavailable: no engine can be reached; nothing was run.
        """
        return idempotency.run(
            self._db, once, lambda: self._create(ctx, order, once, origin),
            lambda id: self._ended(ctx, id))

    def _create(self, ctx, order, once, origin):
        id = models.new_id()
        target = self._db.read(lambda tx: targets.resolve(
            tx, ctx.reach(), order.function_id, order.function_version,
            order.function_alias, order.routing_key or id))
        if (target.runtime_id is not None
                and target.runtime_status != RuntimeStatus.AVAILABLE):
            raise exception.RuntimeNotAvailable(
                id=target.runtime_id, status=target.runtime_status)
        row = self._row(id, target, order, origin)
        row.update(self._dispatch(row, target, once, ctx.trail()))
        return types.SimpleNamespace(**row)

    def _row(self, id, target, order, origin):
        row = prepared(
            self._conf, target, id=id, description=order.description,
            sync=order.sync, input=inputs.normalise(order.input), **origin)
        if order.sync and self._engine.owner:
            # The engine is in this process and begins at once, so the row
            # is born with its owner, which saves a second write.
            row.update(owner=self._engine.owner, attempt=1,
                       lease_until=lease(self._conf, row['created_at']))
        return row

    def _ended(self, ctx, id):
        """The row of an execution that another request has begun: ended if
        that one waits for it."""
        row = self.get(ctx, id)
        if row.sync and row.status == ExecutionStatus.RUNNING:
            row = until_ended(
                self._conf, lambda: self.get(ctx, id),
                self._conf.resource_limits.max_timeout)
        return row

    def get(self, ctx, id):
        """One execution."""
        row = self._db.read(
            lambda tx: crud.get(tx, ctx.reach(), _MODEL, id=id))
        if row is None:
            raise exception.ExecutionNotFound(id=id)
        return row

    def list(self, ctx, filters, page):
        """Executions, without their logs."""
        conditions = [crud.condition(_MODEL, name, text)
                      for name, text in filters.items()]
        return self._db.read(lambda tx: crud.listing(
            tx, ctx, _MODEL, conditions, page, without=_HEAVY))

    def log(self, ctx, id):
        """The log as text; empty while it runs."""
        return self.get(ctx, id).logs or ''

    def delete(self, ctx, id):
        """Forget an execution; the result of one that runs is lost."""
        self.get(ctx, id)
        self._db.write(lambda tx: crud.delete(tx, _MODEL, id))

    def cancel(self, ctx, id):
        """End an execution that has not ended, wherever it is.

        The row ends at once.  The engine that runs it is told, and would
        else notice when it renews its lease.

        :raises ExecutionEnded: it has ended in another way.
        """
        self.get(ctx, id)
        finish(self._db, id, Outcome(ExecutionStatus.CANCELLED, json.dumps(
            {'output': 'The execution was cancelled.'})))
        row = self.get(ctx, id)
        if row.status != ExecutionStatus.CANCELLED:
            raise exception.ExecutionEnded(id=id, status=row.status)
        try:
            self._engine.cancel(id)
        except exception.Unavailable as e:
            LOG.warning('No engine is told of the end of execution %s: %s',
                        id, e)
        return row

    def rerun(self, ctx, id, version=ORIGINAL, sync=None):
        """Run something again, with the same input.

        :param version: ``ORIGINAL``; ``CURRENT`` for what the alias, or
            else the function, means now; or a version number.
        :param sync: as the first time if ``None``.
        :returns: the new row, see :meth:`create`.
        :raises ExecutionNotEnded: it still runs.
        """
        row = self.get(ctx, id)
        if row.status == ExecutionStatus.RUNNING:
            raise exception.ExecutionNotEnded(id=id)
        number = {ORIGINAL: row.function_version, CURRENT: 0}.get(
            version, version)
        alias = row.function_alias if version == CURRENT else None
        order = types.SimpleNamespace(
            function_id=row.function_id, function_version=number,
            function_alias=alias, input=row.input, routing_key=None,
            sync=row.sync if sync is None else sync,
            description=f'Rerun of execution {id}')
        return self.create(context.owner(row.project_id, ctx), order,
                           rerun_of=id, failed_id=row.failed_id)


def until_ended(conf, look, timeout):
    """Wait for an execution that another process runs.

    :param look: function that returns the row, ``None`` when it is gone.
    :param timeout: seconds that the function may take.
    :returns: the row, ended unless it took longer than it may.
    """
    end = time.monotonic() + timeout + (
        conf.engine.queue_timeout + 2 * conf.engine.lease)
    pause, row = SHORTEST_PAUSE, look()
    while (row is not None and row.status == ExecutionStatus.RUNNING
           and time.monotonic() < end):
        time.sleep(pause)
        pause, row = min(2 * pause, LONGEST_PAUSE), look()
    return row


def prepared(conf, target, id=None, **values):
    """The row of a new execution, which nobody owns: whoever finds it after
    ``queue_timeout`` may take it."""
    now = models.now()
    return {
        'id': id or models.new_id(), 'project_id': target.project_id,
        'function_id': target.function_id,
        'function_version': target.version, 'function_alias': target.alias,
        'status': ExecutionStatus.RUNNING.value, 'result': None,
        'created_at': now, 'updated_at': None, 'attempt': 0, 'retry': 0,
        'next_attempt_at': None, 'job_id': None, 'scheduled_at': None,
        'rerun_of': None, 'failed_id': None, 'owner': None,
        'lease_until': now + datetime.timedelta(
            seconds=conf.engine.queue_timeout),
        **values}


def begin(tx, target, row, once=None):
    """Write the row and count it."""
    idempotency.reserve(tx, once, row['id'])
    write(tx, row)
    count(tx, target.function_id, target.version)


def uncount(tx, target, once=None):
    """Take back what :func:`begin` wrote beside the row."""
    idempotency.release(tx, once)
    count(tx, target.function_id, target.version, -1)


def write(tx, row):
    """Write the row; it takes less time to leave out what is nothing."""
    crud.insert(tx, _MODEL, **{
        name: value for name, value in row.items() if value is not None})


def count(tx, function_id, version, number=1):
    """Count executions that begin, at the end of the transaction; what they
    run may have been deleted since it was looked up.

    :raises FunctionNotFound, FunctionVersionNotFound: it was.
    """
    batch_writer.add_up(tx, ('count', function_id, version), number,
                        functools.partial(_count, function_id, version))


def _count(function_id, version, tx, number):
    if version:
        if not crud.add(tx, models.FunctionVersion, 'count', number,
                        function_id=function_id, version_number=version):
            raise exception.FunctionVersionNotFound(
                id=function_id, version=version)
    elif not crud.add(tx, models.Function, 'count', number, id=function_id):
        raise exception.FunctionNotFound(id=function_id)


def lease(conf, now):
    """Until when an engine owns an execution that it takes at ``now``."""
    return now + datetime.timedelta(seconds=conf.engine.lease)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How an execution ended: an :class:`ExecutionStatus`, the JSON text to
    show, and the log."""

    status: ExecutionStatus
    result: str
    logs: str | None = None


def fault(sentence):
    """The outcome of an execution that the platform could not run."""
    return Outcome(ExecutionStatus.ERROR, json.dumps({'output': sentence}))


def finish(db, id, outcome, *conditions, params=None):
    """Write how an execution ended: the one writer of results.

    :param conditions: what must still hold of the row, for instance
        :data:`MINE` with its owner in ``params``.
    :returns: what was written, as a dict; ``None`` when the execution had
        ended already, was deleted, or a condition did not hold.
    """
    return db.write(
        lambda tx: end(tx, id, outcome, *conditions, params=params),
        together=True)


def end(tx, id, outcome, *conditions, params=None):
    """The same as a part of a transaction."""
    status = outcome.status.value
    values = {'result': outcome.result, 'owner': None, 'lease_until': None,
              'next_attempt_at': None, 'updated_at': models.now()}
    moved = crud.move(tx, _MODEL, id, status, *conditions, params=params,
                      logs=outcome.logs, **values)
    return dict(values, status=status) if moved else None
