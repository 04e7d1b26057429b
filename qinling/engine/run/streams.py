# SPDX-License-Identifier: Apache-2.0
"""Streamed executions of this engine: started, and read while they run.

Each runs in a thread of its own.  The reader asks for one part after another,
so a lost part, or another reader, only costs another question.
"""

import threading
import time

from oslo_log import log

from qinling import context
from qinling.core.execution import concurrency
from qinling.core.execution import outcomes
from qinling.core.execution import records
from qinling.core import targets
from qinling.engine.run import claims
from qinling.engine.run import output_buffer
from qinling.engine.run import runner as runner_module
from qinling import exception

LOG = log.getLogger(__name__)

#: Seconds that an ended output waits for its reader.
LINGER_SECONDS = 5
#: Seconds that a reader may wait for a part.
MAX_WAIT_SECONDS = 5


class Slot(concurrency.Slot):
    """Thread of the engine for a streamed execution."""

    def create_rejection(self) -> Exception:
        """Return the exception to raise without a thread."""
        return exception.Unavailable(
            reason='the engine streams as many outputs of the function, or '
                   'of its project, as allowed; try again later.')


class Streams:
    """Streamed executions of one engine.

    :param threads: executions at the same time.
    """

    def __init__(self, runner: runner_module.Runner, threads: int) -> None:
        self._runner = runner
        self._limiter = concurrency.ConcurrencyLimiter(threads)
        self._buffers: dict[str, output_buffer.OutputBuffer] = {}

    def start(self, message: records.ExecutionMessage,
              target: targets.Target) -> None:
        """Run an execution in a thread, and return immediately.

        :raises Unavailable: too many executions are streamed.
        """
        if message.id in self._buffers:
            return  # the bus delivered the message twice
        slot = Slot(self._limiter, target.project_id, target.function_id)
        slot.__enter__()
        buffer = self._buffers[message.id] = output_buffer.OutputBuffer()
        try:
            threading.Thread(
                target=self._run, args=(message, target, buffer, slot),
                name='stream', daemon=True).start()
        except BaseException:
            del self._buffers[message.id]
            slot.__exit__()
            raise

    def _run(self, message: records.ExecutionMessage, target: targets.Target,
             buffer: output_buffer.OutputBuffer, slot: Slot) -> None:
        context.log_context(message.trace, target.project_id).use_in_log()
        try:
            self._runner.run(message, target, claims.ClaimedExecution(
                time.monotonic(), stream=buffer))
        except exception.Unavailable as e:
            LOG.warning('Could not write the end of execution %s; the reaper '
                        'will end the execution: %s', message.id, e)
        except Exception:
            LOG.exception('Could not run execution %s.', message.id)
        finally:
            buffer.end()
            slot.__exit__()
            buffer.wait_until_read(LINGER_SECONDS)
            del self._buffers[message.id]

    def read(self, id: str, offset: int, seconds: float
             ) -> outcomes.OutputPart | None:
        """Return the next part of an output, ``None`` without a stream."""
        buffer = self._buffers.get(id)
        return None if buffer is None else buffer.read(
            offset, min(seconds, MAX_WAIT_SECONDS))
