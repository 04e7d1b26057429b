# SPDX-License-Identifier: Apache-2.0
"""Tests of pools with quick claims of workers."""

from unittest import mock

from oslotest import base

from qinling.orchestrators.kubernetes import demand
from qinling.tests.contracts import kubernetes_drivers
from qinling.tests.kubernetes import resources

RUNTIME = kubernetes_drivers.RUNTIME


class TestDemand(kubernetes_drivers.Troubled, base.BaseTestCase):
    """Tests of pools of up to 5 workers."""

    def setUp(self):
        super().setUp()
        # On a slow machine, the claims of a test are further apart.
        self.enterContext(mock.patch.object(demand, 'REFILL_SECONDS', 3600))

    def read_size(self):
        pool, = self.cluster.store.list(resources.DEPLOYMENTS,
                                        self.cluster.namespace)
        return pool['spec']['replicas']

    def wait_available(self, driver, number):
        self.wait_until(lambda: driver.pools()[RUNTIME].available == number)

    def test_a_pool_grows_before_it_is_empty(self):
        driver = self.make_pool(pool_size=2, max_replicas=5)
        self.wait_available(driver, 2)
        self.claim(driver)
        # One more than before: the next claims come as quickly.
        self.wait_available(driver, 3)
        for _ in range(3):
            self.claim(driver)
        self.wait_available(driver, 5)
        self.assertEqual(0, self.count(201, verb='create', resource='pods'))
        self.assertEqual(5, self.read_size())

    def test_a_pool_grows_although_the_sweep_comes_first(self):
        driver = self.make_pool(pool_size=1, max_replicas=5)
        self.wait_available(driver, 1)
        growth = driver._demand
        submit = growth._background.submit

        def sweep_first(*args):
            growth.shrink()
            submit(*args)
        with mock.patch.object(growth._background, 'submit', sweep_first):
            self.claim(driver)
            self.wait_available(driver, 2)

    def test_a_pool_grows_after_an_unexpected_error(self):
        driver = self.make_pool(pool_size=1, max_replicas=5)
        self.wait_available(driver, 1)
        growth = driver._demand
        with mock.patch.object(growth, '_write', side_effect=KeyError) as (
                write):
            self.claim(driver)
            self.wait_until(lambda: write.called and not growth._resizing)
        # A claim of an empty pool may count twice: for a pod of its own, and
        # for an idle one that is faster.
        self.wait_available(driver, 1)
        self.claim(driver)
        self.wait_until(lambda: self.read_size() == 3)

    def test_a_pool_shrinks(self):
        driver = self.make_pool(pool_size=1, max_replicas=5)
        with mock.patch.object(demand, 'QUIET_SECONDS', 3600):
            self.claim(driver)
            self.wait_available(driver, 2)
        with mock.patch.object(demand, 'QUIET_SECONDS', 0):
            self.wait_available(driver, 1)
        self.assertEqual(1, self.read_size())

    def test_an_engine_that_starts_keeps_the_size(self):
        driver = self.make_pool(pool_size=1, max_replicas=5)
        self.claim(driver)
        self.wait_available(driver, 2)
        updates = self.count(200, verb='update', resource='deployments')
        second = self.make_pool(pool_size=1, max_replicas=5)
        self.assertEqual(2, second.pools()[RUNTIME].available)
        self.assertEqual(updates, self.count(200, verb='update',
                                             resource='deployments'))
