# SPDX-License-Identifier: Apache-2.0
"""Executions of image functions: one container each, without a worker."""

import json
import typing

from oslo_config import cfg

from qinling.core.execution import records
from qinling.core import targets
from qinling import exception
from qinling.orchestrators import base
from qinling.states import ExecutionReason
from qinling.states import ExecutionStatus


class Images:
    """Runs images on an orchestrator that supports images."""

    def __init__(self, conf: cfg.ConfigOpts,
                 orchestrator: base.Orchestrator) -> None:
        self._conf = conf
        self._orchestrator = orchestrator

    def run(self, id: str, args: list[typing.Any],
            kwargs: dict[str, typing.Any], target: targets.Target
            ) -> records.Outcome:
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
        end = self._orchestrator.run_image(base.ImageRun(
            execution_id=id, function_id=target.function_id,
            image=target.code['image'], args=tuple(words), cpu=target.cpu,
            memory_size=target.memory_size, timeout=target.timeout,
            max_log_size=self._conf.engine.max_log_size))
        status, reason = ExecutionStatus.SUCCESS, None
        if not end.success:
            status = ExecutionStatus.FAILED
            reason = ExecutionReason(end.reason or 'user_error')
        # PostgreSQL refuses NUL in texts.
        logs = end.log.replace('\0', '\ufffd')
        output = logs if end.success else end.sentence
        result = {'output': output[:self._conf.engine.max_result_size],
                  'duration': end.duration}
        return records.Outcome(status, json.dumps(result), logs, reason)

    def cancel(self, id: str) -> None:
        """Stop the container of an execution, if any runs."""
        if isinstance(self._orchestrator, base.ImageRunner):
            self._orchestrator.cancel_image(id)
