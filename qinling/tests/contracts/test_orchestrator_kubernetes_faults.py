# SPDX-License-Identifier: Apache-2.0
"""Tests of the Kubernetes orchestrator with a faulty cluster.

The stand-in injects the faults; the tests check the effects for the engine and
for users.
"""

import math
import threading

from oslotest import base

from qinling import exception
from qinling.orchestrators import base as orchestrators
from qinling.orchestrators.kubernetes import labels
from qinling.orchestrators.kubernetes import manifests
from qinling.tests.contracts import kubernetes_drivers
from qinling.tests.kubernetes import resources

RUNTIME = kubernetes_drivers.RUNTIME


class TestApiServer(kubernetes_drivers.Troubled, base.BaseTestCase):
    """Tests of an API server that rejects or loses requests."""

    def test_errors_while_a_pool_is_made(self):
        driver = self.make_driver()
        self.faults.status(500, verb='create', resource='deployments')
        self.faults.status(503, verb='create', resource='secrets')
        self.ensure(driver)
        self.ping(self.claim(driver))
        self.assertEqual(1, self.count(500, resource='deployments'))

    def test_overloaded_while_a_pool_is_made(self):
        driver = self.make_driver()
        fault = self.faults.too_many(1, times=2, verb='create',
                                     resource='deployments')
        self.ensure(driver)
        self.assertEqual(2, fault.met)
        self.ping(self.claim(driver))

    def test_reset_while_a_pool_is_made(self):
        driver = self.make_driver()
        self.faults.reset(verb='create', resource='deployments')
        # The secret is created, but the response is lost.
        self.faults.reset(after=True, verb='create', resource='secrets')
        self.ensure(driver)
        self.ping(self.claim(driver))
        self.assertEqual({RUNTIME}, set(driver.pools()))

    def test_permanent_errors(self):
        driver = self.make_driver(request_timeout=1)
        self.faults.status(500, times=None, verb='create',
                           resource='deployments')
        error = self.assertRaises(exception.TemporaryError, self.ensure,
                                  driver)
        self.assertIn('injected', str(error))
        self.faults.clear()
        self.ensure(driver)

    def test_rejected_claim(self):
        driver = self.make_pool(pool_size=2)
        self.faults.status(500, verb='patch', resource='pods',
                           subresource='')
        self.assertRaises(exception.TemporaryError, self.claim, driver)
        self.assertEqual([], driver.claimed())
        worker = self.claim(driver)
        self.ping(worker)
        self.await_claimed(worker)

    def test_claim_with_a_lost_response(self):
        driver = self.make_pool(pool_size=2)
        self.faults.status(500, after=True, verb='patch', resource='pods',
                           subresource='')
        self.assertRaises(exception.TemporaryError, self.claim, driver)
        worker = self.claim(driver)
        self.ping(worker)
        # What was claimed without our knowledge is not left behind.
        self.await_claimed(worker)
        self.wait_until(lambda: [worker] == driver.claimed())

    def test_interrupted_claim(self):
        driver = self.make_pool(pool_size=2)
        self.faults.reset(times=2, verb='patch', resource='pods')
        first = self.claim(driver)
        self.faults.reset(after=True, verb='patch', resource='pods')
        second = self.claim(driver)
        for worker in (first, second):
            self.ping(worker)
        self.await_claimed(first, second)

    def test_new_worker_with_a_lost_response(self):
        driver = self.make_pool()
        first = self.claim(driver)
        self.kubelet.slow_ready(0.5)
        fault = self.faults.reset(after=True, verb='create', resource='pods')
        second = self.claim(driver)
        self.assertEqual(1, fault.met)
        self.ping(second)
        self.await_claimed(first, second)

    def test_overloaded_while_a_worker_is_claimed(self):
        driver = self.make_pool(pool_size=2)
        self.faults.too_many(30, verb='patch', resource='pods')
        # It does not make an execution wait for half a minute.
        self.assertRaises(exception.TemporaryError, self.claim, driver)
        self.ping(self.claim(driver))

    def test_failed_resize(self):
        driver = self.make_pool()
        fault = self.faults.status(422, times=None, verb='patch',
                                   subresource='resize')
        self.ping(self.claim(driver))
        self.wait_until(lambda: fault.met)

    def test_failed_release(self):
        driver = self.make_pool()
        worker = self.claim(driver)
        self.faults.status(500, times=None, verb='delete', resource='pods')
        driver.release(worker)
        self.assertEqual([], driver.claimed())
        self.faults.clear()
        self.await_claimed()

    def test_outage(self):
        driver = self.make_pool()
        worker = self.claim(driver)
        self.faults.reset(times=None)
        self.cluster.cut_all()
        self.ping(worker)
        self.assertRaises(exception.TemporaryError, self.claim, driver)
        self.faults.clear()
        self.wait_until(lambda: driver.pools()[RUNTIME].available == 1)
        self.ping(self.claim(driver))
        self.assertEqual([], driver.lost)

    def test_start_before_the_cluster(self):
        driver = self.make_driver(request_timeout=1)
        self.faults.reset(times=None)
        self.assertRaises(exception.TemporaryError, self.ensure, driver)
        self.faults.clear()
        self.ensure(driver)
        self.ping(self.claim(driver))

    def test_wrong_token(self):
        driver = self.make_driver()
        self.cluster.access.tokens.clear()
        error = self.assertRaises(exception.PermanentError, self.ensure,
                                  driver)
        self.assertIn('Unauthorized', str(error))

    def test_no_rights(self):
        self.cluster.access.rules = []
        error = self.assertRaises(exception.PermanentError, self.ensure,
                                  self.make_driver())
        self.assertIn('forbidden', str(error))


class TestPods(kubernetes_drivers.Troubled, base.BaseTestCase):
    """Tests of slow, sick and dying pods."""

    def test_slow(self):
        driver = self.make_pool()
        self.kubelet.slow_ready(0.5)
        workers = [self.claim(driver) for _ in range(3)]
        for worker in workers:
            self.ping(worker)
        self.await_claimed(*workers)

    def test_too_slow(self):
        driver = self.make_pool(claim_timeout=1)
        self.claim(driver)
        self.wait_until(lambda: driver.pools()[RUNTIME].available == 1)
        self.kubelet.slow_ready(60)
        self.claim(driver)
        error = self.assertRaises(exception.TemporaryError, self.claim,
                                  driver)
        self.assertIn('1 seconds', str(error))

    def test_never_ready(self):
        self.kubelet.never_ready(self.images[0])
        driver = self.make_driver(ready_timeout=2)
        error = self.assertRaises(exception.PermanentError, self.ensure,
                                  driver)
        self.assertIn(self.images[0], str(error))
        self.assertEqual({}, driver.pools())
        self.wait_until(lambda: not self.cluster.pods())

    def expire_keys(self, driver):
        """Delete the Secret of the pool, and let the engine read it again."""
        self.admin().delete_namespaced_secret(
            manifests.pool_name(RUNTIME), self.cluster.namespace)
        with driver._pools._lock:
            driver._pools._keys = {
                name: (key, -math.inf)
                for name, (key, _read_at) in driver._pools._keys.items()}

    def test_deleted_key(self):
        driver = self.make_pool()
        self.expire_keys(driver)
        # The idle worker has the key of the deleted Secret.
        for _number in range(2):
            self.ping(self.claim(driver))
        self.wait_until(lambda: driver.pools()[RUNTIME].available == 1)

    def test_key_replaced_by_another_engine(self):
        driver = self.make_pool()
        self.expire_keys(driver)
        self.ensure(self.make_driver())
        self.kubelet.slow_ready(0.5)
        name, = self.pods(labels.IDLE)
        self.admin().delete_namespaced_pod(name, self.cluster.namespace)
        self.wait_until(lambda: name not in driver._view.pods)
        self.ping(self.claim(driver))

    def test_node_evicts_a_worker_of_a_new_pool(self):
        self.kubelet.slow_ready(1)

        def evict():
            self.wait_until(lambda: [
                pod for pod in self.cluster.pods()
                if pod['status'].get('podIP')])
            self.kubelet.evict(self.cluster.namespace,
                               self.cluster.pods()[0]['metadata']['name'])
        thread = threading.Thread(target=evict)
        thread.start()
        driver = self.make_pool()
        thread.join()
        self.ping(self.claim(driver))

    def test_new_image_never_ready(self):
        self.make_pool()
        self.kubelet.never_ready(self.images[1])
        self.assertRaises(exception.PermanentError, self.ensure,
                          self.make_driver(ready_timeout=2), 1)
        driver = self.make_driver()
        # The old workers were kept, and the engine can go back.
        self.ensure(driver)
        self.assertEqual(self.images[0], self.image(self.claim(driver)))

    def test_idle_worker_dies(self):
        driver = self.make_pool()
        name, = self.pods(labels.IDLE)
        self.kubelet.kill(self.cluster.namespace, name)

        def restarted():
            status = self.cluster.store.get(
                resources.PODS, self.cluster.namespace, name)['status']
            container, = status['containerStatuses']
            return container['restartCount'] and container['ready']

        # Until then a claim may get it: that of the engine tries another
        # one when it does not answer.
        self.wait_until(restarted)
        worker = self.claim(driver)
        self.assertEqual(name, worker.name)
        self.ping(worker)
        self.assertEqual([], driver.lost)

    def test_claimed_worker_dies(self):
        self.check_death(False, 'exit code 137')

    def test_claimed_worker_exceeds_its_memory(self):
        self.check_death(True, 'OOMKilled')

    def check_death(self, own_fault, sentence):
        driver = self.make_pool()
        worker = self.claim(driver)
        self.kubelet.kill(self.cluster.namespace, worker.name, own_fault)
        self.wait_until(lambda: [worker] == driver.lost)
        death = driver.release(worker, disconnected=True)
        self.assertEqual(own_fault, death.own_fault)
        self.assertIn(sentence, death.sentence)
        self.await_claimed()

    def test_worker_deleted_by_another_user(self):
        driver = self.make_pool()
        worker = self.claim(driver)
        self.admin().delete_namespaced_pod(worker.name,
                                           self.cluster.namespace)
        self.wait_until(lambda: [worker] == driver.lost)
        self.assertFalse(driver.release(worker, disconnected=True).own_fault)

    def test_node_evicts_a_worker(self):
        driver = self.make_pool()
        worker = self.claim(driver)
        self.kubelet.evict(self.cluster.namespace, worker.name)
        self.wait_until(lambda: [worker] == driver.lost)
        self.assertIn('Evicted',
                      driver.release(worker, disconnected=True).sentence)
        self.await_claimed()

    def test_node_is_lost(self):
        driver = self.make_pool(pool_size=2)
        worker = self.claim(driver)
        node = self.cluster.store.get(
            resources.PODS,
            self.cluster.namespace, worker.name)['spec']['nodeName']
        self.kubelet.lose_node(node)
        self.wait_until(lambda: worker in driver.lost)
        death = driver.release(worker, disconnected=True)
        self.assertIn('DeletionByTaintManager', death.sentence)
        self.ping(self.claim(driver))
        self.assertNotIn(worker, driver.claimed())
        self.kubelet.return_node(node)
        self.wait_until(lambda: worker.name not in {
            pod['metadata']['name'] for pod in self.cluster.pods()})

    def test_budget_guards_idle_workers(self):
        driver = self.make_pool(pool_size=1)
        self.wait_until(lambda: driver.pools()[RUNTIME].available == 1)
        budget, = self.cluster.store.list(
            resources.BUDGETS)
        self.assertEqual(1, budget['status']['expectedPods'])

    def test_quota(self):
        driver = self.make_pool()
        self.admin().create_namespaced_resource_quota(
            self.cluster.namespace, {
                'metadata': {'name': 'few'},
                'spec': {'hard': {'pods': '1'}}})
        self.ping(self.claim(driver))
        error = self.assertRaises(exception.NoRoom, self.claim, driver)
        self.assertIn('exceeded quota', str(error))

    def test_concurrent_use_of_a_quota(self):
        driver = self.make_pool()
        self.ping(self.claim(driver))
        self.kubelet.slow_ready(1)
        fault = self.faults.status(409, verb='create', resource='pods')
        error = self.assertRaises(exception.TemporaryError, self.claim,
                                  driver)
        self.assertEqual(1, fault.met)
        self.assertNotIsInstance(error, exception.NoRoom)
        self.ping(self.claim(driver))

    def test_terminating_namespace(self):
        driver = self.make_pool()
        # The namespace exists until its last object is gone.
        self.admin().create_namespaced_service_account(
            self.cluster.namespace, {'metadata': {
                'name': 'kept', 'finalizers': ['example.com/kept']}})
        self.admin().delete_namespace(self.cluster.namespace)
        self.wait_until(lambda: not driver.pools())
        self.assertRaises(orchestrators.NoPool, self.claim, driver)
        # As the engine does then.
        error = self.assertRaises(exception.PermanentError, self.ensure,
                                  driver)
        self.assertIn('it is being terminated', str(error))

    def test_no_room(self):
        for number in (1, 2):
            def fill(node):
                node['spec']['unschedulable'] = True
            self.cluster.registry.change(
                resources.NODES, '',
                f'node-{number}', fill)
        error = self.assertRaises(
            exception.PermanentError, self.ensure,
            self.make_driver(ready_timeout=1))
        self.assertIn('unschedulable', str(error))

    def test_concurrent_claims(self):
        driver = self.make_pool(pool_size=1)
        workers = []
        threads = [threading.Thread(
            target=lambda: workers.append(self.claim(driver)))
            for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(8, len({worker.name for worker in workers}))
        self.await_claimed(*workers)


class TestEngines(kubernetes_drivers.Troubled, base.BaseTestCase):
    """Tests of engines with shared workers."""

    def test_newly_started_engines_are_not_dead(self):
        # Long enough that the first one does not look again meanwhile.
        first = self.make_pool(engine_lease=900)
        second = self.make_pool(engine_lease=900)
        worker = self.claim(second, 'build')
        self.wait_until(lambda: worker.name in {
            claimed.name for claimed in first.claimed()})
        self.assertNotEqual(worker.name, self.claim(first, 'build').name)
        self.assertEqual([], second.lost)
        self.ping(worker)
