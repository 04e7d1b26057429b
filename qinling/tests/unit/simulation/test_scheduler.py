# SPDX-License-Identifier: Apache-2.0
"""Threads in virtual time, their ends and freezes."""

import gc

from oslotest import base

from qinling.tests.simulation import scheduler as scheduler_module
from qinling.tests.simulation import threads


class SchedulerTest(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.addCleanup(gc.collect)  # of greenlets
        self.scheduler = scheduler_module.Scheduler(1)
        threads.use(self.scheduler)
        self.addCleanup(threads.use, None)
        self.process = scheduler_module.Process('p')
        self.events = []

    def spawn(self, call, *args, process=None):
        """Start a thread."""
        self.scheduler.spawn(process or self.process, 'thread', call, *args)

    def note(self, event):
        """Record an event with its time."""
        self.events.append((self.scheduler.now, event))


class TestTime(SchedulerTest):
    def test_sleeps_take_no_time(self):
        def sleep(seconds):
            threads.time.sleep(seconds)
            self.note(seconds)
        for seconds in (3600, 5):
            self.spawn(sleep, seconds)
        self.scheduler.run(4000)
        self.assertEqual([(5, 5), (3600, 3600)], self.events)

    def test_end_of_the_time(self):
        self.spawn(threads.time.sleep, 10)
        self.scheduler.run(9)
        self.assertEqual(1, len(self.process.tasks))

    def test_livelock(self):
        def spin():
            while True:
                self.scheduler.pause('again')
        self.spawn(spin)
        self.spawn(spin)
        self.assertRaises(scheduler_module.Livelock, self.scheduler.run, 1)


class TestThreads(SchedulerTest):
    def test_lock(self):
        lock = threads.Lock()

        def work(name):
            with lock:
                self.note(name)
                threads.time.sleep(1)
                self.note(name)
        for name in 'abc':
            self.spawn(work, name)
        self.scheduler.run(10)
        names = [name for _, name in self.events]
        self.assertEqual(names[::2], names[1::2])
        self.assertEqual(['a', 'b', 'c'], sorted(names[::2]))

    def test_condition_and_event(self):
        changed, event = threads.Condition(), threads.Event()
        values = []

        def wait():
            with changed:
                self.note(changed.wait_for(lambda: values, 5))
            self.note(event.wait(1))

        def change():
            threads.time.sleep(2)
            with changed:
                values.append(1)
                changed.notify_all()
        self.spawn(wait)
        self.spawn(change)
        self.scheduler.run(10)
        self.assertEqual([(2, [1]), (3, False)], self.events)

    def test_pool(self):
        def use():
            pool = threads.ThreadPoolExecutor(1)
            calls = [pool.submit(threads.time.sleep, 1) for _ in range(3)]
            failed = pool.submit(int, 'x')
            self.note(calls[2].result())
            self.note(type(failed.exception()))
        self.spawn(use)
        self.scheduler.run(10)
        self.assertEqual([(3, None), (3, ValueError)], self.events)


class TestProcesses(SchedulerTest):
    def test_end_runs_no_further_step(self):
        def work():
            try:
                threads.time.sleep(2)
                self.note('too late')
            finally:
                # A dead process reaches no other one.
                self.scheduler.pause('clean up')
                self.note('too late')

        def end():
            threads.time.sleep(1)
            self.scheduler.end(self.process)
        self.spawn(work)
        self.spawn(end, process=scheduler_module.Process('q'))
        self.process.on_end.append(lambda: self.note('end'))
        self.scheduler.run(10)
        self.assertEqual([(1, 'end')], self.events)
        self.assertEqual([], self.scheduler.errors)

    def test_freeze(self):
        def work():
            threads.time.sleep(2)
            self.note('work')
        self.spawn(work)
        self.spawn(self.scheduler.freeze, self.process, 5,
                   process=scheduler_module.Process('q'))
        self.scheduler.run(10)
        self.assertEqual([(5, 'work')], self.events)

    def test_errors_of_threads_are_recorded(self):
        self.spawn(int, 'x')
        self.scheduler.run(1)
        self.assertIsInstance(self.scheduler.errors[0][1], ValueError)
