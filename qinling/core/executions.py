#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

"""Executions: the row is the truth, the engine is told afterwards."""

import dataclasses
import datetime
import json
import types

from oslo_log import log

from qinling import context
from qinling.core import inputs
from qinling.core import targets
from qinling.db import models
from qinling.db import query
from qinling import exception
from qinling.states import ExecutionStatus
from qinling.states import RuntimeStatus

LOG = log.getLogger(__name__)

_MODEL = models.Execution
#: The condition that the engine in the parameter ``mine`` owns a row.
MINE = query.given(_MODEL.owner, 'mine')
#: Columns that a list does not read.
_HEAVY = ('logs',)


class Executions:
    """What may happen to executions."""

    def __init__(self, conf, db, engine):
        self._conf = conf
        self._db = db
        self._engine = engine

    def create(self, ctx, order):
        """Run something.

        :param order: an object with ``function_id``, ``function_version``,
            ``function_alias``, ``sync``, ``input``, ``description`` and
            ``routing_key``: text that decides which version of a weighted
            alias runs, the execution's id unless given.
        :returns: the row: ended if ``sync``, else ``running``.
        :raises RuntimeNotAvailable: the function's runtime cannot serve.
        """
        id = models.new_id()
        target = self._db.read(lambda tx: targets.resolve(
            tx, ctx.reach(), order.function_id, order.function_version,
            order.function_alias, order.routing_key or id))
        if (target.runtime_id is not None
                and target.runtime_status != RuntimeStatus.AVAILABLE):
            raise exception.RuntimeNotAvailable(
                id=target.runtime_id, status=target.runtime_status)
        row = self._row(id, target, order)
        # Nobody was promised a synchronous execution before it has ended.
        self._db.write(lambda tx: _begin(tx, target, row),
                       durable=not row['sync'])
        if row['sync']:
            row.update(self._run(row, target))
        else:
            self._start(row, target)
        return types.SimpleNamespace(**row)

    def _row(self, id, target, order):
        now = models.now()
        row = {
            'id': id, 'project_id': target.project_id,
            'function_id': target.function_id,
            'function_version': target.version,
            'function_alias': target.alias,
            'description': order.description,
            'status': ExecutionStatus.RUNNING.value, 'sync': order.sync,
            'input': inputs.normalise(order.input), 'result': None,
            'created_at': now, 'updated_at': None, 'attempt': 0,
            'owner': None,
            # Nobody owns it yet: whoever finds it after this may take it.
            'lease_until': now + datetime.timedelta(
                seconds=self._conf.engine.queue_timeout),
        }
        if order.sync and self._engine.owner:
            # The engine is in this process and begins at once, so the row
            # is born with its owner, which saves a second write.
            row.update(owner=self._engine.owner, attempt=1,
                       lease_until=lease(self._conf, now))
        return row

    def _run(self, row, target):
        """What the engine changed of the row."""
        try:
            outcome = self._engine.run(row, target)
            if outcome is not None:
                return outcome
            # Another engine has it, or the row is gone.
        except exception.Unavailable as e:
            LOG.warning('Execution %s: %s', row['id'], e)
            finish(self._db, row['id'], fault(
                'No engine answered in time; try again later.'))
        now = self._db.read(lambda tx: query.get(
            tx, context.admin(), _MODEL, id=row['id']))
        return now._mapping if now else {}

    def _start(self, row, target):
        try:
            self._engine.start(row, target)
        except exception.Unavailable as e:
            # The row is there: a sweep of any engine finds it.
            LOG.warning('Execution %s waits for a sweep: %s', row['id'], e)

    def get(self, ctx, id):
        """One execution."""
        row = self._db.read(
            lambda tx: query.get(tx, ctx.reach(), _MODEL, id=id))
        if row is None:
            raise exception.ExecutionNotFound(id=id)
        return row

    def list(self, ctx, filters, page):
        """Executions, without their logs."""
        conditions = [query.condition(_MODEL, name, text)
                      for name, text in filters.items()]
        return self._db.read(lambda tx: query.listing(
            tx, ctx, _MODEL, conditions, page, without=_HEAVY))

    def log(self, ctx, id):
        """The log as text; empty while it runs."""
        return self.get(ctx, id).logs or ''

    def delete(self, ctx, id):
        """Forget an execution; the result of one that runs is lost."""
        self.get(ctx, id)
        self._db.write(lambda tx: query.delete(tx, _MODEL, id))


def _begin(tx, target, row):
    """Write the row and count it; what it runs may have been deleted since
    it was looked up."""
    query.insert(tx, _MODEL, **row)
    if target.version:
        if not query.add(tx, models.FunctionVersion, 'count', 1,
                         function_id=target.function_id,
                         version_number=target.version):
            raise exception.FunctionVersionNotFound(
                id=target.function_id, version=target.version)
    elif not query.add(tx, models.Function, 'count', 1,
                       id=target.function_id):
        raise exception.FunctionNotFound(id=target.function_id)


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
    status = outcome.status.value
    values = {'result': outcome.result, 'owner': None, 'lease_until': None,
              'updated_at': models.now()}
    moved = db.write(lambda tx: query.move(
        tx, _MODEL, id, status, *conditions, params=params,
        logs=outcome.logs, **values))
    return dict(values, status=status) if moved else None
