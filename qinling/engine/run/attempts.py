# SPDX-License-Identifier: Apache-2.0
"""One attempt to run an execution on a worker, or in a container."""

import dataclasses
import json
import threading
import time

from oslo_log import log

from qinling.core.execution import executions
from qinling.core.execution import inputs
from qinling.engine.run import invoker as invoker_module
from qinling.engine.run import tokens as tokens_module
from qinling.engine.workers import scaling as scaling_module
from qinling import exception
from qinling.states import ExecutionStatus
from qinling.telemetry import metrics
from qinling.telemetry import tracing

LOG = log.getLogger(__name__)

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
STOPPED = 'The service was stopped.'


class Cancelled(Exception):
    """The execution was cancelled before a worker had it."""


@dataclasses.dataclass(eq=False)
class Held:
    """An execution that this engine holds."""

    since: float
    worker: object = None
    has_image: bool = False
    cancelled: bool = False
    ended: threading.Event = dataclasses.field(
        default_factory=threading.Event)


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


class Attempts:
    """Makes attempts for one engine.

    :param scaling: a :class:`qinling.engine.workers.scaling.Scaling`.
    :param invoker: a :class:`qinling.engine.run.invoker.Invoker`.
    :param tokens: :class:`qinling.engine.run.tokens.Tokens`.
    :param images: :class:`qinling.engine.run.images.Images`.
    :param tracer: a :class:`qinling.telemetry.tracing.Tracer`, or ``None``.
    """

    def __init__(self, conf, scaling, invoker, tokens, images=None,
                 tracer=None):
        self._conf = conf
        self._scaling = scaling
        self._invoker = invoker
        self._tokens = tokens
        self._images = images
        self._tracer = tracer
        #: Set when the engine stops: nothing more is begun.
        self.stopping = False

    def run(self, row, target, held):
        """Make one attempt.

        :param row: dict with ``id``, ``input`` and perhaps ``trail``.
        :param held: the :class:`Held` of the execution.
        :returns: an :class:`~qinling.core.execution.executions.Outcome`.
        """
        LOG.debug('Execution %s begins.', row['id'])
        trail = row.get('trail') or {}
        with tracing.span(
                self._tracer, 'execution', trail.get('traceparent'),
                execution_id=row['id'], function_id=target.function_id,
                function_version=target.version) as parent:
            return self._attempt(
                _order(row, target, dict(trail, traceparent=parent)),
                target, held)

    def _attempt(self, order, target, held):
        try:
            order['context'].update(self._tokens.context(target))
            return self._serve(order, target, held)
        except Cancelled:
            sentence = 'The execution was cancelled.'
        except tokens_module.NoToken as e:
            sentence = str(e)
        except scaling_module.NoWorker as e:
            sentence = f'No worker was free in time: {e}.'
        except WorkerDied as e:
            LOG.warning('The worker of execution %s is lost: %s',
                        order['execution_id'], e)
            if e.own_fault:
                return executions.Outcome(
                    ExecutionStatus.FAILED,
                    json.dumps({'output': e.sentence}))
            sentence = STOPPED if self.stopping else e.sentence
        except (exception.PermanentError, exception.TemporaryError) as e:
            sentence = f'No worker can run the function: {e}'
        except Exception:
            LOG.exception('Execution %s met an unexpected fault.',
                          order['execution_id'])
            sentence = 'An internal fault of the service; see its log.'
        return executions.fault(sentence)

    def _serve(self, order, target, held):
        if target.code['source'] == 'image':
            held.has_image = True
            if held.cancelled:
                raise Cancelled()
            return self._images.run(order, target)
        deadline = time.monotonic() + self._conf.engine.queue_timeout
        while not self.stopping:
            answer = self._call(order, target, deadline, held)
            if answer is not None:
                return _outcome(answer)
        return executions.fault(STOPPED)

    def _call(self, order, target, deadline, held):
        """The agent's answer; ``None`` when the worker had not begun, so
        that another may."""
        since = time.perf_counter()
        member = self._scaling.acquire(target, deadline)
        metrics.seat_wait.observe(time.perf_counter() - since)
        broken, lost, death = True, None, None
        held.worker = member.worker
        try:
            if held.cancelled:
                broken = False
                raise Cancelled()
            status, answer = self._send(member.worker, order, target)
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

    def _send(self, worker, order, target):
        told = order['context']
        with tracing.span(self._tracer, 'worker', told['traceparent'],
                          worker=worker.name) as inner:
            return self._invoker.execute(
                worker, dict(order, context=dict(told, traceparent=inner)),
                target.timeout + MARGIN)

    def cancel(self, id, held):
        """End an execution wherever it is by now."""
        held.cancelled = True
        for _ in range(CANCEL_TRIES):
            if held.has_image:
                self._images.cancel(id)
            elif held.worker is not None:
                try:
                    if self._invoker.cancel(held.worker, id)[0] != 404:
                        return
                except (invoker_module.NotSent, invoker_module.Lost) as e:
                    LOG.info('Execution %s was not cancelled: %s', id, e)
                    return
            if held.ended.wait(CANCEL_INTERVAL):
                return


def _order(row, target, trail):
    """What a worker is told; see :mod:`qinling.runtimes.agent`."""
    args, kwargs = inputs.arguments(row['input'])
    told = {'execution_id': row['id'], 'function_id': target.function_id,
            'function_version': target.version,
            'project_id': target.project_id,
            'request_id': trail.get('request_id'),
            'traceparent': trail.get('traceparent')}
    return {'execution_id': row['id'], 'args': args, 'kwargs': kwargs,
            'context': told, 'timeout': target.timeout}


def _outcome(answer):
    status = (ExecutionStatus.SUCCESS if answer['status'] == 'success'
              else ExecutionStatus.FAILED)
    result = json.dumps({'output': answer['output'],
                         'duration': answer['duration']})
    # PostgreSQL has no NUL in texts.
    return executions.Outcome(
        status, result, answer['log'].replace('\0', '\ufffd'))
