# SPDX-License-Identifier: Apache-2.0
"""Executions as the API sees them: read, cancel and delete.

:mod:`qinling.core.trigger` creates executions.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
import dataclasses
import time

from oslo_config import cfg
from oslo_log import log

from qinling import context
from qinling.core import engine_client
from qinling.core.execution import flow_queue
from qinling.core.execution import flow_records
from qinling.core.execution import lifecycle
from qinling.core.execution import records
from qinling.db import crud
from qinling.db import execution_pages
from qinling.db import filtering
from qinling.db import models
from qinling.db import session
from qinling import exception
from qinling.states import ExecutionStatus

LOG = log.getLogger(__name__)

#: Names in lists -> columns.
_COLUMNS = {'ended_at': 'updated_at'}
#: Columns that lists leave out.
_LARGE_COLUMNS = ('logs',)
#: Seconds between two polls of an execution that another process runs.
MIN_POLL_SECONDS, MAX_POLL_SECONDS = 0.02, 0.5


@dataclasses.dataclass(kw_only=True)
class WaitingRow(records.ExecutionRow):
    """Execution that waits in a line."""

    waiting_for: flow_records.FlowPlace | None = None


class Executions:
    """Operations on existing executions."""

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database,
                 engine: engine_client.EngineClient) -> None:
        self._conf = conf
        self._db = db
        self._engine = engine

    def get(self, ctx: context.RequestContext, id: str
            ) -> records.ExecutionRow:
        """Return a execution.

        :raises ExecutionNotFound: the caller sees no such execution.
        """
        row = self._db.read(
            lambda tx: lifecycle.read(tx, ctx.visible_scope(), id))
        if row is None:
            raise exception.ExecutionNotFound(id=id)
        return row

    def get_again(self, ctx: context.RequestContext, id: str
                  ) -> records.ExecutionRow:
        """Return an execution whose end a request waits for.

        :raises ExecutionDeleted: the execution is gone meanwhile.
        """
        try:
            return self.get(ctx, id)
        except exception.ExecutionNotFound:
            raise exception.ExecutionDeleted(id=id)

    def describe_wait(self, row: records.ExecutionRow
                      ) -> records.ExecutionRow:
        """Return an execution with what it waits for, if in a line.

        See :func:`.flow_queue.describe_wait`.
        """
        if row.flow_key is None or not row.is_running or row.attempt:
            return row
        wait = self._db.read(flow_queue.describe_wait, row.id)
        if wait is None:
            return row
        # The ticket of a line is no time of an attempt.
        return WaitingRow(**{
            **vars(row), 'next_attempt_at': None, 'waiting_for': wait})

    def list(self, ctx: context.RequestContext,
             filters: Iterable[tuple[str, str]], page: crud.Page
             ) -> Sequence[records.ExecutionRow]:
        """Return a page of executions without their logs.

        :param filters: pairs of a column and a text; see
            :func:`qinling.db.filtering.parse`.
        :raises Invalid: see :mod:`qinling.db.execution_pages`.
        """
        parsed = parse_filters(filters)
        page = dataclasses.replace(page, sort_key=_COLUMNS.get(
            page.sort_key, page.sort_key))
        return [records.from_database(row) for row in self._db.read(
            lambda tx: execution_pages.select_page(
                tx, ctx, parsed, page, without=_LARGE_COLUMNS))]

    def log(self, ctx: context.RequestContext, id: str, offset: int = 0
            ) -> str:
        """Return the log, of a running execution until now."""
        return self.read_log(self.get(ctx, id), offset)

    def read_log(self, row: records.ExecutionRow, offset: int = 0) -> str:
        """Return the log of an execution.

        :param offset: characters to leave out.
        """
        if row.is_running and row.owner is not None and not row.logs:
            try:
                return self._engine.read_log(row.id, row.owner, offset) or ''
            except exception.Unavailable as e:
                LOG.info('Could not read the log of execution %s: %s', row.id,
                         e)
        return (row.logs or '')[offset:]

    def delete(self, ctx: context.RequestContext, id: str) -> None:
        """Delete an execution; the result of a running one is lost."""
        self.get(ctx, id)
        self._db.write(lambda tx: lifecycle.delete(tx, [id]))

    def cancel(self, ctx: context.RequestContext, id: str
               ) -> records.ExecutionRow:
        """End a running execution.

        The row ends immediately.  The engine learns of the cancellation by a
        message, or when it renews the lease.

        :raises ExecutionEnded: the execution has ended in another way.
        """
        row = self.get(ctx, id)
        self._db.write(lambda tx: lifecycle.cancel(tx, id),
                       batch=row.flow_key is None)
        row = self.get(ctx, id)
        if row.status != ExecutionStatus.CANCELLED:
            raise exception.ExecutionEnded(id=id, status=row.status)
        try:
            self._engine.cancel(id)
        except exception.Unavailable as e:
            LOG.warning('Could not notify the engine of the cancellation of '
                        'execution %s: %s', id, e)
        return row

    def wait(self, ctx: context.RequestContext, id: str
             ) -> records.ExecutionRow:
        """Return an execution that another request created.

        Wait for the end if the execution is synchronous.

        :raises ExecutionDeleted: the execution was deleted meanwhile.
        """
        row = self.get(ctx, id)
        if not (row.sync and row.is_running):
            return row
        return wait_until_ended(
            self._conf, lambda: self.get_again(ctx, id),
            self._conf.resource_limits.max_timeout)


def parse_filters(filters: Iterable[tuple[str, str]]
                  ) -> list[filtering.Filter]:
    """Return the filters of pairs of a name in lists and a text.

    :raises Invalid: see :func:`qinling.db.filtering.parse`.
    """
    return [filtering.parse(models.Execution, _COLUMNS.get(name, name), text)
            for name, text in filters]


def wait_until_ended(
        conf: cfg.ConfigOpts,
        read: Callable[[], records.ExecutionRow],
        timeout: float) -> records.ExecutionRow:
    """Poll an execution of another process.

    :param timeout: seconds allowed for the function.
    :returns: the row, still running after the timeout.
    """
    return poll_until_ended(read, timeout + (
        conf.engine.import_timeout + conf.engine.queue_timeout
        + 2 * conf.engine.lease))


def poll_until_ended(read: Callable[[], records.ExecutionRow],
                     seconds: float) -> records.ExecutionRow:
    """Poll an execution at most for a number of seconds."""
    end = time.monotonic() + seconds
    pause, row = MIN_POLL_SECONDS, read()
    while row.is_running and time.monotonic() < end:
        time.sleep(pause)
        pause, row = min(2 * pause, MAX_POLL_SECONDS), read()
    return row
