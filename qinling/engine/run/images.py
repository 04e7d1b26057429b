# SPDX-License-Identifier: Apache-2.0
"""Executions of functions that are images: a container each, no worker."""

import json

from qinling.core.execution import executions
from qinling import exception
from qinling.orchestrators import base
from qinling.states import ExecutionStatus


class Images:
    """Runs images on the orchestrator, if it can."""

    def __init__(self, conf, orchestrator):
        self._conf = conf
        self._orchestrator = orchestrator

    def run(self, order, target):
        """The :class:`~qinling.core.execution.executions.Outcome` of one execution.

        A text as input is split at white space, as a shell would, into the
        arguments of the container; an object is one argument, as JSON.

        :param order: dict with ``execution_id``, ``args`` and ``kwargs``.
        :raises TemporaryError, PermanentError: it could not be begun.
        """
        if not self._orchestrator.runs_images:
            raise exception.PermanentError(
                'the orchestrator of this service runs no images')
        words = [word for value in order['args'] for word in
                 (value if isinstance(value, str)
                  else json.dumps(value)).split()]
        if order['kwargs']:
            words.append(json.dumps(order['kwargs']))
        found = self._orchestrator.run_image(base.ImageOrder(
            execution_id=order['execution_id'],
            function_id=target.function_id,
            image=target.code['image'], args=tuple(words), cpu=target.cpu,
            memory_size=target.memory_size, timeout=target.timeout,
            max_log_size=self._conf.engine.max_log_size))
        status = (ExecutionStatus.SUCCESS if found.success
                  else ExecutionStatus.FAILED)
        log = found.log.replace('\0', '\ufffd')
        output = found.sentence if not found.success else log
        result = {'output': output[:self._conf.engine.max_result_size],
                  'duration': found.duration}
        return executions.Outcome(status, json.dumps(result), log)

    def cancel(self, id):
        """End the container of an execution, if there is one."""
        self._orchestrator.cancel_image(id)
