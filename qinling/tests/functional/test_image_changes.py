# SPDX-License-Identifier: Apache-2.0
"""Tests of new images of runtimes under load, on a stand-in for Kubernetes."""

import itertools
import threading

from qinling.tests.functional import base
from qinling.tests.functional import test_kubernetes

OLD, NEW = 'python3', 'qinling/python3:2'


class Load:
    """Executions, one after the other in each thread, while in context."""

    def __init__(self, client, *requests):
        self._client = client
        self._stopped = threading.Event()
        self.answers = []
        self._threads = [threading.Thread(target=self._run, args=(request,))
                         for request in requests for _ in range(2)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error):
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _run(self, request):
        while not self._stopped.is_set():
            self.answers.append(self._client.call(
                'POST', '/v1/executions', request))

    def wait_for(self, number):
        """Wait for further answers."""
        number += len(self.answers)
        base.wait_for(lambda: len(self.answers) >= number, 'answers')

    def failures(self):
        return [answer for answer in self.answers
                if answer[0] != 201 or answer[1]['status'] != 'success']


class TestImageChanges(test_kubernetes.Clustered):

    def setUp(self):
        super().setUp()
        self.serve(replicas=2)
        self.hello = self.function()
        self.call('POST', f'/v1/functions/{self.hello}/versions', {})
        self.runtime = f'/v1/runtimes/{self.client.runtime()}'
        self.load = Load(
            self.client, {'function_id': self.hello, 'input': '{}'},
            {'function_id': self.hello, 'function_version': 1, 'input': '{}'})

    def call(self, method, path, value):
        status, answer = self.client.call(method, path, value)
        self.assertIn(status, (200, 201), answer)
        return answer

    def images(self, version):
        """Return the images of the workers of a version."""
        return {pod['spec']['containers'][0]['image']
                for pod in self.cluster.pods(**{
                    'qinling.openstack.org/function': self.hello,
                    'qinling.openstack.org/version': str(version)})
                if 'deletionTimestamp' not in pod['metadata']}

    def change(self, image):
        """Change the image, and create functions until the change ends."""
        answer = self.call('PUT', self.runtime, {'image': image})
        self.assertEqual('upgrading', answer['status'])
        for number in itertools.count():
            self.client.create(test_kubernetes.HELLO, name=f'f{number}')
            row = self.client.get(self.runtime)
            if row['status'] == 'available':
                return row

    def test_change_under_load(self):
        self.cluster.kubelet.slow_ready(1)
        with self.load as load:
            load.wait_for(20)
            self.change(NEW)
            base.wait_for(lambda: self.images(0) == {NEW}, 'new workers')
            load.wait_for(20)
        self.assertEqual([], load.failures())
        self.assertEqual({OLD}, self.images(1))

    def names(self):
        """Return the names of the workers of the current code."""
        return self.workers(self.hello, version=0)

    def test_bad_image_changes_nothing(self):
        version = f'/v1/functions/{self.hello}/versions/1'
        before = self.client.get(version)
        with self.load as load:
            load.wait_for(20)
            workers = self.names()
            row = self.change('example/missing:1')
            load.wait_for(20)
            self.assertLessEqual(workers, self.names())
        self.assertEqual([], load.failures())
        after = self.client.get(version)
        for field in ('runtime_id', 'digest'):
            self.assertEqual(before[field], after[field])
        self.assertEqual(OLD, row['image'])
        self.assertIn('ErrImagePull', row['status_reason'].replace(
            'ImagePullBackOff', 'ErrImagePull'))
