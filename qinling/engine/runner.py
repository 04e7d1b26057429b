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

import json
import threading
import time

from oslo_log import log

from qinling.core import executions
from qinling.core import inputs
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


class WorkerDied(Exception):
    """A worker went away with an execution.

    :param detail: what was seen of it.
    :param death: a :class:`~qinling.orchestrators.base.Death`, or ``None``.
    """

    def __init__(self, detail, death):
        super().__init__(detail)
        self.sentence = (death.sentence if death else
                         'The worker died while it ran the function.')
        self.own_fault = bool(death and death.own_fault)


class Runner:
    """Runs executions for one engine.

    :param owner: the engine's name in the column ``owner``.
    :param images: a :class:`qinling.engine.images.Images`.
    """

    def __init__(self, conf, db, owner, scaling, invoker, images=None):
        self._images = images
        self._conf = conf
        self._db = db
        self._owner = owner
        self._scaling = scaling
        self._invoker = invoker
        self._lock = threading.Lock()
        #: id -> when it was taken, on time.monotonic()
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
        with self._lock:
            self._held[row['id']] = time.monotonic()
            self.idle.clear()
        try:
            outcome = self._attempt(row, target)
            if (self.stopping and not row['sync']
                    and outcome.status is ExecutionStatus.ERROR):
                return self._leave(row['id'])
            return executions.finish(
                self._db, row['id'], outcome, executions.MINE,
                params={'mine': self._owner})
        finally:
            with self._lock:
                del self._held[row['id']]
                if not self._held:
                    self.idle.set()

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
            return [id for id, since in self._held.items() if since <= limit]

    def _attempt(self, row, target):
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
            if target.code['source'] == 'image':
                return self._images.run(row['id'], target, args, kwargs)
            while not self.stopping:
                answer = self._call(order, target, deadline)
                if answer is not None:
                    return _outcome(answer)
            sentence = 'The service was stopped.'
        except scaling_module.NoWorker as e:
            sentence = f'No worker was free in time: {e}.'
        except WorkerDied as e:
            LOG.warning('The worker of execution %s is lost: %s',
                        row['id'], e)
            if e.own_fault:
                return executions.Outcome(
                    ExecutionStatus.FAILED,
                    json.dumps({'output': e.sentence}))
            sentence = ('The service was stopped.' if self.stopping
                        else e.sentence)
        except (exception.PermanentError, exception.TemporaryError) as e:
            sentence = f'No worker can run the function: {e}'
        except Exception:
            LOG.exception('Execution %s met an unexpected fault.', row['id'])
            sentence = 'An internal fault of the service; see its log.'
        return executions.fault(sentence)

    def _call(self, order, target, deadline):
        """The agent's answer; ``None`` when the worker had not begun, so
        that another may."""
        member = self._scaling.acquire(target, deadline)
        broken, lost, death = True, None, None
        try:
            status, answer = self._invoker.execute(
                member.worker, order, target.timeout + MARGIN)
            broken = status != 200
            if broken and status not in NOT_BEGUN:
                lost = str(answer.get('error', status))
        except invoker_module.NotSent as e:
            LOG.info('Worker %s is gone: %s', member.worker.name, e)
            return None
        except invoker_module.Lost as e:
            lost = str(e)
        finally:
            death = self._scaling.done(member, broken, lost is not None)
        if lost is not None:
            raise WorkerDied(lost, death)
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
