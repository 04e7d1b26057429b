# SPDX-License-Identifier: Apache-2.0
"""Tests of the Kubernetes orchestrator with broken watches."""

from unittest import mock

from oslotest import base

from qinling.orchestrators.kubernetes import view
from qinling.tests.contracts import kubernetes_drivers

RUNTIME = kubernetes_drivers.RUNTIME


class TestWatches(kubernetes_drivers.Troubled, base.BaseTestCase):
    """Tests of an engine with broken watches."""

    def check_changes_are_seen(self, driver):
        """Check that the driver sees the current changes."""
        for _ in range(2):
            self.ping(self.claim(driver))
        self.wait_until(lambda: driver.pools()[RUNTIME].available == 1)
        worker = self.claim(driver)
        self.kubelet.kill(self.cluster.namespace, worker.name)
        self.wait_until(lambda: [worker] == driver.lost)

    def test_interrupted_watch(self):
        driver = self.make_pool()
        self.cluster.cut_watches()
        self.check_changes_are_seen(driver)

    def test_silent_watch(self):
        with mock.patch.object(view, 'SILENCE_SECONDS', 3):
            driver = self.make_pool()
            self.cluster.mute_watches()
            self.check_changes_are_seen(driver)

    def test_watch_that_does_not_survive_an_outage(self):
        driver = self.make_pool()
        self.cluster.mute_watches()
        outage = self.faults.reset(times=None)
        self.wait_until(lambda: outage.met
                        and driver._api.outages.is_present)
        self.faults.remove(outage)
        self.wait_until(lambda: not driver._api.outages.is_present)
        self.check_changes_are_seen(driver)

    def test_server_restored_from_a_backup(self):
        driver = self.make_pool()
        lists = self.count(200, verb='list', resource='pods')
        for informer in driver._view._informers:
            # Of an event that the server has forgotten.
            informer._version = str(self.cluster.store.version + 10 ** 6)
        self.cluster.cut_watches()
        self.wait_until(lambda: self.count(
            200, verb='list', resource='pods') > lists)
        self.check_changes_are_seen(driver)

    def test_changes_during_an_interruption(self):
        driver = self.make_pool()
        worker = self.claim(driver)
        self.faults.status(500, times=6, verb='watch')
        self.cluster.cut_watches()
        self.kubelet.kill(self.cluster.namespace, worker.name, oom=True)
        self.wait_until(lambda: [worker] == driver.lost)

    def test_expired_history_as_an_event(self):
        self.check_expired_history(as_status=False)

    def test_expired_history_as_a_status(self):
        self.check_expired_history(as_status=True)

    def check_expired_history(self, as_status):
        driver = self.make_pool()
        worker = self.claim(driver)
        lists = self.count(200, verb='list', resource='pods')
        # The watch is cut, and cannot reconnect before the worker and all
        # events of the worker have gone.
        fault = self.faults.reset(times=None, verb='watch')
        self.cluster.cut_watches()
        self.wait_until(lambda: fault.met)
        self.admin().delete_namespaced_pod(
            worker.name, self.cluster.namespace, grace_period_seconds=0)
        self.cluster.compact(as_status)
        self.faults.clear()
        self.wait_until(lambda: [worker] == driver.lost)
        self.assertGreater(self.count(200, verb='list', resource='pods'),
                           lists)
        self.assertEqual([], driver.claimed())
        driver.lost.clear()
        self.check_changes_are_seen(driver)

    def test_lists_are_read_in_pages(self):
        driver = self.make_pool(pool_size=3)
        with mock.patch('qinling.orchestrators.kubernetes.view.PAGE', 2):
            second = self.make_pool(pool_size=3)
            self.assertEqual(3, second.pools()[RUNTIME].total)
            self.wait_until(
                lambda: second.pools()[RUNTIME].available == 3)
        # Each driver has a watch of its own.
        self.wait_until(lambda: driver.pools() == second.pools())
