# SPDX-License-Identifier: Apache-2.0
"""Output of an execution, in parts while the function yields it."""

import dataclasses
import json
import typing

from oslo_log import log

from qinling import context
from qinling.core import engine_client
from qinling.core.execution import concurrency
from qinling.core.execution import dispatch as dispatch_module
from qinling.core.execution import executions as executions_module
from qinling.core.execution import outcomes
from qinling.core.execution import records
from qinling import exception
from qinling.states import ExecutionStatus

LOG = log.getLogger(__name__)

#: Seconds until an empty part, which finds clients that left.
WAIT_SECONDS = 1
_NO_HEAD = -1


@dataclasses.dataclass(frozen=True)
class Reader:
    """Caller that reads an output.

    :ivar timeout: seconds allowed for the function.
    :ivar cancels: leaving cancels a running execution.
    """

    ctx: context.RequestContext
    dispatch: dispatch_module.Dispatch
    executions: executions_module.Executions
    timeout: float
    cancels: bool


class OutputStream:
    """Iterator of the parts of an output; parts are empty in a silence.

    The iteration ends with the execution; then ``row`` is the ended row.

    :param row: the execution.
    :param owner: name of its engine, ``None`` if unknown.
    :param slot: released by :meth:`close`.
    """

    def __init__(self, engine: engine_client.EngineClient,
                 row: records.ExecutionRow, owner: str | None, reader: Reader,
                 slot: concurrency.Slot) -> None:
        self._engine = engine
        self._owner = owner
        self._reader = reader
        self._slot: concurrency.Slot | None = slot
        self._offset = _NO_HEAD
        self._has_ended = False
        self.row = row

    def __iter__(self) -> 'OutputStream':
        return self

    def __next__(self) -> outcomes.OutputPart:
        """Return the next part.

        :raises ExecutionDeleted: the execution was deleted meanwhile.
        """
        if self._has_ended:
            raise StopIteration
        part = None if self._owner is None else self._read(self._owner)
        if part is None:
            part = self._read_rest()
        if part.head is not None or part.output:
            self._offset = max(0, self._offset) + len(part.output)
        if not part.is_open:
            self._has_ended = True
            self._read_row()
        return part

    @property
    def has_parts(self) -> bool:
        """Return whether the function has yielded anything.

        The output of another function is in the row only.
        """
        return self._offset != _NO_HEAD

    def _read(self, owner: str) -> outcomes.OutputPart | None:
        """Return the next part, ``None`` if the engine has no more."""
        try:
            return self._engine.read_stream(
                self.row.id, owner, self._offset, WAIT_SECONDS)
        except exception.Unavailable as e:
            LOG.warning('Could not read the output of execution %s: %s',
                        self.row.id, e)
            return None

    def _read_row(self) -> None:
        if self.row.is_running:
            self.row = self._reader.dispatch.watch(
                self.row, self._reader.timeout)

    def _read_rest(self) -> outcomes.OutputPart:
        """Return what a lost engine has not streamed of the result."""
        self._read_row()
        output: typing.Any = []
        head = None
        if self.row.status == ExecutionStatus.SUCCESS and self.has_parts:
            output = json.loads(self.row.result or '{}').get('output')
            if isinstance(output, dict):
                head, output = output, output.get('body')
            if isinstance(output, str | list):
                output = output[self._offset:]
        return outcomes.OutputPart(output, head, is_open=False)

    @property
    def needs_reader(self) -> bool:
        """Return whether :meth:`close` would cancel the execution."""
        return self._reader.cancels and self.row.is_running

    def close(self) -> None:
        """Release the thread, and cancel an execution without a reader."""
        slot, self._slot = self._slot, None
        if slot is None:
            return
        slot.__exit__()
        if self.needs_reader:
            try:
                self._reader.executions.cancel(self._reader.ctx, self.row.id)
            except exception.QinlingError as e:
                LOG.info('Could not cancel execution %s: %s', self.row.id, e)
