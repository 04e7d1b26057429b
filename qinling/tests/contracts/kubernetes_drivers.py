# SPDX-License-Identifier: Apache-2.0
"""Kubernetes drivers for tests, on the stand-in or on any cluster."""

import io
import os
import secrets
import time

import fixtures
from kubernetes import client
from kubernetes import config

from qinling import conf as qinling_conf
from qinling.engine.workers import invoker
from qinling.orchestrators import base as orchestrators
from qinling.orchestrators import kubernetes
from qinling.orchestrators.kubernetes import labels
from qinling.tests.contracts import test_orchestrator
from qinling.tests.kubernetes import cluster as clusters
from qinling.tests import runtime_images
from qinling.tests.unit.runtimes import agents

KUBECONFIG = 'QINLING_TEST_KUBECONFIG'
IMAGE = 'QINLING_TEST_IMAGE'
PATIENCE = 120  # seconds that a real cluster may take for anything
RUNTIME = 'runtime-1'
IMAGES = runtime_images.NAMES

#: Short periods, so that the driver notices changes soon; pools keep their
#: size, so that tests can wait for it.
FAST = {'ready_timeout': 90, 'claim_timeout': 60, 'request_timeout': 20,
        'engine_lease': 2, 'orphan_timeout': 2, 'network_policy_probe': 'off',
        'max_replicas': 0}


def configuration(kubeconfig, namespace, **values):
    """Return the whole configuration, with the options of the orchestrator."""
    conf = qinling_conf.load([], [])
    for name, value in dict(values, kubeconfig=kubeconfig,
                            namespace=namespace).items():
        conf.set_override(name, value, group='kubernetes')
    return conf


class Agent:
    """Agent, called as the engine does."""

    def __init__(self, worker):
        self.worker = worker
        self.invoker = invoker.Invoker()

    def close(self):
        self.invoker.forget(self.worker)

    def status(self):
        """Return the state of the agent.

        :raises OSError: no agent answers.
        """
        try:
            status, answer = self.invoker.status(self.worker)
        except (invoker.NotSent, invoker.Lost) as error:
            raise OSError(str(error)) from error
        if status != 200:
            raise OSError(f'{status} {answer}')
        return answer

    def load(self, package, entry='main.main', **settings):
        return self.invoker.load(
            self.worker, dict(agents.LOAD, entry=entry, **settings),
            io.BytesIO(package))

    def execute(self, *args, timeout=agents.PATIENCE, **kwargs):
        """Return the result of an execution."""
        status, answer = self.invoker.execute(self.worker, {
            'execution_id': 'e', 'args': args, 'kwargs': kwargs,
            'context': {}, 'timeout': timeout}, timeout + 5)
        if status != 200:
            raise AssertionError(f'{status} {answer}')
        return answer


class KubernetesDriverMixin:
    """Mixin that creates drivers over a cluster of the test.

    ``cluster`` has ``kubeconfig``, ``admin_kubeconfig`` and ``namespace``;
    ``images`` are two runtime images.
    """

    patience = PATIENCE
    images = IMAGES
    options = FAST
    network_options = {'allow_egress': True}

    def setUp(self):
        super().setUp()
        self.cluster = self.make_cluster()

    def make_driver(self, pool_size=1, **values):
        values = {**self.options, **values}
        driver = kubernetes.Driver(configuration(
            self.cluster.kubeconfig, self.cluster.namespace,
            replicas=pool_size, **values))
        self.addCleanup(driver.close)
        return driver

    def wait_until(self, condition, patience=None):
        deadline = time.monotonic() + (patience or self.patience)
        while not condition():
            if time.monotonic() > deadline:
                self.fail('It has not come true in time.')
            time.sleep(0.01)

    def connect(self, worker):
        agent = Agent(worker)
        self.addCleanup(agent.close)
        return agent

    def ping(self, worker):
        self.connect(worker).status()

    def admin(self):
        """Return the core API, for the administrator."""
        client_config = client.Configuration()
        config.load_kube_config(self.cluster.admin_kubeconfig,
                                client_configuration=client_config)
        connection = client.ApiClient(client_config)
        self.addCleanup(connection.close)
        return client.CoreV1Api(connection)

    def has_network(self, worker):
        """Return whether the policies of the driver give a pod a network."""
        pod = self.admin().read_namespaced_pod(worker.name,
                                               self.cluster.namespace)
        return pod.metadata.labels.get(labels.NETWORK) != labels.OFFLINE

    def image(self, worker):
        """Return the image of a worker."""
        pod = self.admin().read_namespaced_pod(worker.name,
                                               self.cluster.namespace)
        return pod.spec.containers[0].image

    def run_function(self, worker, name, entry, *args, **settings):
        """Load a function into a claimed worker and execute it."""
        agent = self.connect(worker)
        status, answer = agent.load(agents.package(name),
                                    entry=f'main.{entry}', **settings)
        self.assertEqual(200, status, answer)
        return agent.execute(*args)


class StandIn(KubernetesDriverMixin):
    """Tests on the stand-in."""

    patience = 90

    def make_cluster(self, **options):
        cluster = self.useFixture(clusters.Cluster(**options))
        runtime_images.add_images(cluster)
        return cluster


class Troubled(StandIn):
    """Tests on a stand-in with injected faults.

    Drivers have one pool; ``lost`` lists the lost workers.
    """

    def setUp(self):
        super().setUp()
        self.faults = self.cluster.faults
        self.kubelet = self.cluster.kubelet

    def make_pool(self, **options):
        driver = self.make_driver(**options)
        driver.lost = []
        driver.on_lost = driver.lost.append
        self.ensure(driver)
        return driver

    def ensure(self, driver, image=0):
        driver.ensure_pool(orchestrators.RuntimeSpec(
            RUNTIME, self.images[image]))

    def claim(self, driver, build=''):
        return driver.claim(RUNTIME, test_orchestrator.FUNCTION,
                            test_orchestrator.LIMITS, build)

    def pods(self, state):
        return {pod['metadata']['name'] for pod in self.cluster.pods(
            **{labels.STATE: state})
            if 'deletionTimestamp' not in pod['metadata']}

    def count(self, code, **match):
        """Return the number of calls with a status code."""
        return sum(call.code == code and all(
            getattr(call, name) == value for name, value in match.items())
            for call in self.cluster.calls)

    def await_claimed(self, *workers):
        """Wait until exactly the workers are claimed."""
        self.wait_until(lambda: self.pods(labels.CLAIMED) == {
            worker.name for worker in workers})


class Namespace(fixtures.Fixture):
    """Namespace of a real cluster, deleted after the test."""

    def __init__(self, kubeconfig):
        super().__init__()
        self.kubeconfig = self.admin_kubeconfig = kubeconfig

    def _setUp(self):
        client_config = client.Configuration()
        config.load_kube_config(
            self.kubeconfig, client_configuration=client_config)
        connection = client.ApiClient(client_config)
        self.addCleanup(connection.close)
        core = client.CoreV1Api(connection)
        self.namespace = f'qinling-test-{secrets.token_hex(4)}'
        core.create_namespace(client.V1Namespace(
            metadata=client.V1ObjectMeta(name=self.namespace, labels={
                'pod-security.kubernetes.io/enforce': 'restricted'})))
        self.addCleanup(core.delete_namespace, self.namespace)
        deadline = time.monotonic() + PATIENCE
        while not core.list_namespaced_service_account(
                self.namespace).items:
            if time.monotonic() > deadline:
                raise AssertionError('The namespace has no service account.')
            time.sleep(0.1)


class Real(KubernetesDriverMixin):
    """Return a function to identify callers by headers in tests.

    The headers are ``X-Project-Id`` and ``X-Roles``.
    """

    options = {'ready_timeout': PATIENCE, 'claim_timeout': 60,
               'max_replicas': 0,
               'reach': 'proxy', 'network_policy_probe': 'off'}

    def setUp(self):
        if not (os.environ.get(KUBECONFIG) and os.environ.get(IMAGE)):
            self.skipTest(f'{KUBECONFIG} and {IMAGE} do not name a cluster '
                          'and an image')
        super().setUp()

    @property
    def images(self):
        names = os.environ[IMAGE].split(',')
        return names[0], names[-1]

    def make_cluster(self):
        return self.useFixture(Namespace(os.environ[KUBECONFIG]))
