# SPDX-License-Identifier: Apache-2.0
"""Seats, queues, growth and shrinkage."""

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
    """A supply of workers that can be short, slow or broken."""

    def __init__(self, most=100):
        self.most = most
        self.alive = []
        self.made = 0
        self.error = None
        self.gate = threading.Event()
        self.gate.set()
        self.asked = threading.Semaphore(0)

    def start(self, target):
        self.asked.release()
        if not self.gate.wait(PATIENCE):
            raise AssertionError('The gate stayed closed.')
        if self.error:
            raise self.error
        if len(self.alive) >= self.most:
            raise exception.TemporaryError('there is no more')
        self.made += 1
        worker = orchestrators.Worker(
            f'w{self.made}', 'r', 'unix:/none', 'secret')
        self.alive.append(worker.name)
        return worker

    def release(self, worker, disconnected=False):
        if worker.name in self.alive:
            self.alive.remove(worker.name)
        return f'{worker.name} died' if disconnected else None


class TestScaling(base.BaseTestCase):
    """One engine's seats."""

    def setUp(self):
        super().setUp()
        self.workers = Workers()
        self.scaling = scaling.Scaling(3, self.workers)

    def acquire(self, target, patience=PATIENCE):
        return self.scaling.acquire_slot(
            target, time.monotonic() + patience)

    def in_thread(self, action):
        """A thread that has begun, with what it returned or raised."""
        found = []

        def run():
            try:
                found.append(action())
            except Exception as e:
                found.append(e)
        thread = threading.Thread(target=run)
        thread.start()
        self.addCleanup(thread.join, PATIENCE)
        return thread, found

    def test_seats_of_a_worker_are_shared(self):
        seats = [self.acquire(target()) for _ in range(3)]
        self.assertEqual(1, self.workers.made)
        self.assertEqual(1, len({seat.worker.name for seat in seats}))
        self.acquire(target())
        self.assertEqual(2, self.workers.made)

    def test_a_seat_given_back_is_used_again(self):
        for _ in range(5):
            self.scaling.release_slot(self.acquire(target()))
        self.assertEqual(1, self.workers.made)

    def test_the_busiest_worker_is_filled_first(self):
        seats = [self.acquire(target()) for _ in range(4)]
        self.scaling.release_slot(seats[0])
        self.assertEqual(seats[1].worker, self.acquire(target()).worker)

    def test_builds_never_share(self):
        first = self.acquire(target(package='a'))
        second = self.acquire(target(package='b'))
        self.assertNotEqual(first.worker, second.worker)

    def test_a_timeout_makes_no_other_build(self):
        first = self.acquire(target(timeout=1))
        second = self.acquire(target(timeout=2))
        self.assertEqual(first.worker, second.worker)

    def test_concurrent_callers_start_no_more_than_needed(self):
        self.workers.gate.clear()
        threads = [self.in_thread(lambda: self.acquire(target()))
                   for _ in range(6)]
        for _ in range(2):
            self.assertTrue(self.workers.asked.acquire(timeout=PATIENCE))
        self.workers.gate.set()
        for thread, _ in threads:
            thread.join(PATIENCE)
        self.assertEqual(2, self.workers.made)
        self.assertEqual(
            [3, 3], sorted(found[0].busy_slots for _, found in threads)[::3])

    def test_waits_for_a_seat(self):
        self.workers.most = 1
        seats = [self.acquire(target()) for _ in range(3)]
        thread, found = self.in_thread(lambda: self.acquire(target()))
        self.assertTrue(self.workers.asked.acquire(timeout=PATIENCE))
        self.assertTrue(self.workers.asked.acquire(timeout=PATIENCE))
        self.scaling.release_slot(seats[0])
        thread.join(PATIENCE)
        self.assertEqual(seats[0].worker, found[0].worker)

    def test_gives_up_at_the_deadline(self):
        self.workers.most = 0
        error = self.assertRaises(
            scaling.NoWorker, self.acquire, target(), 1)
        self.assertIn('there is no more', str(error))

    def test_permanent_trouble_is_told_at_once(self):
        self.workers.error = exception.PermanentError('bad image')
        self.assertRaises(exception.PermanentError, self.acquire, target())
        self.workers.error = None
        self.assertEqual(1, self.acquire(target()).busy_slots)

    def test_an_idle_worker_of_another_function_gives_way(self):
        self.workers.most = 1
        self.scaling.release_slot(self.acquire(target('old')))
        self.assertEqual('w2', self.acquire(target('new')).worker.name)
        self.assertEqual(['w2'], self.workers.alive)

    def test_a_busy_worker_gives_way_when_it_is_done(self):
        self.workers.most = 1
        seat = self.acquire(target('old'))
        self.workers.asked.acquire()
        thread, found = self.in_thread(lambda: self.acquire(target('new')))
        self.assertTrue(self.workers.asked.acquire(timeout=PATIENCE))
        self.scaling.release_slot(seat)
        thread.join(PATIENCE)
        self.assertEqual('w2', found[0].worker.name)

    def test_a_broken_worker_is_destroyed(self):
        seats = [self.acquire(target()) for _ in range(2)]
        self.scaling.release_slot(seats[0], is_broken=True)
        self.assertEqual([], self.workers.alive)
        self.scaling.release_slot(seats[1], is_broken=True)
        self.assertEqual('w2', self.acquire(target()).worker.name)

    def test_detach_lets_work_end(self):
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

    def test_scale_down_waits_for_those_that_start(self):
        self.scaling.scale_up(target())
        self.workers.gate.clear()
        up, _ = self.in_thread(lambda: self.scaling.scale_up(target()))
        for _ in range(2):
            self.assertTrue(self.workers.asked.acquire(timeout=PATIENCE))
        down, _ = self.in_thread(
            lambda: self.scaling.scale_down(target(), 9))
        group = self.scaling._set_of(target())
        databases.wait_until(lambda: group.settled._waiters)
        self.workers.gate.set()
        for thread in (up, down):
            thread.join(PATIENCE)
        self.assertEqual((2, 1), (self.workers.made,
                                  len(self.workers.alive)))

    def test_idle_workers_expire_and_busy_ones_do_not(self):
        busy = self.acquire(target('a'))
        self.scaling.release_slot(self.acquire(target('b')))
        self.scaling.expire_idle(3600)
        self.assertEqual(2, len(self.workers.alive))
        self.scaling.expire_idle(0)
        self.assertEqual([busy.worker.name], self.workers.alive)

    def test_nothing_is_kept_of_groups_that_are_gone(self):
        for number in range(5):
            self.scaling.release_slot(self.acquire(target(f'f{number}')))
        self.scaling.expire_idle(0)
        self.assertEqual({}, self.scaling._sets)

    def test_everybody_on_a_lost_worker_learns_why(self):
        seats = [self.acquire(target()) for _ in range(3)]
        self.assertEqual(
            ['w1 died'] * 3,
            [self.scaling.release_slot(seat, True, is_lost=True)
             for seat in seats])
        self.assertEqual([], self.workers.alive)

    def test_idle_worker_that_died(self):
        seat = self.acquire(target())
        self.scaling.release_slot(seat)
        self.scaling.retire_dead(seat.worker)
        self.assertEqual([], self.workers.alive)
        self.assertEqual('w2', self.acquire(target()).worker.name)

    def test_busy_worker_that_died_gets_nothing_more(self):
        seat = self.acquire(target())
        self.scaling.retire_dead(seat.worker)
        self.assertEqual('w2', self.acquire(target()).worker.name)
        self.scaling.release_slot(seat, True, is_lost=True)
        self.scaling.retire_dead(seat.worker)
        self.assertEqual(['w2'], self.workers.alive)

    def test_busy_workers(self):
        seat, other = self.acquire(target()), self.acquire(target('g'))
        self.scaling.release_slot(other)
        self.assertEqual([seat.worker], self.scaling.busy_workers())

    def test_workers_that_are_missing(self):
        wanted = [(target('a'), 2), (target('b'), 1)]
        missing = self.scaling.set_minimums(wanted)
        self.assertEqual([target('a'), target('a'), target('b')], missing)
        for each in missing:
            self.scaling.scale_up(each)
        self.assertEqual([], self.scaling.set_minimums(wanted))
        self.scaling.release_slot(self.acquire(target('b')), is_broken=True)
        self.assertEqual([target('b')], self.scaling.set_minimums(wanted))

    def test_kept_workers_do_not_expire(self):
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

    def test_workers_of_an_older_build_expire(self):
        self.scaling.scale_up(target(package='old'))
        self.scaling.set_minimums([(target(package='old'), 1)])
        self.assertEqual([target(package='new')],
                         self.scaling.set_minimums(
                             [(target(package='new'), 1)]))
        self.scaling.expire_idle(0)
        self.assertEqual([], self.workers.alive)

    def test_kept_workers_give_way_to_nobody(self):
        self.workers.most = 1
        self.scaling.scale_up(target())
        self.scaling.set_minimums([(target(), 1)])
        self.assertRaises(scaling.NoWorker, self.acquire, target('other'),
                          0.05)
        self.assertEqual(['w1'], self.workers.alive)
