# SPDX-License-Identifier: Apache-2.0
"""Tests of the order of workers under load."""

import threading
from unittest import mock

from oslotest import base

from qinling.orchestrators.process import cpu_throttle


class Group:
    """Control group with a constant use of processors."""

    def __init__(self, use):
        self.use, self.spent, self.yielding = use, 0, False
        self.changes = self.measurements = 0

    def read_cpu_time(self):
        self.measurements += 1
        return self.spent

    def set_idle(self, idle):
        self.yielding = idle
        self.changes += 1


class TestCpuThrottle(base.BaseTestCase):
    """Machine with two processors."""

    def setUp(self):
        super().setUp()
        self.groups = []
        self.now = 1.0
        clock = mock.patch.object(cpu_throttle.time, 'monotonic',
                                  lambda: self.now)
        cores = mock.patch.object(cpu_throttle.os, 'cpu_count', lambda: 2)
        for patch in (clock, cores):
            patch.start()
            self.addCleanup(patch.stop)
        self.closing = threading.Event()
        self.service = Group(0)
        self.throttle = cpu_throttle.CpuThrottle(
            self, self, self.closing)

    def list_claimed_groups(self):
        return self.groups

    def read_cpu_time(self):
        """Return the processor time of the service and its workers."""
        return sum(group.spent for group in (self.service, *self.groups))

    def pass_time(self, *uses):
        """Return whether each group yields after two seconds with a number of
        busy processors."""
        self.groups += [Group(0) for _ in uses[len(self.groups):]]
        for _ in range(2):
            self.now += 1
            for group, use in zip((self.service, *self.groups),
                                  (self.service.use, *uses)):
                group.spent += use
            self.throttle.adjust_priorities()
        return [group.yielding for group in self.groups]

    def test_large_groups_yield_when_processors_are_short(self):
        self.assertEqual([True, False], self.pass_time(1.5, 0.1))

    def test_all_large_groups_yield(self):
        self.assertEqual([True] * 8 + [False],
                         self.pass_time(*[0.24] * 8, 0.05))

    def test_idle_workers_do_not_count(self):
        self.assertEqual([True, True, False, False],
                         self.pass_time(1, 0.9, 0, 0.001))

    def test_no_group_yields_with_enough_processors(self):
        self.assertEqual([False, False], self.pass_time(0.9, 0.05))

    def test_yielding_does_not_oscillate(self):
        self.pass_time(1.5, 0.1)
        self.assertEqual([True, False], self.pass_time(0.7, 0.1))
        self.assertEqual(1, self.groups[0].changes)
        self.assertEqual([False, False], self.pass_time(0.2, 0.1))

    def test_removed_group_is_forgotten(self):
        self.pass_time(1.5, 0.1)
        del self.groups[0]
        self.assertEqual([False], self.pass_time(0.1))

    def test_calm_machine_costs_one_measurement(self):
        self.pass_time(0.2, 0.2)
        self.assertEqual([0, 0], [x.measurements for x in self.groups])

    def test_service_may_use_the_processors(self):
        self.service.use = 1.6
        self.assertEqual([False, False], self.pass_time(0.3, 0.1))
        self.assertEqual(2, self.groups[0].measurements)

    def test_throttled_group_runs_again_when_calm(self):
        self.pass_time(1.5, 0.1)
        self.assertEqual([False, False], self.pass_time(0, 0))
        self.assertEqual(2, self.groups[0].changes)

    def test_no_groups(self):
        self.assertEqual([False, False], self.pass_time(0, 0))

    def test_thread_ends(self):
        with mock.patch.object(self.closing, 'wait',
                               side_effect=[False, True]) as wait:
            self.throttle._run()
        self.assertEqual(2, wait.call_count)
