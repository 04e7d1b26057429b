# SPDX-License-Identifier: Apache-2.0
"""Tests of workers that the cluster ends while they run executions."""

import pathlib
import threading

from oslotest import base

from qinling.tests.contracts import kubernetes_drivers
from qinling.tests.kubernetes import resources
from qinling.tests.unit.runtimes import agents

GATED = agents.zipped({'main.py': (
    'import os, pathlib, time\n'
    'def main(path):\n'
    '    pathlib.Path(path, "started").touch()\n'
    '    while not os.path.exists(path + "/go"):\n'
    '        time.sleep(0.01)\n'
    '    return "done"\n')})
IMAGE = 'example/gated:1'


class TestDrains(kubernetes_drivers.Troubled, base.BaseTestCase):
    """Tests of one claimed worker with an execution."""

    def setUp(self):
        super().setUp()
        self.leaving = []
        self.path = pathlib.Path(self.cluster.directory)

    def start(self):
        """Start an execution that ends with :meth:`finish`."""
        self.driver = self.make_pool()
        self.driver.on_leaving = self.leaving.append
        self.worker = self.claim(self.driver)
        self.agent = self.connect(self.worker)
        self.agent.load(GATED, slots=2)
        self.answers = []
        self.thread = threading.Thread(target=lambda: self.answers.append(
            self.agent.execute(str(self.path))))
        self.thread.start()
        self.addCleanup(self.thread.join, self.patience)
        self.wait_until((self.path / 'started').exists)

    def finish(self):
        (self.path / 'go').touch()
        self.thread.join(self.patience)
        self.assertEqual('done', self.answers[0]['output'])

    def check_drain(self):
        self.wait_until(lambda: [self.worker] == self.leaving)
        self.assertEqual([], self.driver.lost)
        self.assertEqual([self.worker], self.driver.claimed())
        self.wait_until(lambda: self.connect(self.worker).load(
            GATED)[0] == 503)
        self.finish()
        # As the engine does after the last execution.
        self.agent.close()
        self.driver.release(self.worker)
        self.await_claimed()
        self.assertEqual([], self.driver.lost)

    def test_deletion(self):
        self.start()
        self.admin().delete_namespaced_pod(self.worker.name,
                                           self.cluster.namespace)
        self.check_drain()

    def test_eviction(self):
        self.start()
        self.admin().create_namespaced_pod_eviction(
            self.worker.name, self.cluster.namespace, {
                'metadata': {'name': self.worker.name}})
        self.check_drain()

    def test_drain_of_the_node(self):
        self.start()
        node = self.read(self.worker.name)['spec']['nodeName']
        self.cluster.start_drain(node)
        self.check_drain()

    def test_grace_period_is_over(self):
        self.start()
        self.admin().delete_namespaced_pod(
            self.worker.name, self.cluster.namespace, grace_period_seconds=1)
        self.addCleanup((self.path / 'go').touch)
        self.wait_until(lambda: [self.worker] == self.driver.lost)
        reason = self.driver.release(self.worker, disconnected=True)
        self.assertTrue(reason.disrupted, reason)
        self.assertFalse(reason.own_fault, reason)

    def test_grace_period_is_that_of_the_longest_function(self):
        self.start()
        conf = self.driver._conf
        self.assertGreater(
            self.read(self.worker.name)['spec'][
                'terminationGracePeriodSeconds'],
            conf.resource_limits.max_timeout + conf.engine.import_timeout)
        self.finish()

    def test_idle_workers_end_at_once(self):
        driver = self.make_pool(pool_size=1)
        name, = self.pods('idle')
        self.admin().delete_namespaced_pod(name, self.cluster.namespace)
        self.wait_until(lambda: self.read(name) is None, 10)
        self.assertEqual([], driver.lost)

    def read(self, name):
        return self.cluster.store.get(
            resources.PODS, self.cluster.namespace, name)
