# SPDX-License-Identifier: Apache-2.0
"""Turns that every engine takes, for rollouts or event sources, say."""

from collections.abc import Callable
import threading
import typing

from oslo_config import cfg

from qinling.core.operation import turns as operations
from qinling.core.rollout import turns as rollouts
from qinling.db import session
from qinling.engine.periodic import audit
from qinling.engine.periodic import budgets
from qinling.engine.periodic import event_sources
from qinling.engine.periodic import job_runs

#: Seconds between two looks at the rollouts, and at the operations.
ROLLOUT_SECONDS, OPERATION_SECONDS = 2, 1
#: Seconds between two looks at the watched executions of jobs.
JOB_RUN_SECONDS = 1
#: Seconds between two comparisons of budgets.
BUDGET_SECONDS = 30
#: Seconds between two looks at the event sources.
EVENT_SOURCE_SECONDS = 2


class Engine(operations.Engine, event_sources.Engine, typing.Protocol):
    """What the turns need of their engine."""


def list_turns(conf: cfg.ConfigOpts, db: session.Database,
               engine: Engine, stopped: threading.Event
               ) -> list[tuple[str, float, Callable[[], object]]]:
    """Return the name, the interval in seconds and the task of each turn."""
    return [('rollouts', ROLLOUT_SECONDS,
             rollouts.Turns(db, audit.RolloutReporter(conf)).run),
            ('operations', OPERATION_SECONDS,
             operations.Turns(conf, db, engine).run),
            ('jobs', JOB_RUN_SECONDS,
             job_runs.JobRuns(conf, db, engine).run),
            # Receivers of warnings may be slow.
            ('budgets', BUDGET_SECONDS, budgets.BudgetTask(conf, db).run),
            ('event sources', EVENT_SOURCE_SECONDS,
             event_sources.EventSources(conf, db, engine, stopped).run)]
