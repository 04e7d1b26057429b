# SPDX-License-Identifier: Apache-2.0
"""Tests of drains, outages and dead engines, from the API to pods."""

from concurrent import futures
import json
import threading
import time

from qinling.tests.functional import base
from qinling.tests.functional import test_kubernetes

FUNCTION = 'qinling.openstack.org/function'
THREADS = 24


class Load:
    """Executions at a rate, in threads.

    :param rate: executions per second.
    :param sync: wait for the end of each execution, else at the end of all.
    """

    def __init__(self, client, function, rate, sync=True, **input):
        self._client = client
        self._body = {'function_id': function, 'input': json.dumps(input),
                      'sync': sync}
        self._sync = sync
        #: ids of asynchronous executions
        self.ids = []
        self._interval = THREADS / rate
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        #: status of the answer, or status of the execution -> number
        self.results = {}
        self._pool = futures.ThreadPoolExecutor(THREADS)
        self._loops = [self._pool.submit(self._loop, number)
                       for number in range(THREADS)]

    def _loop(self, number):
        due = time.monotonic() + self._interval * number / THREADS
        while not self._stopped.wait(max(0, due - time.monotonic())):
            due += self._interval
            status, row = self._client.call('POST', '/v1/executions',
                                            self._body)
            result = row['status'] if status == 201 else status
            with self._lock:
                if status == 201 and not self._sync:
                    self.ids.append(row['id'])
                else:
                    self._count(result)

    def _count(self, result):
        self.results[result] = self.results.get(result, 0) + 1

    def wait_for(self, number):
        """Wait for further successful executions."""
        number += self.results.get('success', 0)
        base.wait_for(lambda: self.results.get('success', 0) >= number,
                      'executions under load')

    def stop(self):
        """Stop, and return the results."""
        self._stopped.set()
        self._pool.shutdown()
        for loop in self._loops:
            loop.result()
        while self.ids:
            self._count(self._client.wait_for_end(self.ids.pop())['status'])
        return self.results


class TestDrains(test_kubernetes.Clustered):
    """Tests of nodes that are drained under load."""

    def test_drain_under_load(self):
        self.serve(replicas=2)
        function = self.function(test_kubernetes.SLOW)
        load = Load(self.client, function, 50, seconds=0.1)
        self.addCleanup(load.stop)
        load.wait_for(100)
        before = self.workers(function)
        node = self.cluster.pods(**{FUNCTION: function})[0]['spec'][
            'nodeName']
        drain = self.cluster.start_drain(node)
        load.wait_for(100)
        drain.join(base.PATIENCE)
        self.assertFalse(drain.is_alive())
        load.wait_for(100)
        self.assertEqual({'success'}, set(load.stop()), load.results)
        self.assertEqual([], [
            pod for pod in self.cluster.pods(**{FUNCTION: function})
            if pod['spec']['nodeName'] == node])
        self.assertNotEqual(before, self.workers(function))

    def test_drain_of_both_nodes_under_mixed_load(self):
        self.serve(replicas=2)
        function = self.function(test_kubernetes.SLOW)
        loads = [Load(self.client, function, 25, sync, seconds=0.1)
                 for sync in (True, False)]
        for load in loads:
            self.addCleanup(load.stop)
        for node in ('node-1', 'node-2'):
            loads[0].wait_for(50)
            drain = self.cluster.start_drain(node)
            drain.join(base.PATIENCE)
            self.assertFalse(drain.is_alive())
            loads[0].wait_for(25)
            self.cluster.uncordon(node)
        for load in loads:
            self.assertEqual({'success'}, set(load.stop()), load.results)
            self.assertLess(50, load.results['success'])

    def test_execution_that_cannot_finish_runs_again(self):
        self.serve()
        function = self.function(test_kubernetes.SLOW)
        row = self.client.run(function, '{"seconds": 5}', sync=False)
        name, = base.wait_for(lambda: self.workers(function), 'a worker')
        base.wait_for(lambda: 'running' in self.client.log(row['id']),
                      'the function')
        base.wait_for(lambda: self.cluster.kubelet.kill(
            self.cluster.namespace, name) or True, 'the end')
        self.cluster.registry.delete(
            test_kubernetes.PODS, self.cluster.namespace, name,
            {'gracePeriodSeconds': 0})
        row = self.client.wait_for_end(row['id'])
        self.assertEqual(('success', 2), (row['status'], row['attempt']))


class TestOutages(test_kubernetes.Clustered):
    """Tests of a server whose cluster does not answer."""

    def refuse(self, function):
        """Return the answer to a cold execution, and its seconds."""
        since = time.monotonic()
        status, headers, body = self.client.request(
            'POST', '/v1/executions', json.dumps({'function_id': function}),
            {'Content-Type': 'application/json'})
        return (status, headers['Retry-After'], json.loads(body),
                time.monotonic() - since)

    def test_outage_under_load(self):
        self.serve()
        warm, cold = self.function(), self.function()
        self.run_sync(warm)
        load = Load(self.client, warm, 20)
        self.addCleanup(load.stop)
        load.wait_for(20)
        workers = self.workers(warm)
        self.cluster.begin_outage()
        base.wait_for(lambda: self.refuse(cold)[0] == 503, 'the outage')
        for _ in range(10):
            status, retry_after, body, seconds = self.refuse(cold)
            self.assertEqual((503, '1'), (status, retry_after))
            self.assertIn('does not answer', json.dumps(body))
            self.assertLess(seconds, 2)
        waiting = self.client.run(cold, sync=False)
        load.wait_for(60)
        self.assertEqual({'success'}, set(load.results), load.results)
        self.assertEqual(workers, self.workers(warm))
        self.assertEqual('running', self.client.get(
            f'/v1/executions/{waiting["id"]}')['status'])
        self.cluster.end_outage(forbidden=5)
        self.assertEqual('success', self.client.wait_for_end(
            waiting['id'])['status'])
        self.assertEqual('hello you', self.run_sync(cold))
        self.assertEqual({'success'}, set(load.stop()), load.results)


class TestEngines(test_kubernetes.Clustered):
    """Tests of two engines that die at the same time."""

    def test_both_engines_die(self):
        cloud = self.useFixture(base.Cloud(
            engines=2, **test_kubernetes.options(
                self.cluster, engine_lease=10, replicas=2)))
        self.client = cloud.client
        function = self.function(test_kubernetes.SLOW)
        self.run_sync(function, seconds=0)
        waiting = [self.client.run(function, '{"seconds": 30}', sync=False)
                   for _ in range(2)]
        for row in waiting:
            base.wait_for(lambda: self.client.get(
                f'/v1/executions/{row["id"]}')['attempt'] == 1, 'the attempt')
        durations = []
        with futures.ThreadPoolExecutor(1) as pool:
            call = pool.submit(self.client.run, function, '{"seconds": 60}')
            base.wait_for(lambda: len([
                row for row in self.client.get('/v1/executions')['executions']
                if row['status'] == 'running']) == 3, 'three executions')
            since = time.monotonic()
            for engine in cloud.engines:
                engine.kill()
            self.assertEqual('error', call.result()['status'])
            durations.append(time.monotonic() - since)
        for engine in cloud.engines:
            engine.start()
        base.wait_for(lambda: self.client.call(
            'POST', '/v1/executions', {
                'function_id': function, 'input': '{"seconds": 0}'})[0]
            == 201, 'the first success')
        durations.append(time.monotonic() - since)
        for row in waiting:
            base.wait_for(lambda: self.client.get(
                f'/v1/executions/{row["id"]}')['attempt'] == 2, 'attempt 2')
            durations.append(time.monotonic() - since)
        print('Error, first success, resumed:', *(
            f'{seconds:.1f} s' for seconds in durations))
        # Far below the lease, also on a busy machine.
        self.assertLess(max(durations), 40)
        self.assertIn('is dead; taking over', ''.join(
            engine.log.read_text() for engine in cloud.engines))
