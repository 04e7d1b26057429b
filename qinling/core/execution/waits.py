# SPDX-License-Identifier: Apache-2.0
"""Waits of requests for the end of executions, and for their output."""

from oslo_config import cfg

from qinling import context
from qinling.core.execution import admission as admission_module
from qinling.core.execution import executions
from qinling.core.execution import log_stream
from qinling.core.execution import records
from qinling import exception


class Waits:
    """Waits in one process.

    A wait occupies a thread, so waits share the threads with synchronous
    executions, under the same limits for a function and a project.
    """

    def __init__(self, conf: cfg.ConfigOpts,
                 admission: admission_module.Admission,
                 existing: executions.Executions) -> None:
        self._options = conf.api
        self._admission = admission
        self._executions = existing

    def wait(self, ctx: context.RequestContext, row: records.ExecutionRow,
             seconds: float) -> tuple[records.ExecutionRow, float | None]:
        """Wait for the end of an execution.

        :returns: the row, and the seconds allowed for the wait; ``None`` if
            no thread was free for a wait.
        :raises ExecutionDeleted: the execution was deleted meanwhile.
        """
        seconds = min(seconds, self._options.max_wait)
        try:
            with self._admission.thread(row):
                return executions.poll_until_ended(
                    lambda: self._executions.get_again(ctx, row.id),
                    seconds), seconds
        except exception.TooManyExecutions:
            return row, None

    def follow_log(self, ctx: context.RequestContext, id: str, offset: int
                   ) -> log_stream.LogStream:
        """Return a stream of the log of an execution.

        :param offset: characters to leave out.
        :raises ExecutionNotFound: the caller sees no such execution.
        :raises TooManyExecutions: no thread is free for a stream.
        """
        row = self._executions.get(ctx, id)
        slot = self._admission.thread(row)
        slot.__enter__()
        return log_stream.LogStream(ctx, self._executions, id, offset, slot,
                                    self._options.max_wait)
