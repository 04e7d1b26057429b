# SPDX-License-Identifier: Apache-2.0
"""Executions of image functions: one container each, without a worker."""

import json
import time
import typing

from oslo_config import cfg

from qinling.core.execution import outcomes
from qinling.core import targets
from qinling.engine.workers import installer
from qinling import exception
from qinling.orchestrators import base
from qinling.states import ExecutionReason
from qinling.states import ExecutionStatus


#: Seconds between two tries on an orchestrator without room.
RETRY_SECONDS = 1


class Cancellable(typing.Protocol):
    """Execution that may be cancelled."""

    cancelled: bool


class Images:
    """Runs images on an orchestrator that supports images.

    :param evictor: owner of the idle workers, which give way to an image.
    """

    def __init__(self, conf: cfg.ConfigOpts,
                 orchestrator: base.Orchestrator,
                 evictor: installer.Evictor) -> None:
        self._conf = conf
        self._orchestrator = orchestrator
        self._evictor = evictor

    def run(self, id: str, args: list[typing.Any],
            kwargs: dict[str, typing.Any], target: targets.Target,
            claimed: Cancellable) -> outcomes.Outcome:
        """Run one execution.

        Text input is split at white space, as a shell would, into the
        arguments of the container; an object is one argument, as JSON.

        :raises TemporaryError, PermanentError: the container did not start.
        """
        if not isinstance(self._orchestrator, base.ImageRunner):
            raise exception.PermanentError(
                'the orchestrator of this service runs no images')
        words = [word for value in args for word in
                 (value if isinstance(value, str)
                  else json.dumps(value)).split()]
        if kwargs:
            words.append(json.dumps(kwargs))
        started = time.perf_counter()
        end = self._run_with_room(claimed, self._orchestrator, base.ImageRun(
            execution_id=id, function_id=target.function_id,
            image=target.code['image'], args=tuple(words), cpu=target.cpu,
            memory_size=target.memory_size, timeout=target.timeout,
            max_log_size=self._conf.engine.max_log_size,
            offline=target.offline))
        status = ExecutionStatus.SUCCESS
        # PostgreSQL refuses NUL in texts.
        logs = output = end.log.replace('\0', '\ufffd')
        reason = detail = None
        if not end.success:
            status = ExecutionStatus.FAILED
            reason = ExecutionReason(end.reason or 'user_error')
            output, detail = outcomes.describe_failure(reason, end.sentence)
        result = {'output': output[:self._conf.engine.max_result_size],
                  'duration': end.duration}
        return outcomes.Outcome(status, json.dumps(result), logs, reason,
                                outcomes.Run(started, end.duration), detail)

    def _run_with_room(self, claimed: Cancellable, runner: base.ImageRunner,
                       run: base.ImageRun) -> base.ImageOutcome:
        deadline = time.monotonic() + self._conf.engine.queue_timeout
        while True:
            try:
                return runner.run_image(run)
            except exception.NoRoom:
                if claimed.cancelled or time.monotonic() >= deadline:
                    raise
            if not self._evictor.evict():
                time.sleep(RETRY_SECONDS)

    def cancel(self, id: str) -> None:
        """Stop the container of an execution, if any runs."""
        if isinstance(self._orchestrator, base.ImageRunner):
            self._orchestrator.cancel_image(id)
