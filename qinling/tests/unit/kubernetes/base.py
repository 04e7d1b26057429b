# SPDX-License-Identifier: Apache-2.0
"""A cluster, and clients of it."""

import json

from kubernetes import client
from kubernetes import config
from oslotest import base

from qinling.tests.kubernetes import cluster
from qinling.tests.unit.runtimes import agents

NAMESPACE = 'qinling'


def container(image='example/sleep:1', **more):
    """A container that may live in any namespace."""
    return {'name': 'c', 'image': image, 'securityContext': {
        'allowPrivilegeEscalation': False, 'capabilities': {'drop': ['ALL']},
        'runAsNonRoot': True, 'runAsUser': 1000,
        'seccompProfile': {'type': 'RuntimeDefault'}}, **more}


def pod(name='p', image='example/sleep:1', labels=None, spec=None, **more):
    """A pod with one container, to which ``more`` is added."""
    return {'apiVersion': 'v1', 'kind': 'Pod',
            'metadata': {'name': name, 'labels': labels or {}},
            'spec': {'terminationGracePeriodSeconds': 2,
                     'containers': [container(image, **more)],
                     **(spec or {})}}


def deployment(name='d', replicas=2, image='example/sleep:1', spec=None,
               **more):
    """A deployment of such pods."""
    found = pod(image=image, **more)
    return {'apiVersion': 'apps/v1', 'kind': 'Deployment',
            'metadata': {'name': name},
            'spec': {'replicas': replicas,
                     'selector': {'matchLabels': {'app': name}},
                     'template': {'metadata': {'labels': {'app': name}},
                                  'spec': found['spec']}, **(spec or {})}}


class TestCase(base.BaseTestCase):
    """A test with a cluster; ``core`` and its like are the client's."""

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
        """A client; it tries nothing again."""
        made = client.Configuration()
        config.load_kube_config(kubeconfig, client_configuration=made)
        made.retries = False
        connection = client.ApiClient(made)
        self.addCleanup(connection.close)
        return connection

    def wait_until(self, condition, what='it'):
        self.assertTrue(agents.wait_until(condition),
                        f'Waited in vain for {what}.')

    def refused(self, status, function, *args, **kwargs):
        """The ``Status`` of a call that must be refused."""
        error = self.assertRaises(client.ApiException, function, *args,
                                  **kwargs)
        self.assertEqual(status, error.status, error.body)
        body = json.loads(error.body)
        self.assertEqual(('Status', 'Failure', status),
                         (body['kind'], body['status'], body['code']))
        return body

    def create(self, *args, **kwargs):
        """A new pod."""
        return self.core.create_namespaced_pod(NAMESPACE,
                                               pod(*args, **kwargs))

    def deploy(self, *args, **kwargs):
        """A new deployment."""
        return self.apps.create_namespaced_deployment(
            NAMESPACE, deployment(*args, **kwargs))

    def read(self, name='p'):
        return self.core.read_namespaced_pod(name, NAMESPACE)

    def pods(self, selector=None):
        return self.core.list_namespaced_pod(
            NAMESPACE, label_selector=selector).items

    def await_pod(self, condition, name='p'):
        """The pod once it fulfils a condition."""
        found = []

        def look():
            found[:] = [self.read(name)]
            return condition(found[0])
        self.wait_until(look, f'the pod; it is {found}')
        return found[0]

    def await_phase(self, phase, name='p'):
        return self.await_pod(lambda each: each.status.phase == phase, name)

    def await_ready(self, name='p'):
        return self.await_pod(lambda each: condition(each, 'Ready')
                              == 'True', name)

    def await_gone(self, name='p'):
        self.wait_until(lambda: name not in {
            each.metadata.name for each in self.pods()})

    def await_available(self, count, name='d'):
        """The deployment once so many pods are available."""
        found = []

        def look():
            found[:] = [self.apps.read_namespaced_deployment(name, NAMESPACE)]
            status = found[0].status
            return (status.observed_generation
                    == found[0].metadata.generation
                    and status.available_replicas == count
                    and status.updated_replicas == count
                    and status.replicas == count)
        self.wait_until(look, f'the deployment; it is {found}')
        return found[0]


def condition(thing, kind):
    """The status of a condition, ``None`` if there is none."""
    return next((each.status for each in thing.status.conditions or ()
                 if each.type == kind), None)
