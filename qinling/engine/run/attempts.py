# SPDX-License-Identifier: Apache-2.0
"""One attempt to run an execution on a worker, or in a container."""

import logging
import time
import typing

from oslo_config import cfg
from oslo_log import log

from qinling.core.execution import outcomes
from qinling.core.execution import records
from qinling.core import targets
from qinling.engine.run import answers
from qinling.engine.run import claims
from qinling.engine.run import images as images_module
from qinling.engine.run import output_buffer
from qinling.engine.run import requests
from qinling.engine.workers import builds as builds_module
from qinling.engine.workers import invoker as invoker_module
from qinling.engine.workers import scaling as scaling_module
from qinling.engine.workers import tokens as tokens_module
from qinling import exception
from qinling.orchestrators import base as orchestrators
from qinling.states import ExecutionReason
from qinling.telemetry import metrics
from qinling.telemetry import tracing

LOG = log.getLogger(__name__)

#: Seconds that an agent may take beyond the timeouts of the import and of the
#: function, to kill the function and to hand over a large result.
AGENT_MARGIN_SECONDS = 15
#: Answers of an agent that has not started the execution: no code is
#: loaded; no slot is free, or the platform stops the worker.
NOT_LOADED, DRAINING = 409, 503
#: Seconds between two tries to cancel an execution on its way to a worker,
#: and the number of tries.
CANCEL_INTERVAL_SECONDS = 0.1
MAX_CANCEL_TRIES = 50
STOPPED = 'The service was stopped.'
#: Bytes of an answer beside output and log.  JSON may escape a byte of the
#: log as six, and a byte of the output as two.
ENVELOPE_BYTES, LOG_FACTOR, OUTPUT_FACTOR = 1 << 16, 6, 2


class Cancelled(Exception):
    """The execution was cancelled before a worker received the execution."""


class WorkerDied(Exception):
    """A worker died with an execution.

    :param detail: error of the connection to the worker.
    :param exit_reason: cause known to the orchestrator, or ``None``.
    """

    def __init__(self, detail: str,
                 exit_reason: orchestrators.ExitReason | None) -> None:
        super().__init__(detail)
        self.sentence = (exit_reason.sentence if exit_reason else
                         'The worker died while it ran the function.')
        self.is_own_fault = bool(exit_reason and exit_reason.own_fault)
        self.is_disrupted = bool(exit_reason and exit_reason.disrupted)


class Attempts:
    """Makes attempts for one engine."""

    def __init__(self, conf: cfg.ConfigOpts, scaling: scaling_module.Scaling,
                 invoker: invoker_module.Invoker,
                 tokens: tokens_module.Tokens,
                 images: images_module.Images,
                 tracer: tracing.Tracer | None = None) -> None:
        self._options = conf.engine
        self._read_options()
        conf.register_mutate_hook(self._read_options)
        self._scaling = scaling
        self._invoker = invoker
        self._tokens = tokens
        self._images = images
        self._tracer = tracer
        #: Set when the engine stops: no further attempt starts.
        self.stopping = False

    def run(self, message: records.ExecutionMessage, target: targets.Target,
            claimed: claims.ClaimedExecution) -> outcomes.Outcome:
        """Make one attempt.

        :raises TargetReplaced, TrustLost: the code or the trust of the
            target is gone; nothing has started.
        :raises OutOfReach: no worker can start now; nothing has started.
        """
        if LOG.isEnabledFor(logging.DEBUG):
            LOG.debug('Starting execution %s.', message.id)
        with tracing.start_span(
                self._tracer, 'execution', message.trace.traceparent,
                execution_id=message.id, function_id=target.function_id,
                function_version=target.version) as traceparent:
            request = requests.create_request(message, target, traceparent)
            try:
                return self._attempt(request, target, claimed)
            except exception.Unavailable as e:
                # Only the way to a worker needs the database or the store.
                raise exception.OutOfReach(str(e))

    def _attempt(self, request: requests.InvokeRequest,
                 target: targets.Target, claimed: claims.ClaimedExecution
                 ) -> outcomes.Outcome:
        id = request.execution_id
        try:
            request.context.update(self._tokens.context(target))
            return self._serve(request, target, claimed)
        except (exception.TargetReplaced, exception.OutOfReach,
                exception.Unavailable, tokens_module.TrustLost):
            raise
        except Cancelled:
            return outcomes.platform_fault('The execution was cancelled.',
                                           ExecutionReason.CANCELLED)
        except tokens_module.NoToken as e:
            return outcomes.platform_fault(str(e), ExecutionReason.NO_TOKEN)
        except scaling_module.NoWorker as e:
            return outcomes.platform_fault(
                f'No worker was free in time: {str(e).rstrip(".")}.',
                ExecutionReason.NO_WORKER)
        except WorkerDied as e:
            LOG.warning('Lost the worker of execution %s: %s', id, e)
            claimed.disrupted = e.is_disrupted
            return self._worker_died(e)
        except exception.Disrupted as e:
            claimed.disrupted = True
            return outcomes.platform_fault(str(e),
                                           ExecutionReason.WORKER_LOST)
        except (exception.PermanentError, exception.TemporaryError) as e:
            reason = (ExecutionReason.DEPENDENCIES
                      if isinstance(e, builds_module.NotInstalled)
                      else ExecutionReason.NO_WORKER)
            return outcomes.platform_fault(
                f'No worker can run the function: {e}', reason)
        except Exception:
            LOG.exception('Could not run execution %s.', id)
            return outcomes.platform_fault(exception.INTERNAL_FAULT)

    def _worker_died(self, error: WorkerDied) -> outcomes.Outcome:
        if error.is_own_fault:
            return outcomes.out_of_memory(error.sentence)
        if self.stopping:
            return outcomes.platform_fault(STOPPED, ExecutionReason.STOPPED)
        return outcomes.platform_fault(error.sentence,
                                       ExecutionReason.WORKER_LOST)

    def _serve(self, request: requests.InvokeRequest, target: targets.Target,
               claimed: claims.ClaimedExecution) -> outcomes.Outcome:
        if target.code['source'] == 'image':
            claimed.has_image = True
            if claimed.cancelled:
                raise Cancelled()
            return self._images.run(request.execution_id, request.args,
                                    request.kwargs, target, claimed)
        deadline = time.monotonic() + self._options.queue_timeout
        while not self.stopping:
            outcome = self._call(request, target, deadline, claimed)
            if outcome is not None:
                return outcome
        return outcomes.platform_fault(STOPPED, ExecutionReason.STOPPED)

    def _call(self, request: requests.InvokeRequest, target: targets.Target,
              deadline: float, claimed: claims.ClaimedExecution
              ) -> outcomes.Outcome | None:
        """Return the outcome that the agent reports.

        :returns: ``None`` when the worker had not started the execution, so
            that another worker may.
        """
        since = time.perf_counter()
        slot = self._scaling.acquire_slot(target, deadline)
        started = time.perf_counter()
        metrics.worker_wait.observe(started - since)
        is_broken, error, exit_reason, outcome = True, None, None, None
        claimed.worker = slot.worker
        try:
            if claimed.cancelled:
                is_broken = False
                raise Cancelled()
            status, answer = self._send(slot.worker, request, target,
                                        claimed.stream)
            if status == 200:
                outcome = answers.parse(answer, started)
                is_broken = False
            elif status == DRAINING:
                # Executions in its slots may finish.
                self._scaling.retire(slot.worker)
                is_broken = False
            elif status != NOT_LOADED:
                error = str(answer.get('error', status))
        except invoker_module.NotSent as e:
            LOG.info('Replacing worker %s: %s', slot.worker.name, e)
            return None
        except (invoker_module.Lost, answers.InvalidAnswer) as e:
            error = str(e)
        finally:
            exit_reason = self._scaling.release_slot(
                slot, is_broken, error is not None)
        if error is not None:
            raise WorkerDied(error, exit_reason)
        if is_broken:
            LOG.warning('Worker %s refused an execution: %s',
                        slot.worker.name, answer)
        return outcome

    def _send(self, worker: orchestrators.Worker,
              request: requests.InvokeRequest, target: targets.Target,
              stream: output_buffer.OutputBuffer | None
              ) -> tuple[int, dict[str, typing.Any]]:
        with tracing.start_span(self._tracer, 'worker',
                                request.context['traceparent'],
                                worker=worker.name) as traceparent:
            if stream is not None:
                return self._invoker.execute_streamed(
                    worker, request.payload(traceparent),
                    target.timeout + self._margin_seconds,
                    self._max_answer_bytes, stream.add)
            return self._invoker.execute(
                worker, request.payload(traceparent),
                target.timeout + self._margin_seconds, self._max_answer_bytes)

    def _read_options(self, *_changes: typing.Any) -> None:
        """Read the limits of an answer from the options."""
        self._margin_seconds = (self._options.import_timeout
                                + AGENT_MARGIN_SECONDS)
        self._max_answer_bytes = int(
            ENVELOPE_BYTES + LOG_FACTOR * self._options.max_log_size
            + OUTPUT_FACTOR * self._options.max_result_size)

    def read_log(self, id: str, claimed: claims.ClaimedExecution, offset: int
                 ) -> str | None:
        """Return the log of an execution on its worker, if there is one."""
        if claimed.worker is None:
            return None
        try:
            return self._invoker.read_log(claimed.worker, id, offset)
        except (invoker_module.NotSent, invoker_module.Lost) as e:
            LOG.info('Could not read the log of execution %s: %s', id, e)
            return None

    def cancel(self, id: str, claimed: claims.ClaimedExecution) -> None:
        """Stop an execution on its worker or in its container."""
        claimed.cancelled = True
        for _ in range(MAX_CANCEL_TRIES):
            if claimed.has_image:
                self._images.cancel(id)
            elif claimed.worker is not None:
                try:
                    if self._invoker.cancel(claimed.worker, id)[0] != 404:
                        return
                except (invoker_module.NotSent, invoker_module.Lost) as e:
                    LOG.info('Could not cancel execution %s: %s', id, e)
                    return
            if claimed.wait_ended(CANCEL_INTERVAL_SECONDS):
                return


def describe_lost_target(
        error: exception.TargetReplaced | tokens_module.TrustLost
        ) -> outcomes.Outcome:
    """Return the outcome if the latest target is no better."""
    if isinstance(error, tokens_module.TrustLost):
        return outcomes.platform_fault(str(error), ExecutionReason.NO_TOKEN)
    return outcomes.platform_fault(
        f'No worker can run the function: {error}',
        ExecutionReason.NO_WORKER)
