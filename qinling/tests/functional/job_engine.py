# SPDX-License-Identifier: Apache-2.0
"""Program with the part of an engine that fires jobs.

Arguments: the connection of the database, and ``overlaps`` to decide also
about executions of a job that overlap.
"""

import sys
import threading

from qinling import conf as qinling_conf
from qinling.db import session
from qinling.engine import background
from qinling.engine.periodic import job_runs
from qinling.engine.periodic import scheduler
from qinling.engine.periodic import tasks

TURN_SECONDS = 0.05


class Queue:
    """Queue whose executions nothing runs."""

    def start(self, message, target):
        """Do nothing."""


def main():
    """Fire jobs until the process is killed."""
    connection, *options = sys.argv[1:]
    conf = qinling_conf.load([], [])
    conf.set_override('connection', connection, group='database')
    scheduler.Scheduler(conf, session.Database(conf), Queue(),
                        background.Background()).start()
    if 'overlaps' in options:
        tasks.PeriodicTasks(
            threading.Event(), lambda: None, 'jobs', TURN_SECONDS,
            job_runs.JobRuns(conf, session.Database(conf), Queue()).run
            ).start()
    print('started', flush=True)
    threading.Event().wait()
