# SPDX-License-Identifier: Apache-2.0
"""Threads of the periodic tasks."""

import threading
from unittest import mock

from oslotest import base

from qinling.engine.periodic import tasks
from qinling import exception

PATIENCE = 60


class TestPeriodicTasks(base.BaseTestCase):

    def run_tasks(self, *actions, interval=PATIENCE):
        """Start tasks that the test stops.

        :returns: a mock that is called at each unavailability.
        """
        stopped, reaper = threading.Event(), mock.Mock(spec=['pause'])
        thread = tasks.PeriodicTasks(
            stopped, reaper, 'test', interval, *actions)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(stopped.set)
        return reaper.pause

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
        pause = self.run_tasks(fail, miss, done.set, interval=0.01)
        self.assertTrue(done.wait(PATIENCE))
        pause.assert_called()

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
