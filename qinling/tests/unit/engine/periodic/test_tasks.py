# SPDX-License-Identifier: Apache-2.0
"""Threads of the periodic tasks."""

import threading

from oslotest import base

from qinling.engine.periodic import tasks
from qinling import exception

PATIENCE = 60


class TestPeriodicTasks(base.BaseTestCase):

    def run_tasks(self, *actions, interval=PATIENCE):
        """Start tasks that the test stops.

        :returns: a list that grows with each unavailability.
        """
        stopped, pauses = threading.Event(), []
        thread = tasks.PeriodicTasks(
            stopped, lambda: pauses.append(None), 'test', interval, *actions)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(stopped.set)
        return pauses

    def test_task_with_more_to_do_runs_again_soon(self):
        answers, done = [True, True, False], threading.Event()

        def work():
            answer = answers.pop(0)
            if not answers:
                done.set()
            return answer
        self.run_tasks(work)
        self.assertTrue(done.wait(PATIENCE / 2))

    def test_failures_stop_nothing(self):
        done = threading.Event()

        def fail():
            raise ValueError()

        def miss():
            raise exception.Unavailable(reason='the database is away.')
        pauses = self.run_tasks(fail, miss, done.set, interval=0.01)
        self.assertTrue(done.wait(PATIENCE))
        self.assertNotEqual([], pauses)

    def test_slow_task_delays_no_other_thread(self):
        release, beats, beaten = threading.Event(), [], threading.Event()

        def beat():
            beats.append(None)
            if len(beats) == 3:
                beaten.set()
        self.run_tasks(release.wait, interval=0.01)
        # The threads are joined after this.
        self.addCleanup(release.set)
        self.run_tasks(beat, interval=0.01)
        self.assertTrue(beaten.wait(PATIENCE))
