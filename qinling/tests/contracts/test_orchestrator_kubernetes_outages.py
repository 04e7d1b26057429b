# SPDX-License-Identifier: Apache-2.0
"""Tests of outages of the API server."""

import threading
import time

from oslotest import base

from qinling import exception
from qinling.orchestrators import base as orchestrators
from qinling.orchestrators.kubernetes import labels
from qinling.tests.contracts import kubernetes_drivers
from qinling.tests.kubernetes import images

RUNTIME = kubernetes_drivers.RUNTIME
LEASE = 2
#: Seconds of an outage, and after it, in which a dead engine would be noticed.
OUTAGE_SECONDS = 3 * LEASE


class TestOutages(kubernetes_drivers.Troubled, base.BaseTestCase):
    """Tests of one or two engines."""

    def pass_time(self, seconds):
        end = time.monotonic() + seconds
        self.wait_until(lambda: time.monotonic() > end)

    def begin_outage(self, driver):
        self.cluster.begin_outage()
        self.wait_until(lambda: driver._api.outages.is_present)

    def check_refusal(self, driver):
        since = time.monotonic()
        error = self.assertRaises(exception.OutOfReach, self.claim, driver)
        self.assertLess(time.monotonic() - since, 0.5)
        self.assertNotIsInstance(error, exception.NoRoom)

    def test_claims_are_refused_at_once(self):
        driver = self.make_pool(pool_size=2)
        worker = self.claim(driver)
        calls = []
        driver.on_full = calls.append
        self.begin_outage(driver)
        for _ in range(20):
            self.check_refusal(driver)
        self.ping(worker)
        self.cluster.end_outage(forbidden=3)
        self.ping(self.claim_soon(driver))
        self.assertEqual(([], []), (driver.lost, calls))

    def claim_soon(self, driver):
        """Return a worker; the first tries may fail for a time."""
        workers = []

        def is_claimed():
            try:
                workers.append(self.claim(driver))
            except exception.TemporaryError:
                return False
            return True
        self.wait_until(is_claimed)
        return workers[0]

    def test_waiting_claims_are_refused(self):
        driver = self.make_pool()
        self.claim(driver)
        self.wait_until(lambda: driver.pools()[RUNTIME].available == 1)
        self.kubelet.slow_ready(60)
        self.claim(driver)
        errors = []

        def claim():
            try:
                self.claim(driver)
            except exception.TemporaryError as error:
                errors.append(error)
        thread = threading.Thread(target=claim)
        thread.start()
        self.wait_until(lambda: len(self.pods(labels.CLAIMED)) == 3)
        self.begin_outage(driver)
        thread.join(self.patience)
        self.assertIsInstance(errors[0], exception.OutOfReach)
        self.cluster.end_outage()
        # The pod of the refused claim is not left behind.
        self.wait_until(lambda: len(self.pods(labels.CLAIMED)) == 2)

    def test_released_workers_end_after_the_outage(self):
        driver = self.make_pool()
        worker = self.claim(driver)
        self.begin_outage(driver)
        since = time.monotonic()
        driver.release(worker)
        self.assertLess(time.monotonic() - since, 0.5)
        self.cluster.end_outage()
        self.await_claimed()

    def test_forgotten_history(self):
        driver = self.make_pool()
        self.begin_outage(driver)
        self.admin()
        self.cluster.compact()
        self.cluster.end_outage()
        worker = self.claim_soon(driver)
        self.wait_until(lambda: driver.pools()[RUNTIME].available == 1)
        self.await_claimed(worker)

    def test_engines_do_not_bury_each_other(self):
        first = self.make_pool(pool_size=2, engine_lease=LEASE)
        second = self.make_pool(pool_size=2, engine_lease=LEASE)
        workers = [self.claim(first, 'build'), self.claim(second, 'build')]
        self.begin_outage(first)
        self.pass_time(OUTAGE_SECONDS)
        self.cluster.end_outage()
        third = self.claim_soon(first)
        # Time to sweep, more than once.
        self.pass_time(OUTAGE_SECONDS)
        for worker in workers:
            self.ping(worker)
        self.assertNotIn(third.name, {worker.name for worker in workers})
        self.assertEqual(([], []), (first.lost, second.lost))
        self.await_claimed(*workers, third)

    def test_images_end_in_an_outage(self):
        self.cluster.kubelet.images['example/slow:1'] = images.script(
            'import time; print("It starts."); time.sleep(2)')
        driver = self.make_pool()
        outcomes = []
        thread = threading.Thread(target=lambda: outcomes.append(
            driver.run_image(orchestrators.ImageRun(
                'e', 'f', 'example/slow:1', (), 100, 64 << 20, 3, 1000))))
        thread.start()
        self.wait_until(lambda: [
            pod for pod in self.cluster.pods(**{labels.STATE: labels.IMAGE})
            if pod['status'].get('phase') == 'Running'])
        self.begin_outage(driver)
        self.assertRaises(
            exception.OutOfReach, driver.run_image, orchestrators.ImageRun(
                'e2', 'f', 'example/slow:1', (), 100, 64 << 20, 3, 1000))
        self.pass_time(5)
        self.cluster.end_outage()
        thread.join(self.patience)
        self.assertTrue(outcomes[0].success, outcomes)
