# SPDX-License-Identifier: Apache-2.0
"""Ends of the executions that jobs watch.

Every engine looks for ended executions of jobs with an overlap policy or a
limit of failures; then a queued fire time runs, or the job is paused.
"""

import functools
import random
import typing

from oslo_config import cfg
from oslo_log import log

from qinling import context
from qinling.core import engine_client
from qinling.core.execution import records
from qinling.core import targets
from qinling.core.trigger import overlap
from qinling.db import crud
from qinling.db import job_queries
from qinling.db import models
from qinling.db import session
from qinling.engine.periodic import audit
from qinling import exception
from qinling.telemetry import metrics

LOG = log.getLogger(__name__)

#: Jobs of one turn.
MAX_TURN_JOBS = 100


class Engine(typing.Protocol):
    """What fire times need of their engine."""

    def start(self, message: records.ExecutionMessage,
              target: targets.Target) -> None:
        """Queue an execution.

        :raises Unavailable: the engine stops.
        """

    def cancel(self, id: str) -> None:
        """Stop an execution that was cancelled, if this engine runs it."""


class Consequences:
    """What an engine does after decisions about jobs were committed."""

    def __init__(self, conf: cfg.ConfigOpts, engine: Engine) -> None:
        self._engine = engine
        self._reporter = audit.JobReporter(conf)

    def carry_out(self, effects: overlap.Effects) -> None:
        """Start and stop executions, and report refusals and pauses.

        The reaper of any engine starts executions of an engine that dies
        before; an engine notices a cancellation when it renews the lease.
        """
        for id in effects.cancelled_ids:
            self._engine.cancel(id)
        for execution in effects.new:
            try:
                engine_client.hand_over(self._engine, execution)
            except exception.Unavailable as e:
                LOG.warning('Could not queue execution %s; the reaper will '
                            'requeue the execution: %s', execution.row.id, e)
        for job, reason in effects.refused:
            metrics.fire_times_refused.inc()
            LOG.warning('Could not fire job %s: %s', job.id, reason)
        for job, reason in effects.paused:
            self._reporter.report_pause(job, reason)


class JobRuns:
    """Turns of one engine over the watched executions."""

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database,
                 engine: Engine) -> None:
        self._conf = conf
        self._db = db
        self._consequences = Consequences(conf, engine)

    def run(self) -> bool:
        """Act on ended executions; return whether more may have ended."""
        ids = list(self._db.read(job_queries.list_jobs_with_ended_runs,
                                 MAX_TURN_JOBS))
        # Engines that start with different jobs share the work.
        random.shuffle(ids)
        for id in ids:
            self._consequences.carry_out(self._db.write(
                functools.partial(self._settle, id)))
        return len(ids) == MAX_TURN_JOBS

    def _settle(self, id: str, tx: session.Connection) -> overlap.Effects:
        effects = overlap.Effects()
        job = crud.get(tx, context.admin(), models.Job, lock=True, id=id)
        if job is not None:
            overlap.Turn(tx, self._conf, job, effects).settle()
        return effects
