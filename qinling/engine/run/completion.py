# SPDX-License-Identifier: Apache-2.0
"""End of an attempt: the result, another attempt, or an on-failure call."""

import dataclasses
import datetime
import typing

from oslo_config import cfg
from oslo_log import log

from qinling import context
from qinling.core.execution import lifecycle
from qinling.core.execution import log_writes
from qinling.core.execution import outcomes
from qinling.core.execution import records
from qinling.core.function import retry_policy
from qinling.core import targets
from qinling.core.trigger import dead_letters
from qinling.core.trigger import on_failure
from qinling.db import models
from qinling.db import session
from qinling import exception
from qinling.states import ExecutionStatus

LOG = log.getLogger(__name__)

End = outcomes.Ended | outcomes.RetryScheduled | None


class Submitter(typing.Protocol):
    """Queue of asynchronous executions of this engine."""

    def start(self, message: records.ExecutionMessage,
              target: targets.Target) -> None:
        """Queue an execution.

        :raises Unavailable: the engine stops.
        """


class RetryTimer(typing.Protocol):
    """Timer that starts the next attempt of an execution."""

    def schedule(self, at: datetime.datetime, id: str) -> None:
        """Start an attempt at a time."""


class Completion:
    """Ends attempts for one engine.

    Without the timer, the reaper starts the next attempts, somewhat late.
    """

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database,
                 submitter: Submitter, timer: RetryTimer) -> None:
        self._conf = conf
        self._db = db
        self._submitter = submitter
        self._timer = timer

    def submit(self, message: records.ExecutionMessage,
               target: targets.Target) -> None:
        """Queue an execution on this engine; see :class:`Submitter`."""
        self._submitter.start(message, target)

    def schedule_retry(self, at: datetime.datetime, id: str) -> None:
        """Start the next attempt of an execution at a time."""
        self._timer.schedule(at, id)

    def conclude(self, id: str, outcome: outcomes.Outcome,
                 target: targets.Target, *conditions: typing.Any,
                 params: dict[str, typing.Any] | None = None,
                 final: bool = False
                 ) -> End:
        """Write the end of an attempt with all consequences at once.

        :param conditions: see :func:`.lifecycle.end`.
        :param final: no further attempt may follow.
        :returns: ``None`` when the conditions did not hold.
        """
        if (target.async_policy is None
                or outcome.status is ExecutionStatus.SUCCESS):
            return lifecycle.finish(
                self._db, id, outcome, *conditions, params=params)
        failure = _Failure(self._conf, id, outcome, target.async_policy,
                           final)
        end = self._db.write(
            lambda tx: failure.conclude(tx, conditions, params))
        if isinstance(end, outcomes.RetryScheduled):
            self.schedule_retry(end.next_attempt_at, id)
        if failure.call is not None:
            self._submit_call(failure.call)
        return end

    def start_next(self, end: End) -> End:
        """Start the executions that waited for an end.

        :returns: the end for the client.
        """
        if not isinstance(end, outcomes.Ended) or not end.starts:
            return end
        for at, id in end.starts:
            self.schedule_retry(at, id)
        return dataclasses.replace(end, starts=())

    def _submit_call(self, call: records.NewExecution) -> None:
        if not call.has_message:
            return
        try:
            self.submit(call.message(), call.target)
        except exception.Unavailable as e:
            LOG.warning('Could not queue execution %s; the reaper will '
                        'requeue the execution: %s', call.row.id, e)


class _Failure:
    """A failed attempt.

    ``call`` is the on-failure call that :meth:`conclude` wrote, if any.
    """

    def __init__(self, conf: cfg.ConfigOpts, id: str,
                 outcome: outcomes.Outcome, policy: dict[str, typing.Any],
                 final: bool) -> None:
        self._conf = conf
        self._id = id
        self._outcome = outcome
        self._policy = policy
        self._final = final
        self.call: records.NewExecution | None = None

    def conclude(self, tx: session.Connection,
                 conditions: tuple[typing.Any, ...],
                 params: dict[str, typing.Any] | None) -> End:
        """Write what follows from the failure within a transaction."""
        # The database may run the transaction again from its start.
        self.call = None
        row = lifecycle.read(tx, context.admin(), self._id)
        if row is None:
            return None
        # A replay must cause nothing outside of its execution.
        final = self._final or row.is_replay
        at = None if final else retry_policy.next_attempt(
            self._policy, row.retry, row.created_at, models.now())
        if at is not None:
            scheduled = lifecycle.schedule_retry(
                tx, row, at, self._outcome.logs, *conditions, params=params)
            return outcomes.RetryScheduled(at) if scheduled else None
        ended = lifecycle.end(tx, self._id, self._outcome, *conditions,
                              params=params)
        # An on-failure call calls nothing on its own failure: the call could
        # be itself.
        if (ended and self._policy['on_failure']
                and not row.failed_id and not row.is_replay):
            self._write_call(tx, row)
        if ended and self._policy.get('dead_letters') and not row.is_replay:
            dead_letters.record_failure(tx, row, self._outcome)
        return ended

    def _write_call(self, tx: session.Connection,
                    row: records.ExecutionRow) -> None:
        try:
            self.call = on_failure.write(
                tx, self._conf, self._policy['on_failure'], row,
                self._outcome)
        except (exception.NotFound, exception.QuotaExceeded,
                exception.InputRefused) as e:
            LOG.warning('Could not call anything about the failure of '
                        'execution %s: %s', row.id, e)
            log_writes.replace_log(
                tx, row.id, f'{self._outcome.logs or ""}\n'
                            f'The on-failure call was not made: {e}\n')
