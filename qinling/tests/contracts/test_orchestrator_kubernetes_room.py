# SPDX-License-Identifier: Apache-2.0
"""Tests of the Kubernetes orchestrator on a full cluster."""

from oslotest import base

from qinling import exception
from qinling.orchestrators.kubernetes import pods
from qinling.tests.contracts import kubernetes_drivers
from qinling.tests.contracts import test_orchestrator
from qinling.tests.kubernetes import resources

RUNTIME = kubernetes_drivers.RUNTIME


class TestFullNode(kubernetes_drivers.Troubled, base.BaseTestCase):
    """Tests with a single small node."""

    def setUp(self):
        super().setUp()

        def close(node):
            node['spec']['unschedulable'] = True
        self.cluster.registry.change(resources.NODES, '', 'node-2', close)

    def limit_node(self, **allocatable):
        """Limit what pods may request on the node."""
        def change(node):
            node['status']['allocatable'].update(allocatable)
        self.cluster.registry.change(resources.NODES, '', 'node-1', change,
                                     subresource='status')

    def read(self, name):
        return self.cluster.store.get(
            resources.PODS, self.cluster.namespace, name)

    def requested_cpu(self, name):
        container, = self.read(name)['spec']['containers']
        return container['resources']['requests']['cpu']

    def check_resize_is_taken_back(self, worker):
        self.wait_until(lambda: [
            call for call in self.cluster.calls
            if call.subresource == 'resize'][1:])
        self.wait_until(lambda: self.requested_cpu(worker.name) == '10m')
        self.wait_until(lambda: pods.find_pending_resize(
            self.read(worker.name)) is None)
        self.ping(worker)

    def test_infeasible_resize_is_taken_back(self):
        driver = self.make_pool()
        self.limit_node(cpu='400m')
        self.check_resize_is_taken_back(self.claim(driver))

    def test_deferred_resize_is_taken_back(self):
        driver = self.make_pool(pool_size=2)
        self.limit_node(cpu='600m')
        first = self.claim(driver)
        self.wait_until(lambda: pods.get_container(self.read(first.name))[
            'resources']['requests']['cpu'] == '500m')
        self.check_resize_is_taken_back(self.claim(driver))
        self.assertEqual('500m', self.requested_cpu(first.name))

    def test_idle_functions_make_room(self):
        # Each function requests half a core until it rests.
        driver = self.make_pool()
        self.limit_node(cpu='700m')
        for _number in range(5):
            worker = self.claim(driver)
            self.await_size(worker, '500m')
            driver.reserve(worker, test_orchestrator.LIMITS, True)
            self.await_size(worker, '10m')
            self.ping(worker)
        driver.reserve(worker, test_orchestrator.LIMITS, False)
        self.await_size(worker, '500m')

    def await_size(self, worker, cpu):
        """Wait until a CPU request is in force."""
        self.wait_until(lambda: pods.get_container(self.read(worker.name))[
            'resources']['requests']['cpu'] == cpu)

    def test_idle_worker_gives_way(self):
        driver = self.make_pool(claim_timeout=60)
        self.limit_node(pods='2')
        idle, calls = [self.claim(driver), self.claim(driver)], []

        def give_way():
            calls.append(None)
            if idle:
                driver.release(idle.pop())
        driver.on_full = give_way
        self.ping(self.claim(driver))
        self.assertNotEqual([], calls)

    def test_nothing_gives_way(self):
        driver = self.make_pool(claim_timeout=1)
        self.limit_node(pods='1')
        self.claim(driver)
        error = self.assertRaises(exception.NoRoom, self.claim, driver)
        self.assertIn('Unschedulable', str(error))

    def test_silent_api_server_is_no_full_cluster(self):
        driver = self.make_pool()
        self.faults.reset(times=None)
        self.cluster.cut_all()
        error = self.assertRaises(exception.TemporaryError, self.claim,
                                  driver)
        self.assertNotIsInstance(error, exception.NoRoom)
        self.faults.clear()
