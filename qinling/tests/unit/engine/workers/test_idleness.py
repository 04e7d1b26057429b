# SPDX-License-Identifier: Apache-2.0
"""Reservations and lifetime of idle workers."""

import time
import types
from unittest import mock

from oslotest import base as test_base

from qinling.engine.workers import idleness
from qinling.engine.workers import scaling
from qinling.tests import fixtures
from qinling.tests.unit.engine.workers import test_scaling

HOUR = 3600


class TestIdleness(test_base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.conf = self.useFixture(fixtures.Conf()).conf
        self.now = time.monotonic()
        self.patch(idleness, 'time', types.SimpleNamespace(
            monotonic=lambda: self.now))
        self.workers = test_scaling.Workers()
        self.scaling = scaling.Scaling(3, self.workers)
        self.reservations = []
        orchestrator = mock.Mock()
        orchestrator.reserve = lambda worker, limits, is_idle: (
            self.reservations.append((worker.name, limits, is_idle)))
        self.idleness = idleness.Idleness(
            self.conf, orchestrator, self.scaling,
            mock.Mock(limits_of=lambda target: target.cpu))

    def acquire(self, function='f'):
        return self.scaling.acquire_slot(
            test_scaling.target(function), time.monotonic() + 90)

    def tend(self, seconds=0):
        """Tend after some seconds; return the reservations."""
        self.now += seconds
        self.reservations.clear()
        self.idleness.tend()
        return [(name, is_idle)
                for name, _limits, is_idle in self.reservations]

    def test_idle_workers_rest_once(self):
        loaded = self.acquire()
        self.assertEqual([], self.tend(idleness.REST_SECONDS + 1))
        self.scaling.release_slot(loaded)
        self.assertEqual([('w1', True)], self.tend())
        self.assertEqual([], self.tend(10))

    def test_used_workers_wake(self):
        self.scaling.release_slot(self.acquire())
        self.assertEqual([('w1', True)],
                         self.tend(idleness.REST_SECONDS + 1))
        loaded = self.acquire()
        self.assertEqual([('w1', False)], self.tend())
        self.assertEqual([('w1', 100, False)], self.reservations)
        self.scaling.release_slot(loaded)

    def lifetime(self):
        return self.idleness._adapt_lifetime()

    def test_lifetime_follows_the_option(self):
        self.assertEqual(HOUR, self.lifetime())
        self.conf.set_override('function_service_expiration', 30, 'engine')
        self.assertEqual(30, self.lifetime())

    def test_lifetime_shrinks_under_pressure(self):
        lifetimes = []
        for function in 'abcdefgh':
            self.scaling.release_slot(self.acquire(function))
            self.assertTrue(self.scaling.evict())
            lifetimes.append(self.lifetime())
        self.assertEqual([1800, 900, 450, 225, 112.5, 60, 60, 60], lifetimes)
        self.assertEqual([120, 240], [self.lifetime(), self.lifetime()])
        for _turn in range(5):
            self.lifetime()
        self.assertEqual(HOUR, self.lifetime())

    def test_pressure_ends_idle_workers(self):
        for function in 'ab':
            self.scaling.release_slot(self.acquire(function))
        self.idleness._lifetime = 0.0
        self.idleness.tend()
        self.assertEqual([], self.workers.alive)
