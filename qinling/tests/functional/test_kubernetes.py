# SPDX-License-Identifier: Apache-2.0
"""Tests of functions from the API to pods, on a stand-in for Kubernetes.

The programs and the agents in the pods are real; only the cluster is
:mod:`qinling.tests.kubernetes`.
"""

import json

from oslotest import base as test_base

from qinling.tests.functional import base
from qinling.tests.kubernetes import cluster
from qinling.tests.kubernetes import resources
from qinling.tests import runtime_images

HELLO = 'def main(name="you"):\n    print("log")\n    return "hello " + name\n'
SLOW = ('import time\n'
        'def main(seconds):\n    print("running")\n'
        '    time.sleep(seconds)\n    return "done"\n')
PODS = resources.PODS
#: Calls that come by themselves, however little is done.
STANDING = {'leases'}


def options(stand_in, **values):
    """Return the configuration of a service on a cluster."""
    return {'engine': {'orchestrator': 'kubernetes'},
            'kubernetes': {'kubeconfig': stand_in.kubeconfig,
                           'namespace': stand_in.namespace, 'replicas': 1,
                           'ready_timeout': 120, 'engine_lease': 2, **values}}


class Clustered(test_base.BaseTestCase):
    """Cluster with the image of the runtime ``python3``."""

    def setUp(self):
        super().setUp()
        self.cluster = self.useFixture(cluster.Cluster())
        self.cluster.kubelet.images['python3'] = runtime_images.runtime()
        runtime_images.add_images(self.cluster)

    def serve(self, **values):
        self.server = self.useFixture(base.Standalone(
            **options(self.cluster, **values)))
        self.client = self.server.client
        return self.client

    def function(self, code=HELLO, **fields):
        base.wait_for(lambda: self.client.get(
            f'/v1/runtimes/{self.client.runtime()}')['status']
            == 'available', 'the runtime')
        return self.client.create(code, **fields)['id']

    def run_sync(self, function, **input):
        row = self.client.run(function, json.dumps(input))
        self.assertEqual('success', row['status'], row)
        return base.output(row)

    def workers(self, function, **values):
        """Return the names of the pods of a function.

        :param values: further labels of the pods.
        """
        return {pod['metadata']['name'] for pod in self.cluster.pods(**{
            f'qinling.openstack.org/{name}': str(value)
            for name, value in dict(values, function=function).items()})
            if 'deletionTimestamp' not in pod['metadata']}


class TestStandalone(Clustered):
    """Tests of one server with a cluster."""

    def test_functions(self):
        self.serve()
        function = self.function()
        row = self.client.run(function, '{"name": "Ada"}')
        self.assertEqual(('success', 'hello Ada'),
                         (row['status'], base.output(row)))
        self.assertIn('log', self.client.log(row['id']))
        row = self.client.run(function, '{}', sync=False)
        row = self.client.wait_for_end(row['id'])
        self.assertEqual(('success', 'hello you'),
                         (row['status'], base.output(row)))
        self.assertEqual(1, len(self.workers(function)))

    def test_through_the_api_server(self):
        self.serve(reach='proxy')
        self.assertEqual('hello Bob', self.run_sync(
            self.function(), name='Bob'))
        self.assertIn(('', 'pods/proxy', 'create'), self.cluster.rules())

    def test_warm_executions_send_no_requests_to_the_cluster(self):
        # The pool would grow at some time after the claim.
        self.serve(max_replicas=1)
        function = self.function()
        self.run_sync(function)
        pod, = self.workers(function)

        def is_resized():
            return any(call.subresource == 'resize' and call.code == 200
                       for call in self.cluster.calls)
        base.wait_for(is_resized, 'the resize of the worker')
        before = len(self.cluster.calls)
        for number in range(50):
            self.assertEqual(f'hello {number}',
                             self.run_sync(function, name=str(number)))
        calls = [call for call in self.cluster.calls[before:]
                 if call.resource not in STANDING]
        self.assertEqual([], calls)

    def test_pod_dies_while_it_runs(self):
        self.serve()
        function = self.function(SLOW)
        row = self.client.run(function, '{"seconds": 60}', sync=False)
        name, = base.wait_for(lambda: self.workers(function), 'a worker')
        base.wait_for(lambda: 'running' in self.client.log(row['id']),
                      'the execution')
        self.cluster.kubelet.kill(self.cluster.namespace, name, oom=True)
        row = self.client.wait_for_end(row['id'])
        self.assertEqual('failed', row['status'])
        self.assertIn('memory', row['detail'])
        self.assertEqual('done', self.run_sync(function, seconds=0))

    def test_cluster_in_trouble(self):
        self.serve()
        cluster, faults = self.cluster, self.cluster.faults
        for trouble in (
                lambda: faults.status(500, verb='patch', resource='pods'),
                lambda: faults.status(500, after=True, verb='patch',
                                      resource='pods'),
                lambda: faults.too_many(1, verb='patch', resource='pods'),
                lambda: faults.reset(verb='patch', resource='pods'),
                lambda: faults.reset(after=True, verb='patch',
                                     resource='pods'),
                cluster.cut_watches, cluster.compact, cluster.cut_all,
                lambda: cluster.kubelet.slow_ready(1)):
            function = self.function()
            trouble()
            self.assertEqual('hello Eve', self.run_sync(function,
                                                        name='Eve'))
            self.client.call('POST', f'/v1/functions/{function}/detach')

    def test_workers_outlive_their_server(self):
        self.serve(orphan_timeout=60)
        function = self.function()
        self.assertEqual('hello you', self.run_sync(function))
        before = self.workers(function)
        self.server.program.kill()
        self.server.restart()
        self.client = self.server.client
        self.assertEqual('hello you', self.run_sync(function))
        self.wait_for_workers(function, before)

    def wait_for_workers(self, function, count):
        base.wait_for(lambda: self.workers(function) >= count,
                      'the worker of before')

    def test_deleted_functions_leave_no_pods(self):
        self.serve()
        function = self.function()
        self.run_sync(function)
        status, answer = self.client.call('DELETE',
                                          f'/v1/functions/{function}')
        self.assertEqual(204, status, answer)
        base.wait_for(lambda: not self.workers(function),
                      'the end of the worker')

    def test_images(self):
        self.serve()
        function = self.client.form('POST', '/v1/functions', {
            'code': '{"source": "image", "image": "example/echo:1"}'},
            status=201)['id']
        for input, output in (('a  b c', 'a b c'),
                              ('{"f": 1}', '{"f": 1}')):
            row = self.client.run(function, input)
            self.assertEqual('success', row['status'], row)
            self.assertEqual(f'{output}\n', base.output(row))
        base.wait_for(lambda: not [
            pod for pod in self.cluster.pods() if 'python3' not in
            pod['spec']['containers'][0]['image']], 'the end of the pods')

    def test_failing_image(self):
        self.serve()
        function = self.client.form('POST', '/v1/functions', {
            'code': '{"source": "image", "image": "example/fail:1"}'},
            status=201)['id']
        row = self.client.run(function)
        self.assertEqual('failed', row['status'], row)
        self.assertIn('exit code 3', row['detail'])
        self.assertIn('It fails.', self.client.log(row['id']))


class TestCloud(Clustered):
    """Tests of API and engines as daemons, over a database and a bus."""

    def test_engine_dies(self):
        cloud = self.useFixture(base.Cloud(
            engines=2, **options(
                # The one that lives must not be thought dead.
                self.cluster, engine_lease=8, orphan_timeout=2)))
        self.client = cloud.client
        function = self.function()
        for number in range(8):
            self.assertEqual(f'hello {number}',
                             self.run_sync(function, name=str(number)))
        cloud.engines[0].kill()
        for number in range(8):
            row = self.client.run(function, '{}', sync=False)
            self.assertEqual('success', self.client.wait_for_end(
                row['id'])['status'])
        # What the dead one had is taken over or destroyed.
        base.wait_for(lambda: len(self.workers(function)) == 1,
                      'the end of orphans')
