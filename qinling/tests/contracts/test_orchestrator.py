# SPDX-License-Identifier: Apache-2.0
"""Contract of the orchestrators.

A driver's tests mix :class:`OrchestratorContract` into a test case with a
factory of drivers; the module itself contains no tests to run.
"""

import dataclasses
import threading

from qinling import exception
from qinling.orchestrators import base

FUNCTION = base.FunctionKey('f')
LIMITS = base.Limits(cpu=500, memory_size=64 << 20, slots=2)
OFFLINE = dataclasses.replace(LIMITS, offline=True)


class OrchestratorContract:
    """Contract of the orchestrators.

    The test case provides ``make_driver(pool_size, max_workers)``, with a
    driver for the test to close; ``images``, two different runnable images;
    ``ping(worker)``, with an OSError for a missing agent;
    ``wait_until(condition)``; ``network_options`` of a driver whose workers
    have a network; and ``has_network(worker)``.
    """

    RUNTIME = 'runtime-1'

    def make_pool(self, **options):
        """Return a driver with one pool."""
        driver = self.make_driver(**options)
        driver.ensure_pool(base.RuntimeSpec(self.RUNTIME, self.images[0]))
        return driver

    def claim(self, driver, function=FUNCTION):
        return driver.claim(self.RUNTIME, function, LIMITS)

    def answers(self, worker):
        """Return whether the worker answers."""
        try:
            self.ping(worker)
        except OSError:
            return False
        return True

    def available(self, driver):
        return driver.pools()[self.RUNTIME].available

    def test_no_pool(self):
        driver = self.make_driver()
        self.assertIsNone(driver.pools().get('nothing'))
        driver.delete_pool('nothing')
        error = self.assertRaises(exception.PermanentError, driver.claim,
                                  'nothing', FUNCTION, LIMITS)
        self.assertIn('nothing', str(error))
        self.assertEqual([], driver.claimed())

    def test_unknown_image(self):
        driver = self.make_driver()
        error = self.assertRaises(
            exception.PermanentError, driver.ensure_pool,
            base.RuntimeSpec('r', 'no-such-image'))
        self.assertIn('no-such-image', str(error))
        self.assertIsNone(driver.pools().get('r'))

    def test_pool_has_a_ready_worker(self):
        driver = self.make_pool(pool_size=2)
        capacity = driver.pools().get(self.RUNTIME)
        self.assertEqual(2, capacity.total)
        self.assertGreaterEqual(capacity.available, 1)
        self.wait_until(lambda: self.available(driver) == 2)

    def test_same_pool_again(self):
        driver = self.make_pool(pool_size=1)
        driver.ensure_pool(base.RuntimeSpec(self.RUNTIME, self.images[0]))
        self.assertEqual(base.Capacity(1, 1), driver.pools().get(self.RUNTIME))

    def test_claimed_worker_answers(self):
        driver = self.make_pool()
        function = base.FunctionKey('the-function', 3)
        worker = self.claim(driver, function)
        self.assertEqual(function, worker.function)
        self.assertEqual(self.RUNTIME, worker.runtime_id)
        self.assertNotIn(worker.secret, repr(worker))
        self.ping(worker)
        self.assertEqual([worker], driver.claimed())

    def test_pool_refills(self):
        driver = self.make_pool(pool_size=1)
        for _ in range(3):
            self.claim(driver)
        self.wait_until(lambda: self.available(driver) == 1)
        self.assertEqual(3, len(driver.claimed()))

    def test_capacity_counts_claimed_workers(self):
        driver = self.make_pool(pool_size=1)
        self.claim(driver)
        self.assertEqual(2, driver.pools()[self.RUNTIME].total)

    def test_two_claims_never_get_the_same_worker(self):
        driver = self.make_pool(pool_size=2)
        workers = []
        threads = [threading.Thread(
            target=lambda: workers.append(self.claim(driver)))
            for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(6, len({worker.name for worker in workers}))
        self.assertEqual(6, len({worker.address for worker in workers}))
        self.assertEqual(6, len({worker.secret for worker in workers}))

    def test_release_destroys(self):
        driver = self.make_pool()
        worker, second = self.claim(driver), self.claim(driver)
        driver.release(worker)
        self.assertEqual([second], driver.claimed())
        # A cluster may take a moment.
        self.wait_until(lambda: not self.answers(worker))
        self.ping(second)
        driver.release(worker)

    def test_max_workers(self):
        driver = self.make_pool(pool_size=1, max_workers=2)
        first, second = self.claim(driver), self.claim(driver)
        error = self.assertRaises(exception.TemporaryError, self.claim,
                                  driver)
        self.assertIn('2 workers', str(error))
        driver.release(first)
        self.ping(second)
        self.assertNotEqual(first.name, self.claim(driver).name)

    def test_workers_without_network(self):
        driver = self.make_pool(pool_size=1, **self.network_options)
        online = self.claim(driver)
        offline = driver.claim(self.RUNTIME, FUNCTION, OFFLINE, 'build')
        self.assertEqual([True, False], [
            self.has_network(worker) for worker in (online, offline)])
        # The pool has only workers with a network.
        self.assertTrue(self.has_network(self.claim(driver)))
        driver.release(offline)
        self.wait_until(lambda: not self.answers(offline))
        self.assertFalse(self.has_network(driver.claim(
            self.RUNTIME, FUNCTION, OFFLINE, 'build')))
        self.assertEqual(3, len(driver.claimed()))

    def test_delete_pool(self):
        driver = self.make_pool()
        worker = self.claim(driver)
        driver.delete_pool(self.RUNTIME)
        self.assertIsNone(driver.pools().get(self.RUNTIME))
        self.assertRaises(exception.PermanentError, self.claim, driver)
        # Who has claimed a worker keeps it.
        self.ping(worker)
        self.assertEqual([worker], driver.claimed())

    def test_other_image(self):
        driver = self.make_pool(pool_size=1)
        claimed = self.claim(driver)
        self.wait_until(lambda: self.available(driver) == 1)
        driver.ensure_pool(base.RuntimeSpec(self.RUNTIME, self.images[1]))
        self.assertEqual(1, self.available(driver))
        self.ping(claimed)
        self.assertEqual(self.images[1], self.image(self.claim(driver)))

    def test_workers_of_an_earlier_image_are_outdated(self):
        driver = self.make_pool(pool_size=1)
        old = self.claim(driver)
        self.assertEqual([], list(driver.outdated()))
        driver.ensure_pool(base.RuntimeSpec(self.RUNTIME, self.images[1]))
        new = self.claim(driver)
        self.assertEqual([old.name],
                         [worker.name for worker in driver.outdated()])
        driver.ensure_pool(base.RuntimeSpec(self.RUNTIME, self.images[0]))
        self.assertEqual([new.name],
                         [worker.name for worker in driver.outdated()])

    def test_unknown_other_image_changes_nothing(self):
        driver = self.make_pool(pool_size=1)
        claimed = self.claim(driver)
        self.wait_until(lambda: self.available(driver) == 1)
        self.assertRaises(
            exception.PermanentError, driver.ensure_pool,
            base.RuntimeSpec(self.RUNTIME, 'no-such-image'))
        self.assertEqual([], list(driver.outdated()))
        self.ping(claimed)
        self.assertEqual(self.images[0], self.image(self.claim(driver)))

    def test_pools_are_separate(self):
        driver = self.make_pool(pool_size=1)
        driver.ensure_pool(base.RuntimeSpec('runtime-2', self.images[1]))
        worker = driver.claim('runtime-2', FUNCTION, LIMITS)
        self.assertEqual(('runtime-2', self.images[1]),
                         (worker.runtime_id, self.image(worker)))
        driver.delete_pool('runtime-2')
        self.assertEqual(1, self.available(driver))

    def test_description(self):
        described = self.make_driver().describe()
        self.assertTrue(described)
        for name, text in described.items():
            self.assertIsInstance(name, str)
            self.assertIsInstance(text, str)
            self.assertNotEqual('', text)
