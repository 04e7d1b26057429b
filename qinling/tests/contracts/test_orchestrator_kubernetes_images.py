# SPDX-License-Identifier: Apache-2.0
"""Tests of image functions, over Kubernetes."""

import os
import pathlib
import threading

from oslotest import base

from qinling import exception
from qinling.orchestrators import base as orchestrators
from qinling.tests.contracts import kubernetes_drivers
from qinling.tests.kubernetes import images


class TestImages(kubernetes_drivers.StandIn, base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.driver = self.make_driver()

    def image_run(self, image, *args, **values):
        return orchestrators.ImageRun(**{
            'execution_id': 'e', 'function_id': 'f', 'image': image,
            'args': args, 'cpu': 100, 'memory_size': 64 << 20, 'timeout': 10,
            'max_log_size': 1000, **values})

    def run_image(self, image, *args, **values):
        outcome = self.driver.run_image(self.image_run(image, *args, **values))
        # The pod is deleted.
        self.wait_until(lambda: not self.cluster.pods())
        return outcome

    def test_output(self):
        outcome = self.run_image('example/echo:1', 'a', '$(HOME)', '$x', '')
        self.assertEqual((True, 'a $(HOME) $x \n', ''),
                         (outcome.success, outcome.log, outcome.sentence))

    def test_the_caller_does_not_wait_for_the_deletion(self):
        self.cluster.faults.delay(5, verb='delete', resource='pods')
        outcome = self.driver.run_image(self.image_run('example/echo:1', 'a'))
        self.assertEqual('a\n', outcome.log)
        self.assertEqual(1, len(self.cluster.pods()))
        # The watches see start and end; nothing is polled.
        self.assertEqual(['create pods', 'get pods/log'], [
            f'{call.verb} {call.path}' for call in self.cluster.calls
            if call.resource == 'pods' and call.code
            and call.verb not in ('list', 'watch')])
        self.wait_until(lambda: not self.cluster.pods())

    def test_lost_response_of_the_creation(self):
        fault = self.cluster.faults.reset(after=True, verb='create',
                                          resource='pods')
        self.assertEqual('a\n', self.run_image('example/echo:1', 'a').log)
        self.assertEqual(1, fault.met)

    def test_failure(self):
        outcome = self.run_image('example/fail:1')
        self.assertEqual((False, 'It fails.\n'),
                         (outcome.success, outcome.log))
        self.assertIn('exit code 3', outcome.sentence)

    def test_timeout(self):
        outcome = self.run_image('example/sleep:1', timeout=1)
        self.assertEqual((False, 'It sleeps.\n'),
                         (outcome.success, outcome.log))
        self.assertIn('timeout', outcome.sentence)

    def test_image_finishes_on_a_drained_node(self):
        self.check_drain('import signal; signal.signal(15, signal.SIG_IGN)')
        self.assertTrue(self.outcomes[0].success, self.outcomes)

    def test_image_ends_early_on_a_drained_node(self):
        self.check_drain('')
        self.assertIsInstance(self.outcomes[0], exception.Disrupted)
        self.assertIn('EvictionByEvictionAPI', str(self.outcomes[0]))

    def check_drain(self, code):
        """Drain the node of a running image."""
        self.cluster.kubelet.images['example/slow:1'] = images.script(
            f'{code}\nimport time; print("It starts.");'
            'time.sleep(2); print("It ends.")')
        self.outcomes = []

        def run():
            try:
                self.outcomes.append(self.driver.run_image(
                    self.image_run('example/slow:1', timeout=60)))
            except exception.TemporaryError as error:
                self.outcomes.append(error)
        thread = threading.Thread(target=run)
        thread.start()
        self.wait_until(lambda: [
            pod for pod in self.cluster.pods()
            if pod['status'].get('phase') == 'Running'])
        name = self.cluster.pods()[0]['metadata']['name']
        core = self.admin()
        self.wait_until(lambda: 'starts' in core.read_namespaced_pod_log(
            name, self.cluster.namespace))
        self.cluster.start_drain(self.cluster.pods()[0]['spec']['nodeName'])
        thread.join(self.patience)

    def test_cancelled_program_ends_at_once(self):
        path = pathlib.Path(self.cluster.directory, 'pid')
        self.cluster.kubelet.images['example/stays:1'] = images.script(
            'import os, pathlib, signal, time\n'
            'signal.signal(signal.SIGTERM, signal.SIG_IGN)\n'
            f'path = pathlib.Path({str(path)!r})\n'
            'path.with_suffix(".new").write_text(str(os.getpid()))\n'
            'path.with_suffix(".new").rename(path)\n'
            'time.sleep(3600)')
        thread = threading.Thread(
            target=self.assertRaises,
            args=(exception.Disrupted, self.driver.run_image,
                  self.image_run('example/stays:1', timeout=600)))
        thread.start()
        self.wait_until(path.exists)
        self.driver.cancel_image('e')
        thread.join()
        # Long before the end of the grace period of the pod.
        self.wait_until(lambda: not os.path.exists(
            f'/proc/{path.read_text()}'))
        self.wait_until(lambda: not self.cluster.pods())

    def test_node_evicts_a_pod_before_its_start(self):
        self.cluster.kubelet.slow_ready(1)

        def evict():
            self.wait_until(lambda: [
                pod for pod in self.cluster.pods()
                if pod['status'].get('podIP')])
            self.cluster.kubelet.evict(
                self.cluster.namespace,
                self.cluster.pods()[0]['metadata']['name'])
        thread = threading.Thread(target=evict)
        thread.start()
        error = self.assertRaises(exception.Disrupted, self.run_image,
                                  'example/echo:1')
        thread.join()
        self.assertIn('Evicted', str(error))

    def test_memory(self):
        outcome = self.run_image('example/hog:1')
        self.assertFalse(outcome.success)
        self.assertIn('64 MiB', outcome.sentence)

    def test_binary_log(self):
        outcome = self.run_image('example/binary-log:1')
        self.assertTrue(outcome.success)
        self.assertIn('no text', outcome.log)

    def test_long_log(self):
        outcome = self.run_image('example/echo:1', 'x' * 5000)
        self.assertTrue(outcome.success)
        self.assertLess(len(outcome.log), 1200)
        self.assertIn('x' * 900, outcome.log)

    def test_unknown_image(self):
        error = self.assertRaises(exception.PermanentError, self.run_image,
                                  'example/nothing:1')
        self.assertIn('example/nothing:1', str(error))
        # At the first try: no user should wait for a second pull.
        self.assertIn('ErrImagePull', str(error))
        self.wait_until(lambda: not self.cluster.pods())

    def test_invalid_name(self):
        error = self.assertRaises(exception.PermanentError, self.run_image,
                                  'example/NOTHING:1')
        self.assertIn('InvalidImageName', str(error))
        self.wait_until(lambda: not self.cluster.pods())

    def test_slow_starts_do_not_count_as_run_time(self):
        self.cluster.kubelet.slow_ready(1.5)
        outcome = self.run_image('example/echo:1', 'a', timeout=1)
        self.assertTrue(outcome.success)
        self.assertLess(outcome.duration, 1.5)

    def test_deleted_pod(self):
        self.cluster.kubelet.slow_ready(30)

        def delete():
            self.wait_until(self.cluster.pods)
            self.admin().delete_namespaced_pod(
                self.cluster.pods()[0]['metadata']['name'],
                self.cluster.namespace)

        thread = threading.Thread(target=delete)
        thread.start()
        error = self.assertRaises(
            exception.TemporaryError, self.run_image, 'example/echo:1')
        thread.join()
        self.assertTrue(str(error))
