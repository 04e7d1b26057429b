# SPDX-License-Identifier: Apache-2.0
"""Test case with a cluster and clients."""

import json

from kubernetes import client
from kubernetes import config
from oslotest import base

from qinling.tests.kubernetes import cluster
from qinling.tests.unit.runtimes import agents

NAMESPACE = 'qinling'


def container(image='example/sleep:1', **fields):
    """Return a container suitable for any namespace."""
    return {'name': 'c', 'image': image, 'securityContext': {
        'allowPrivilegeEscalation': False, 'capabilities': {'drop': ['ALL']},
        'runAsNonRoot': True, 'runAsUser': 1000,
        'seccompProfile': {'type': 'RuntimeDefault'}}, **fields}


def pod(name='p', image='example/sleep:1', labels=None, spec=None, **fields):
    """Return a pod with one container, and with additional fields."""
    return {'apiVersion': 'v1', 'kind': 'Pod',
            'metadata': {'name': name, 'labels': labels or {}},
            'spec': {'terminationGracePeriodSeconds': 2,
                     'containers': [container(image, **fields)],
                     **(spec or {})}}


def deployment(name='d', replicas=2, image='example/sleep:1', spec=None,
               **fields):
    """Return a deployment of such pods."""
    template = pod(image=image, **fields)
    return {'apiVersion': 'apps/v1', 'kind': 'Deployment',
            'metadata': {'name': name},
            'spec': {'replicas': replicas,
                     'selector': {'matchLabels': {'app': name}},
                     'template': {'metadata': {'labels': {'app': name}},
                                  'spec': template['spec']}, **(spec or {})}}


class TestCase(base.BaseTestCase):
    """Test with a cluster; ``core`` and similar attributes are APIs of the
    client."""

    cluster_options = {}

    def setUp(self):
        super().setUp()
        self.cluster = self.useFixture(
            cluster.Cluster(**self.cluster_options))
        self.api = self.connect(self.cluster.admin_kubeconfig)
        self.core = client.CoreV1Api(self.api)
        self.apps = client.AppsV1Api(self.api)
        self.policy = client.PolicyV1Api(self.api)

    def connect(self, kubeconfig):
        """Return a client without retries."""
        configuration = client.Configuration()
        config.load_kube_config(kubeconfig, client_configuration=configuration)
        configuration.retries = False
        connection = client.ApiClient(configuration)
        self.addCleanup(connection.close)
        return connection

    def wait_until(self, condition, subject='it'):
        self.assertTrue(agents.wait_until(condition),
                        f'Waited in vain for {subject}.')

    def check_refused(self, status, function, *args, **kwargs):
        """Return the ``Status`` of a rejected call."""
        error = self.assertRaises(client.ApiException, function, *args,
                                  **kwargs)
        self.assertEqual(status, error.status, error.body)
        body = json.loads(error.body)
        self.assertEqual(('Status', 'Failure', status),
                         (body['kind'], body['status'], body['code']))
        return body

    def create(self, *args, **kwargs):
        """Create a pod."""
        return self.core.create_namespaced_pod(NAMESPACE,
                                               pod(*args, **kwargs))

    def deploy(self, *args, **kwargs):
        """Create a deployment."""
        return self.apps.create_namespaced_deployment(
            NAMESPACE, deployment(*args, **kwargs))

    def read(self, name='p'):
        return self.core.read_namespaced_pod(name, NAMESPACE)

    def pods(self, selector=None):
        return self.core.list_namespaced_pod(
            NAMESPACE, label_selector=selector).items

    def await_pod(self, condition, name='p'):
        """Return the pod once a condition holds."""
        latest = []

        def poll():
            latest[:] = [self.read(name)]
            return condition(latest[0])
        self.wait_until(poll, f'the pod; it is {latest}')
        return latest[0]

    def await_phase(self, phase, name='p'):
        return self.await_pod(lambda pod: pod.status.phase == phase, name)

    def await_ready(self, name='p'):
        return self.await_pod(lambda pod: condition(pod, 'Ready')
                              == 'True', name)

    def await_gone(self, name='p'):
        self.wait_until(lambda: name not in {
            pod.metadata.name for pod in self.pods()})

    def await_available(self, count, name='d'):
        """Return the deployment with enough available pods."""
        latest = []

        def poll():
            latest[:] = [self.apps.read_namespaced_deployment(name, NAMESPACE)]
            status = latest[0].status
            return (status.observed_generation
                    == latest[0].metadata.generation
                    and status.available_replicas == count
                    and status.updated_replicas == count
                    and status.replicas == count)
        self.wait_until(poll, f'the deployment; it is {latest}')
        return latest[0]


def condition(thing, kind):
    """Return the status of a condition, or ``None`` without such a condition.
    """
    return next((candidate.status for candidate in thing.status.conditions
                 or () if candidate.type == kind), None)
