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

"""Running one execution: claim, seat, call, and one write of the end."""

import dataclasses
import json
import threading
import time

from oslo_log import log

from qinling.core import executions
from qinling.core import inputs
from qinling.core import retries as policies
from qinling.db import models
from qinling.db import query
from qinling.engine import invoker as invoker_module
from qinling.engine import scaling as scaling_module
from qinling import exception
from qinling.states import ExecutionStatus

LOG = log.getLogger(__name__)

_MODEL = models.Execution
#: Seconds that an agent may take to answer beyond the function's timeout:
#: to kill what ran too long, and to hand over a large result.
MARGIN = 15
#: Answers of an agent that has not begun the execution: no code is loaded,
#: or no slot is free.
NOT_BEGUN = (409, 503)
#: Seconds between two tries to cancel what is just on its way to a worker,
#: and how many there are.
CANCEL_INTERVAL = 0.1
CANCEL_TRIES = 50


class Cancelled(Exception):
    """The execution was cancelled before a worker had it."""


@dataclasses.dataclass(eq=False)
class Held:
    """An execution that this engine holds."""

    since: float
    worker: object = None
    cancelled: bool = False
    ended: threading.Event = dataclasses.field(
        default_factory=threading.Event)


class Runner:
    """Runs executions for one engine.

    :param owner: the engine's name in the column ``owner``.
    :param retries: a :class:`qinling.engine.retries.Retries`.
    """

    def __init__(self, conf, db, owner, scaling, invoker, retries):
        self._conf = conf
        self._db = db
        self._owner = owner
        self._scaling = scaling
        self._invoker = invoker
        self._retries = retries
        self._lock = threading.Lock()
        #: id -> :class:`Held`
        self._held = {}
        #: Set while nothing is held.
        self.idle = threading.Event()
        self.idle.set()
        self.stopping = False

    def run(self, row, target):
        """Run an execution to its end.

        :param row: dict with ``id``, ``input`` and ``owner``; one that this
            engine does not own yet is claimed first.
        :returns: the columns written at its end; ``None`` when it is none
            of ours.
        """
        if row['owner'] != self._owner and not self._claim(row['id']):
            return None
        held = Held(time.monotonic())
        with self._lock:
            self._held[row['id']] = held
            self.idle.clear()
        try:
            if row['sync']:
                return self._run_sync(row, target, held)
            return self._run_async(row, target, held)
        finally:
            held.ended.set()
            with self._lock:
                del self._held[row['id']]
                if not self._held:
                    self.idle.set()

    def _run_sync(self, row, target, held):
        outcome = self._attempt(row, target, held)
        written = executions.finish(
            self._db, row['id'], outcome, executions.MINE,
            params={'mine': self._owner})
        if written is None and held.cancelled:
            self._keep_log(row['id'], outcome.logs)
        return written

    def _run_async(self, row, target, held):
        late = self._is_too_old(row['id'], target)
        outcome = late or self._attempt(row, target, held)
        if self.stopping and outcome.status is ExecutionStatus.ERROR:
            return self._leave(row['id'])
        written = self._retries.conclude(
            row['id'], outcome, target, executions.MINE,
            params={'mine': self._owner}, final=late is not None)
        if written is None and held.cancelled:
            self._keep_log(row['id'], outcome.logs)
        return written

    def _is_too_old(self, id, target):
        """The outcome of an execution that waited too long, else
        ``None``."""
        policy = target.async_policy
        if policy is None or policy['max_age'] is None:
            return None
        rows = self._db.read(lambda tx: query.find(
            tx, _MODEL, _MODEL.id == id, only=(_MODEL.created_at,)))
        if not rows or not policies.is_too_old(
                policy, rows[0].created_at, models.now()):
            return None
        return executions.fault(
            f'It was not begun within its max_age of {policy["max_age"]} s.')

    def _keep_log(self, id, logs):
        """What the function printed until it was cancelled."""
        self._db.write(lambda tx: query.update(
            tx, _MODEL, id, {'logs': logs,
                             'updated_at': _MODEL.updated_at},
            _MODEL.status == ExecutionStatus.CANCELLED.value))

    def cancel(self, id):
        """End what this engine does for an execution whose row has ended, is
        gone or is another engine's.  That keeps whatever comes of it from
        being written."""
        with self._lock:
            held = self._held.get(id)
        if held is None or self._owns(id):
            return
        held.cancelled = True
        for _ in range(CANCEL_TRIES):
            if held.worker is not None:
                try:
                    if self._invoker.cancel(held.worker, id)[0] != 404:
                        return
                except (invoker_module.NotSent, invoker_module.Lost) as e:
                    LOG.info('Execution %s was not cancelled: %s', id, e)
                    return
            if held.ended.wait(CANCEL_INTERVAL):
                return

    def _owns(self, id):
        return self._db.read(lambda tx: query.exists(
            tx, _MODEL, _MODEL.id == id, _MODEL.owner == self._owner,
            _MODEL.status == ExecutionStatus.RUNNING.value))

    def _claim(self, id):
        now = models.now()
        values = {'owner': self._owner, 'attempt': _MODEL.attempt + 1,
                  'lease_until': executions.lease(self._conf, now),
                  'updated_at': _MODEL.updated_at}
        return self._db.write(lambda tx: query.update(
            tx, _MODEL, id, values, _MODEL.owner.is_(None),
            _MODEL.status == ExecutionStatus.RUNNING.value))

    def _leave(self, id):
        """Not the function ended but this engine does: whoever sweeps next
        begins the execution again."""
        free = {'owner': None, 'lease_until': models.now(),
                'updated_at': _MODEL.updated_at}
        self._db.write(lambda tx: query.update(
            tx, _MODEL, id, free, executions.MINE,
            params={'mine': self._owner}))

    def held(self, older_than=0):
        """Ids of the executions held for so many seconds."""
        limit = time.monotonic() - older_than
        with self._lock:
            return [id for id, held in self._held.items()
                    if held.since <= limit]

    def _attempt(self, row, target, held):
        """The :class:`~qinling.core.executions.Outcome` of one attempt."""
        deadline = time.monotonic() + self._conf.engine.queue_timeout
        args, kwargs = inputs.arguments(row['input'])
        order = {'execution_id': row['id'], 'args': args, 'kwargs': kwargs,
                 'context': {'execution_id': row['id'],
                             'function_id': target.function_id,
                             'function_version': target.version,
                             'project_id': target.project_id,
                             'os_session': None},
                 'timeout': target.timeout}
        try:
            while not self.stopping:
                answer = self._call(order, target, deadline, held)
                if answer is not None:
                    return _outcome(answer)
            sentence = 'The service was stopped.'
        except Cancelled:
            sentence = 'The execution was cancelled.'
        except scaling_module.NoWorker as e:
            sentence = f'No worker was free in time: {e}.'
        except invoker_module.Lost as e:
            LOG.warning('The worker of execution %s is lost: %s',
                        row['id'], e)
            sentence = ('The service was stopped.' if self.stopping else
                        'The worker died while it ran the function.')
        except (exception.PermanentError, exception.TemporaryError) as e:
            sentence = f'No worker can run the function: {e}'
        except Exception:
            LOG.exception('Execution %s met an unexpected fault.', row['id'])
            sentence = 'An internal fault of the service; see its log.'
        return executions.fault(sentence)

    def _call(self, order, target, deadline, held):
        """The agent's answer; ``None`` when the worker had not begun, so
        that another may."""
        member = self._scaling.acquire(target, deadline)
        held.worker, broken = member.worker, True
        try:
            if held.cancelled:
                broken = False
                raise Cancelled()
            status, answer = self._invoker.execute(
                member.worker, order, target.timeout + MARGIN)
            broken = status != 200
            if broken and status not in NOT_BEGUN:
                raise invoker_module.Lost(answer.get('error', status))
        except invoker_module.NotSent as e:
            LOG.info('Worker %s is gone: %s', member.worker.name, e)
            return None
        finally:
            self._scaling.done(member, broken)
        if broken:
            LOG.warning('Worker %s refused: %s', member.worker.name, answer)
            return None
        return answer


def _outcome(answer):
    status = (ExecutionStatus.SUCCESS if answer['status'] == 'success'
              else ExecutionStatus.FAILED)
    result = json.dumps({'output': answer['output'],
                         'duration': answer['duration']})
    # PostgreSQL has no NUL in texts.
    return executions.Outcome(
        status, result, answer['log'].replace('\0', '\ufffd'))
