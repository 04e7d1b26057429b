# SPDX-License-Identifier: Apache-2.0
"""Executions of this engine: claimed, run, and ended once."""

from collections.abc import Callable
import dataclasses
import datetime
import functools
import threading
import time

from oslo_config import cfg
from oslo_log import log

from qinling import context
from qinling.core.execution import contracts
from qinling.core.execution import lifecycle
from qinling.core.execution import log_writes
from qinling.core.execution import outcomes
from qinling.core.execution import records
from qinling.core.execution import releases
from qinling.core.function import retry_policy
from qinling.core.function import schemas
from qinling.core import targets
from qinling.db import crud
from qinling.db import models
from qinling.db import session
from qinling.engine.run import attempts as attempts_module
from qinling.engine.run import claims
from qinling.engine.run import completion as completion_module
from qinling.engine.run import durations
from qinling.engine.run import late_rows
from qinling.engine.run import unreachable
from qinling.engine.run import write_retries
from qinling.engine.workers import builds as builds_module
from qinling.engine.workers import tokens
from qinling import exception
from qinling.states import ExecutionReason
from qinling.states import ExecutionStatus

LOG = log.getLogger(__name__)

_MODEL = models.Execution
#: End of an execution whose outcome the database refuses.
UNWRITABLE = outcomes.platform_fault(
    'The execution has ended, but its outcome could not be stored.')

_End = completion_module.End


class Runner:
    """Runs executions for one engine.

    :param owner: name of the engine in the column ``owner``.
    """

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database,
                 owner: str, attempts: attempts_module.Attempts,
                 completion: completion_module.Completion,
                 builds: builds_module.Builds) -> None:
        self._conf = conf
        self._db = db
        self._owner = owner
        self._attempts = attempts
        self._completion = completion
        self._builds = builds
        self._retries = write_retries.WriteRetries(attempts)
        self._late_rows = late_rows.LateRows(db, conf.engine.lease)
        self._unreachable = unreachable.Unreachable(
            db, owner, self._late_rows, completion, self._retries)
        self._lock = threading.Lock()
        self._claimed: dict[str, claims.ClaimedExecution] = {}
        self._durations = durations.Durations(conf)
        self._idle = threading.Condition(self._lock)
        self._is_awaited = False

    def run(self, message: records.ExecutionMessage, target: targets.Target,
            claimed: claims.ClaimedExecution | None = None) -> _End:
        """Run an execution to its end.

        The runner first claims an execution of another owner.

        :param claimed: state of a streamed execution.
        :returns: ``None`` when another engine owns the execution.
        :raises OrchestratorUnavailable: nothing has started.
        """
        id = message.id
        claimed = claimed or claims.ClaimedExecution(time.monotonic())
        with self._lock:
            if id in self._claimed:  # the bus delivered the message twice
                return None
            self._claimed[id] = claimed
        try:
            if message.unwritten is not None:
                self._late_rows.add(message.unwritten)
                if message.write_first and not self._late_rows.claim(id):
                    return None
            # Without the retry, a claim whose answer is lost would wait.
            elif message.owner != self._owner and not self._retries.write(
                    lambda: self._claim(id),
                    self._conf.engine.queue_timeout):
                return None
            try:
                end = (self._run_sync if message.sync else
                       self._run_async)(message, target, claimed)
            except exception.OutOfReach as e:
                end = self._unreachable.take_back(message, e)
            self._durations.observe(
                message, target, end, time.monotonic() - claimed.since)
            return end
        finally:
            claimed.mark_ended()
            if message.unwritten is not None:
                self._late_rows.discard(id)
            with self._lock:
                del self._claimed[id]
                if self._is_awaited:
                    self._idle.notify_all()

    @property
    def is_idle(self) -> bool:
        """Return whether the engine runs no execution."""
        return not self._claimed

    def wait_idle(self, timeout: float) -> bool:
        """Wait until the engine runs no execution.

        :param timeout: seconds.
        :returns: whether the engine is idle.
        """
        with self._lock:
            self._is_awaited = True
            return self._idle.wait_for(lambda: not self._claimed, timeout)

    def _claim(self, id: str) -> bool:
        return lifecycle.claim(
            self._db, id, self._owner, models.now() + datetime.timedelta(
                seconds=self._conf.engine.lease))

    def _run_sync(self, message: records.ExecutionMessage,
                  target: targets.Target,
                  claimed: claims.ClaimedExecution) -> _End:
        outcome = message.mark(self._attempt(message, target, claimed))
        return self._write_end(message, claimed, outcome, functools.partial(
            self._finish, message.id, outcome))

    def _finish(self, id: str, outcome: outcomes.Outcome) -> _End:
        return self._late_rows.end(id, outcome) or lifecycle.finish(
            self._db, id, outcome, lifecycle.OWNED_BY_ME,
            params={'me': self._owner})

    def _run_async(self, message: records.ExecutionMessage,
                   target: targets.Target,
                   claimed: claims.ClaimedExecution) -> _End:
        while True:
            claimed.disrupted = False
            expired = self._expired(message.id, target)
            outcome = expired or self._attempt(message, target, claimed)
            if not (claimed.disrupted and self._start_again(message.id)):
                break
        outcome = message.mark(outcome)
        if (self._attempts.stopping
                and outcome.status is ExecutionStatus.ERROR):
            # The engine stops, not the function.
            releases.release_claim(self._db, message.id, self._owner)
            return None
        return self._write_end(message, claimed, outcome, lambda: (
            self._completion.conclude(
                message.id, outcome, target, lifecycle.OWNED_BY_ME,
                params={'me': self._owner}, final=expired is not None)))

    def _start_again(self, id: str) -> bool:
        """Count another attempt, if the platform may still try."""
        return not self._attempts.stopping and self._retries.write(
            lambda: releases.start_again(
                self._db, id, self._owner, self._conf.engine.max_attempts))

    def _attempt(self, message: records.ExecutionMessage,
                 target: targets.Target,
                 claimed: claims.ClaimedExecution
                 ) -> outcomes.Outcome:
        """Make one attempt, with the latest code if the target is gone."""
        while True:
            if not message.sync:
                self._builds.settle(target, lambda: (
                    claimed.cancelled or self._attempts.stopping))
            try:
                if target.schema_digest is None:
                    return self._attempts.run(message, target, claimed)
                return self._run_checked(message, target, claimed)
            except (exception.TargetReplaced, tokens.TrustLost) as e:
                latest = self._latest(target)
                if isinstance(latest, outcomes.Outcome):
                    return latest
                if (latest.fingerprint == target.fingerprint
                        and latest.trust_id == target.trust_id):
                    return attempts_module.describe_lost_target(e)
                target = latest
                self._retries.write(functools.partial(
                    self._record_target, message.id, latest))

    def _run_checked(self, message: records.ExecutionMessage,
                     target: targets.Target,
                     claimed: claims.ClaimedExecution
                     ) -> outcomes.Outcome:
        """Make one attempt, and check the output."""
        try:
            # Before the run, since the code may change meanwhile.
            pair = self._retries.write(
                lambda: schemas.find(self._db, target))
        except exception.Conflict as e:
            return outcomes.platform_fault(str(e))
        return contracts.check_output(
            pair, self._attempts.run(message, target, claimed))

    def _record_target(self, id: str, target: targets.Target) -> None:
        self._late_rows.write(id)
        lifecycle.record_target(self._db, id, target)

    def _latest(self, target: targets.Target
                ) -> targets.Target | outcomes.Outcome:
        """Return the target of the same reference at this moment."""
        try:
            latest = self._retries.write(lambda: self._db.read(
                lambda tx: targets.resolve(
                    tx, context.admin(), target.function_id,
                    target.version)))
        except exception.NotFound:
            return outcomes.platform_fault(
                outcomes.GONE, ExecutionReason.NO_WORKER)
        return dataclasses.replace(latest, alias=target.alias,
                                   offline=target.offline)

    def _write_end(self, message: records.ExecutionMessage,
                   claimed: claims.ClaimedExecution,
                   outcome: outcomes.Outcome,
                   write: Callable[[], _End]) -> _End:
        try:
            end = self._retries.write(write)
        except exception.Unavailable:
            raise
        except Exception:
            # Without an end, the execution would run again.
            LOG.exception('Could not write the outcome of execution %s.',
                          message.id)
            end = self._retries.write(lambda: self._finish(
                message.id, message.mark(UNWRITABLE)))
        if end is None and claimed.cancelled:
            log_writes.store_log(self._db, message.id, outcome.logs)
        return self._completion.start_next(end)

    def _expired(self, id: str, target: targets.Target
                 ) -> outcomes.Outcome | None:
        """Return the outcome of an execution that is older than allowed."""
        policy = target.async_policy
        if policy is None or policy['max_age'] is None:
            return None
        rows = self._db.read(lambda tx: crud.select(
            tx, _MODEL, _MODEL.id == id, only=(_MODEL.created_at,)))
        if not rows or not retry_policy.is_too_old(
                policy, rows[0].created_at, models.now()):
            return None
        return outcomes.platform_fault(
            'The execution did not start within its max_age of '
            f'{policy["max_age"]} s.', ExecutionReason.EXPIRED)

    def cancel(self, id: str) -> None:
        """Stop an execution lost by this engine.

        The row has ended, was deleted or belongs to another engine, so no
        result of this engine can be written.
        """
        with self._lock:
            claimed = self._claimed.get(id)
        if claimed is None or lifecycle.is_owner(self._db, id, self._owner):
            return
        self._attempts.cancel(id, claimed)

    def read_log(self, id: str, offset: int) -> str | None:
        """Return the log of an execution that runs here, if any."""
        with self._lock:
            claimed = self._claimed.get(id)
        return None if claimed is None else self._attempts.read_log(
            id, claimed, offset)

    def claimed_ids(self) -> list[str]:
        """Return the ids of executions that run here."""
        with self._lock:
            return list(self._claimed)

    def leased_ids(self, older_than: float) -> list[str]:
        """Return the ids of executions with a lease of so many seconds."""
        with self._lock:
            return [id for id, claimed in self._claimed.items()
                    if claimed.since <= time.monotonic() - older_than
                    and not self._late_rows.is_unwritten(id)]

    def close(self) -> None:
        """Stop writing the rows of running executions."""
        self._late_rows.close()
