# SPDX-License-Identifier: Apache-2.0
"""Periodic tasks that any engine does for all, over the database alone."""

from collections.abc import Callable

from oslo_config import cfg

from qinling.core.rollout import turns
from qinling.db import session
from qinling.engine.periodic import budgets
from qinling.engine.periodic import tasks

#: Seconds between two looks at the rollouts.
ROLLOUT_SECONDS = 2
#: Seconds between two comparisons of budgets.
BUDGET_SECONDS = 30


def create_tasks(conf: cfg.ConfigOpts, db: session.Database,
                 create: Callable[..., tasks.PeriodicTasks]
                 ) -> list[tasks.PeriodicTasks]:
    """Return the threads of the tasks.

    :param create: returns a thread for a name, an interval and tasks.
    """
    return [
        create('rollouts', ROLLOUT_SECONDS, turns.Turns(db).run),
        # Alone in its thread, since receivers of warnings may be slow.
        create('budgets', BUDGET_SECONDS, budgets.BudgetTask(conf, db).run)]
