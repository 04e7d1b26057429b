# SPDX-License-Identifier: Apache-2.0
"""Slots, queues, and growth of worker sets."""

import threading
import time

from oslotest import base

from qinling.core import targets
from qinling.engine.workers import scaling
from qinling import exception
from qinling.orchestrators import base as orchestrators
from qinling.tests import databases

PATIENCE = 90


def target(function='f', version=0, package='p', timeout=5):
    return targets.Target(
        project_id='x', function_id=function, version=version, alias=None,
        runtime_id='r', runtime_status='available', code={},
        package=package, entry='main.main', cpu=100, memory_size=1,
        timeout=timeout)


class Workers:
    """Source of workers with a limit, delays and faults."""

    def __init__(self, limit=100):
        self.limit = limit
        self.alive = []
        self.started = 0
        self.error = None
        self.gate = threading.Event()
        self.gate.set()
        self.calls = threading.Semaphore(0)

    def start(self, target):
        self.calls.release()
        if not self.gate.wait(PATIENCE):
            raise AssertionError('The gate stayed closed.')
        if self.error:
            raise self.error
        if len(self.alive) >= self.limit:
            raise exception.NoRoom('there is no more')
        self.started += 1
        worker = orchestrators.Worker(
            f'w{self.started}', 'r', 'unix:/none', 'secret')
        self.alive.append(worker.name)
        return worker

    def release(self, worker, disconnected=False):
        if worker.name in self.alive:
            self.alive.remove(worker.name)
        return f'{worker.name} died' if disconnected else None


class TestScaling(base.BaseTestCase):
    """Slots of an engine."""

    def setUp(self):
        super().setUp()
        self.workers = Workers()
        self.scaling = scaling.Scaling(3, self.workers)

    def acquire(self, target, patience=PATIENCE):
        return self.scaling.acquire_slot(
            target, time.monotonic() + patience)

    def start_thread(self, action):
        """Return a started thread and the list for the outcome."""
        results = []

        def run():
            try:
                results.append(action())
            except Exception as e:
                results.append(e)
        thread = threading.Thread(target=run)
        thread.start()
        self.addCleanup(thread.join, PATIENCE)
        return thread, results

    def test_slots_of_a_worker_are_filled(self):
        slots = [self.acquire(target()) for _ in range(3)]
        self.assertEqual(1, self.workers.started)
        self.assertEqual(1, len({slot.worker.name for slot in slots}))
        self.acquire(target())
        self.assertEqual(2, self.workers.started)

    def test_released_slots_are_reused(self):
        for _ in range(5):
            self.scaling.release_slot(self.acquire(target()))
        self.assertEqual(1, self.workers.started)

    def test_the_busiest_worker_is_filled_first(self):
        slots = [self.acquire(target()) for _ in range(4)]
        self.scaling.release_slot(slots[0])
        self.assertEqual(slots[1].worker, self.acquire(target()).worker)

    def test_fingerprints_do_not_share_workers(self):
        first = self.acquire(target(package='a'))
        second = self.acquire(target(package='b'))
        self.assertNotEqual(first.worker, second.worker)

    def test_timeouts_share_workers(self):
        first = self.acquire(target(timeout=1))
        second = self.acquire(target(timeout=2))
        self.assertEqual(first.worker, second.worker)

    def test_concurrent_callers_share_new_workers(self):
        self.workers.gate.clear()
        threads = [self.start_thread(lambda: self.acquire(target()))
                   for _ in range(6)]
        for _ in range(2):
            self.assertTrue(self.workers.calls.acquire(timeout=PATIENCE))
        self.workers.gate.set()
        for thread, _ in threads:
            thread.join(PATIENCE)
        self.assertEqual(2, self.workers.started)
        self.assertEqual([3, 3], sorted(
            results[0].busy_slots for _, results in threads)[::3])

    def test_acquire_waits_for_a_slot(self):
        self.workers.limit = 1
        slots = [self.acquire(target()) for _ in range(3)]
        thread, results = self.start_thread(lambda: self.acquire(target()))
        self.assertTrue(self.workers.calls.acquire(timeout=PATIENCE))
        self.assertTrue(self.workers.calls.acquire(timeout=PATIENCE))
        self.scaling.release_slot(slots[0])
        thread.join(PATIENCE)
        self.assertEqual(slots[0].worker, results[0].worker)

    def test_acquire_fails_at_the_deadline(self):
        self.workers.limit = 0
        error = self.assertRaises(
            scaling.NoWorker, self.acquire, target(), 1)
        self.assertIn('there is no more', str(error))

    def test_permanent_errors_raise_at_once(self):
        self.workers.error = exception.PermanentError('bad image')
        self.assertRaises(exception.PermanentError, self.acquire, target())
        self.workers.error = None
        self.assertEqual(1, self.acquire(target()).busy_slots)

    def test_idle_workers_of_other_functions_are_replaced(self):
        self.workers.limit = 1
        self.scaling.release_slot(self.acquire(target('old')))
        self.assertEqual('w2', self.acquire(target('new')).worker.name)
        self.assertEqual(['w2'], self.workers.alive)

    def test_workers_are_replaced_after_their_last_execution(self):
        self.workers.limit = 1
        slot = self.acquire(target('old'))
        self.workers.calls.acquire()
        thread, results = self.start_thread(
            lambda: self.acquire(target('new')))
        self.assertTrue(self.workers.calls.acquire(timeout=PATIENCE))
        self.scaling.release_slot(slot)
        thread.join(PATIENCE)
        self.assertEqual('w2', results[0].worker.name)

    def test_broken_workers_are_released(self):
        slots = [self.acquire(target()) for _ in range(2)]
        self.scaling.release_slot(slots[0], is_broken=True)
        self.assertEqual([], self.workers.alive)
        self.scaling.release_slot(slots[1], is_broken=True)
        self.assertEqual('w2', self.acquire(target()).worker.name)

    def test_detach_lets_executions_finish(self):
        busy = self.acquire(target('a'))
        self.scaling.release_slot(self.acquire(target('b')))
        for name in ('a', 'b'):
            self.scaling.detach(name, None)
        self.assertEqual([busy.worker.name], self.workers.alive)
        self.assertNotEqual(busy.worker, self.acquire(target('a')).worker)
        self.scaling.release_slot(busy)
        self.assertEqual(['w3'], self.workers.alive)

    def test_scale_up_and_down(self):
        for _ in range(3):
            self.scaling.scale_up(target())
        self.assertEqual(3, len(self.workers.alive))
        self.scaling.scale_down(target(), 1)
        self.assertEqual(2, len(self.workers.alive))
        self.scaling.scale_down(target(), 9)
        self.assertEqual(1, len(self.workers.alive))
        self.scaling.scale_down(target('unknown'), 1)

    def test_scale_down_waits_for_starting_workers(self):
        self.scaling.scale_up(target())
        self.workers.gate.clear()
        up, _ = self.start_thread(lambda: self.scaling.scale_up(target()))
        for _ in range(2):
            self.assertTrue(self.workers.calls.acquire(timeout=PATIENCE))
        down, _ = self.start_thread(
            lambda: self.scaling.scale_down(target(), 9))
        worker_set = self.scaling._set_of(target())
        databases.wait_until(lambda: worker_set.settled._waiters)
        self.workers.gate.set()
        for thread in (up, down):
            thread.join(PATIENCE)
        self.assertEqual((2, 1), (self.workers.started,
                                  len(self.workers.alive)))

    def test_idle_workers_expire_and_busy_ones_do_not(self):
        busy = self.acquire(target('a'))
        self.scaling.release_slot(self.acquire(target('b')))
        self.scaling.expire_idle(3600)
        self.assertEqual(2, len(self.workers.alive))
        self.scaling.expire_idle(0)
        self.assertEqual([busy.worker.name], self.workers.alive)

    def test_empty_worker_sets_are_deleted(self):
        for number in range(5):
            self.scaling.release_slot(self.acquire(target(f'f{number}')))
        self.scaling.expire_idle(0)
        self.assertEqual({}, self.scaling._sets)

    def test_all_slots_of_a_lost_worker_get_the_reason(self):
        slots = [self.acquire(target()) for _ in range(3)]
        self.assertEqual(
            ['w1 died'] * 3,
            [self.scaling.release_slot(slot, True, is_lost=True)
             for slot in slots])
        self.assertEqual([], self.workers.alive)

    def test_dead_idle_workers_are_retired(self):
        slot = self.acquire(target())
        self.scaling.release_slot(slot)
        self.scaling.retire(slot.worker)
        self.assertEqual([], self.workers.alive)
        self.assertEqual('w2', self.acquire(target()).worker.name)

    def test_dead_busy_workers_get_no_executions(self):
        slot = self.acquire(target())
        self.scaling.retire(slot.worker)
        self.assertEqual('w2', self.acquire(target()).worker.name)
        self.scaling.release_slot(slot, True, is_lost=True)
        self.scaling.retire(slot.worker)
        self.assertEqual(['w2'], self.workers.alive)

    def test_busy_workers(self):
        slot, idle = self.acquire(target()), self.acquire(target('g'))
        self.scaling.release_slot(idle)
        self.assertEqual([slot.worker], self.scaling.busy_workers())

    def test_set_minimums_returns_missing_workers(self):
        minimums = [(target('a'), 2), (target('b'), 1)]
        missing = self.scaling.set_minimums(minimums)
        self.assertEqual([target('a'), target('a'), target('b')], missing)
        for missing_target in missing:
            self.scaling.scale_up(missing_target)
        self.assertEqual([], self.scaling.set_minimums(minimums))
        self.scaling.release_slot(self.acquire(target('b')), is_broken=True)
        self.assertEqual([target('b')], self.scaling.set_minimums(minimums))

    def test_provisioned_workers_do_not_expire(self):
        for _ in range(3):
            self.scaling.scale_up(target())
        self.scaling.set_minimums([(target(), 2)])
        self.scaling.expire_idle(0)
        self.assertEqual(2, len(self.workers.alive))
        self.scaling.expire_idle(0)
        self.assertEqual(2, len(self.workers.alive))
        self.scaling.set_minimums([])
        self.scaling.expire_idle(0)
        self.assertEqual([], self.workers.alive)

    def test_workers_of_an_older_fingerprint_expire(self):
        self.scaling.scale_up(target(package='old'))
        self.scaling.set_minimums([(target(package='old'), 1)])
        self.assertEqual([target(package='new')],
                         self.scaling.set_minimums(
                             [(target(package='new'), 1)]))
        self.scaling.expire_idle(0)
        self.assertEqual([], self.workers.alive)

    def test_provisioned_workers_are_replaced_last(self):
        self.workers.limit = 2
        self.scaling.scale_up(target())
        self.scaling.set_minimums([(target(), 1)])
        # The worker of this function is idle for a shorter time.
        self.scaling.release_slot(self.acquire(target('idle')))
        loaded = self.acquire(target('other'))
        self.assertEqual(['w1', 'w3'], self.workers.alive)
        # An execution that waits goes before a worker that waits for one.
        self.acquire(target('another'))
        self.assertEqual(['w3', 'w4'], self.workers.alive)
        self.scaling.release_slot(loaded)

    def test_growth_leaves_provisioned_workers(self):
        self.workers.limit = 1
        self.scaling.scale_up(target())
        self.scaling.set_minimums([(target(), 1), (target('other'), 1)])
        self.assertRaises(exception.NoRoom, self.scaling.scale_up,
                          target('other'))
        self.assertEqual(['w1'], self.workers.alive)

    def test_only_a_lack_of_room_replaces_idle_workers(self):
        self.scaling.release_slot(self.acquire(target('idle')))
        self.workers.error = exception.TemporaryError('the storage is down')
        self.assertRaises(exception.TemporaryError, self.scaling.scale_up,
                          target())
        self.assertRaises(scaling.NoWorker, self.acquire, target(), 0)
        self.assertEqual(['w1'], self.workers.alive)

    def test_functions_without_workers_are_refused_at_once(self):
        self.workers.error = exception.OutOfReach('away')
        self.assertRaises(exception.OutOfReach, self.acquire, target())

    def test_functions_with_workers_wait_for_slots(self):
        slots = [self.acquire(target()) for _ in range(3)]
        self.acquire(target('idle'))
        self.workers.error = exception.OutOfReach('away')
        _, results = self.start_thread(lambda: self.acquire(target()))
        self.workers.calls.acquire(timeout=PATIENCE)
        self.scaling.release_slot(slots[0])
        databases.wait_until(lambda: results)
        self.assertEqual(slots[0], results[0])
        # Nothing gave way.
        self.assertEqual(2, len(self.workers.alive))
