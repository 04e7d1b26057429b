# SPDX-License-Identifier: Apache-2.0
"""Tests of disturbances of pods and nodes, and of resizes."""

import os
import subprocess
import sys

import fixtures

from qinling.tests.kubernetes import cluster
from qinling.tests.kubernetes import containerd
from qinling.tests.kubernetes import images
from qinling.tests.unit.kubernetes import base
from qinling.tests.unit.runtimes import agents

#: Makes a cluster with a pod, and tells the pid of its container runtime.
VICTIM = '''
import threading
from qinling.tests.kubernetes import cluster, resources
from qinling.tests.unit.kubernetes import base
made = cluster.Cluster()
made.setUp()
made.registry.create(resources.PODS, base.NAMESPACE, base.pod())
while made.pods()[0]["status"]["phase"] != "Running":
    threading.Event().wait(0.01)
print(made.kubelet.processes._popen.pid, flush=True)
threading.Event().wait()
'''
RESOURCES = {'requests': {'cpu': '1', 'memory': '1Gi'},
             'limits': {'cpu': '2', 'memory': '2Gi'}}


class TestDisturbances(base.TestCase):

    def setUp(self):
        super().setUp()
        self.kubelet = self.cluster.kubelet

    def test_kill(self):
        self.create(spec={'restartPolicy': 'Never'})
        self.await_ready()
        self.kubelet.kill(base.NAMESPACE, 'p')
        ended = self.await_phase('Failed').status.container_statuses[
            0].state.terminated
        self.assertEqual((137, 'Error'), (ended.exit_code, ended.reason))

    def test_kill_for_memory(self):
        self.create()
        self.await_ready()
        self.kubelet.kill(base.NAMESPACE, 'p', oom=True)
        status, = self.await_pod(lambda pod: pod.status.container_statuses[
            0].restart_count).status.container_statuses
        self.assertEqual((137, 'OOMKilled'),
                         (status.last_state.terminated.exit_code,
                          status.last_state.terminated.reason))
        self.await_ready()

    def test_evict(self):
        self.create()
        self.await_ready()
        self.kubelet.evict(base.NAMESPACE, 'p')
        pod = self.await_phase('Failed')
        self.assertEqual('Evicted', pod.status.reason)
        self.assertEqual('True', base.condition(pod, 'DisruptionTarget'))

    def test_slow_start(self):
        self.kubelet.slow_ready(60)
        self.create()
        pod = self.await_pod(lambda candidate:
                             candidate.status.container_statuses)
        self.assertEqual('ContainerCreating', pod.status.container_statuses[
            0].state.waiting.reason)
        self.core.delete_namespaced_pod('p', base.NAMESPACE)
        self.await_gone()

    def test_pod_is_never_ready(self):
        probe = {'exec': {'command': ['/bin/true']}, 'periodSeconds': 1}
        self.kubelet.never_ready('example/sleep:1')
        self.create(readinessProbe=probe)
        self.await_phase('Running')
        self.assertEqual('False', base.condition(self.read(), 'Ready'))
        self.kubelet.never_ready('example/sleep:1', False)
        self.await_ready()

    def test_node_is_lost(self):
        self.deploy()
        self.await_available(2)
        pod = self.pods()[0]
        name, node = pod.metadata.name, pod.spec.node_name
        self.kubelet.lose_node(node)
        pod = self.read(name)
        self.assertTrue(pod.metadata.deletion_timestamp)
        self.assertEqual(('False', 'True'), (
            base.condition(pod, 'Ready'),
            base.condition(pod, 'DisruptionTarget')))
        self.assertEqual('Unknown', base.condition(
            self.core.read_node(node), 'Ready'))
        # Another one is made elsewhere; the lost one stays.
        self.await_available(2)
        self.assertIn(name, {pod.metadata.name for pod in self.pods()})
        self.kubelet.return_node(node)
        self.await_gone(name)

    def test_pod_of_a_lost_node_is_removed_by_force(self):
        self.create()
        node = self.await_ready().spec.node_name
        self.kubelet.lose_node(node, evict=False)
        self.assertIsNone(self.read().metadata.deletion_timestamp)
        self.core.delete_namespaced_pod('p', base.NAMESPACE,
                                        grace_period_seconds=0)
        self.check_refused(404, self.read)


class TestResize(base.TestCase):

    def resize(self, **resources):
        return self.core.patch_namespaced_pod_resize(
            'p', base.NAMESPACE, {'spec': {'containers': [
                {'name': 'c', 'resources': resources}]}})

    def make(self):
        self.create(resources=RESOURCES)
        self.await_ready()

    def test_resize(self):
        self.make()
        self.resize(limits={'cpu': '3', 'memory': '1536Mi'})
        pod = self.await_pod(
            lambda candidate: candidate.status.container_statuses[
                0].resources.limits['cpu'] == '3')
        self.assertEqual(0, pod.status.container_statuses[0].restart_count)
        self.assertIsNone(base.condition(pod, 'PodResizeInProgress'))
        self.assertEqual(RESOURCES['requests'],
                         pod.status.container_statuses[0].allocated_resources)

    def test_only_resources_change(self):
        self.make()
        self.check_refused(422, self.core.patch_namespaced_pod_resize, 'p',
                           base.NAMESPACE, {'spec': {'containers': [
                               {'name': 'c', 'image': 'example/echo:1'}]}})

    def test_class_of_service_cannot_change(self):
        self.make()
        body = self.check_refused(422, self.resize,
                                  requests=RESOURCES['limits'])
        self.assertIn('Pod QOS Class may not change', body['message'])

    def test_limits_cannot_be_removed(self):
        self.make()
        self.check_refused(422, self.resize, limits={'cpu': None})

    def test_too_large(self):
        self.make()
        self.resize(limits={'cpu': '100'}, requests={'cpu': '90'})
        pod = self.await_pod(lambda candidate: base.condition(
            candidate, 'PodResizePending'))
        reason = next(condition.reason for condition in pod.status.conditions
                      if condition.type == 'PodResizePending')
        self.assertEqual('Infeasible', reason)
        self.resize(limits=RESOURCES['limits'],
                    requests=RESOURCES['requests'])
        self.await_pod(lambda candidate: not base.condition(
            candidate, 'PodResizePending'))


class TestCleanUp(base.TestCase):

    def test_cleanup_removes_everything(self):
        other_cluster = cluster.Cluster()
        other_cluster.setUp()
        try:
            self.core = base.client.CoreV1Api(
                self.connect(other_cluster.admin_kubeconfig))
            self.create(image='example/stubborn:1')
            self.await_ready()
            runtime = other_cluster.kubelet.processes._popen.pid
            pids = containerd.tree(runtime)[1:]
            self.assertEqual(1, len(pids))
        finally:
            other_cluster.cleanUp()
        for pid in (runtime, *pids):
            self.assertFalse(agents.alive(pid))
        self.assertFalse(os.path.exists(other_cluster.kubeconfig))

    def test_killed_tests_leave_no_processes(self):
        directory = self.useFixture(fixtures.TempDir()).path
        process = subprocess.Popen(
            [sys.executable, '-c', VICTIM], stdout=subprocess.PIPE,
            env=dict(os.environ, TMPDIR=directory))
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)
        runtime = int(process.stdout.readline())
        pids = containerd.tree(runtime)
        self.assertEqual(2, len(pids))
        process.kill()
        process.wait()
        self.wait_until(lambda: not any(map(agents.alive, pids)))

    def test_daemons_end_with_their_container(self):
        """Keep daemons in the container of the parent."""
        self.cluster.kubelet.images['example/daemon:1'] = images.script(
            'import os, time\n'
            'if os.fork() == 0:\n'
            '    os.setsid()\n'
            '    if os.fork() == 0:\n'
            '        print(os.getpid(), flush=True)\n'
            '        time.sleep(3600)\n'
            '    os._exit(0)\n'
            'os.wait()\n'
            'time.sleep(3600)\n')
        self.create(image='example/daemon:1')
        self.await_ready()

        def log():
            return self.core.read_namespaced_pod_log('p', base.NAMESPACE)
        self.wait_until(log)
        pid = int(log())
        self.assertTrue(agents.alive(pid))
        self.core.delete_namespaced_pod('p', base.NAMESPACE)
        self.await_gone()
        self.wait_until(lambda: not agents.alive(pid))

    def test_errors_of_the_stand_in_are_raised(self):
        other_cluster = cluster.Cluster()
        other_cluster.setUp()

        def fail(*_arguments):
            raise ZeroDivisionError

        other_cluster.kubelet.sync = fail
        other_cluster.make_namespace('other')
        self.wait_until(lambda: other_cluster._manager.troubles)
        error = self.assertRaises(AssertionError, other_cluster.cleanUp)
        self.assertIn('ZeroDivisionError', str(error))
