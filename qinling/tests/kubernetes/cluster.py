# SPDX-License-Identifier: Apache-2.0
"""Fixture of a cluster."""

import base64
import json
import os
import random
import secrets
import threading

import fixtures
import trustme

from qinling.tests.kubernetes import access
from qinling.tests.kubernetes import controllers
from qinling.tests.kubernetes import deployments
from qinling.tests.kubernetes import disruptions
from qinling.tests.kubernetes import faults
from qinling.tests.kubernetes import garbage
from qinling.tests.kubernetes import kubelet
from qinling.tests.kubernetes import logs
from qinling.tests.kubernetes import registry
from qinling.tests.kubernetes import replicasets
from qinling.tests.kubernetes import resources
from qinling.tests.kubernetes import scheduling
from qinling.tests.kubernetes import server
from qinling.tests.kubernetes import service
from qinling.tests.kubernetes import store

PORT = 6443
SYSTEM = ('default', 'kube-system')
ADMIN = 'kubernetes-admin'


class Cluster(fixtures.Fixture):
    """Private cluster.

    * ``kubeconfig``: path of a file for the service with the user ``user``;
      ``admin_kubeconfig``: path of a file for the administrator with a
      certificate
    * ``namespace``: an existing namespace; pods there follow the security
      standard ``security``
    * ``calls``: a list of every :class:`.routes.Call`
    * ``faults``: :class:`.faults.Faults`; ``kubelet``:
      :class:`.kubelet.Kubelet`; ``registry``: reads and writes past the server

    :param nodes: number of nodes.
    :param namespace: the name of the namespace.
    :param security: the level of the pod security standard.
    :param without: subresources to leave out, such as ``pods/resize``.
    :param rules: rules for the role of the service in the namespace; ``None``
        allows everything.
    :param pace: see :class:`.kubelet.Kubelet`.
    """

    def __init__(self, nodes=2, namespace='qinling', security='restricted',
                 without=(), rules=None, pace=0.05):
        super().__init__()
        self._count = nodes
        self.namespace = namespace
        self._security = security
        self._without = tuple(without)
        self._rules = rules
        self._pace = pace

    def _setUp(self):
        self.directory = self.useFixture(fixtures.TempDir()).path
        self.store = store.Store()
        self.registry = registry.Registry(self.store)
        self.faults = faults.Faults()
        self.access = access.Access(self.namespace)
        self.access.rules = self._rules
        self.user = f'system:serviceaccount:{self.namespace}:qinling-engine'
        self._authority = trustme.CA()
        self._server = self._listen()
        self.addCleanup(self._check)
        self.calls = self._server.calls
        self.address = self._server.server_address[0]
        self.url = f'https://{self.address}:{PORT}'
        self._control()
        self._populate()
        self._server.start()
        self.addCleanup(self._server.stop)
        self.kubeconfig = self._write_kubeconfig('service', {
            'token': self._token(self.user)})
        self.admin_kubeconfig = self._write_kubeconfig(
            'admin', self._certificate())

    def _check(self):
        """Raise the errors of the stand-in, whose failures prove no fault of
        Qinling."""
        troubles = self._server.troubles + self._manager.troubles
        if troubles:
            raise AssertionError('\n'.join(troubles))

    def _listen(self):
        """Return a server at the first address of a free network."""
        disruptor = disruptions.Disruptions(self.registry)
        self._disruptions = disruptor
        answering = service.Service(
            self.registry, self.access, disruptor.evict,
            lambda pod, query: logs.read(pod, query,
                                         self.kubelet.log_path(pod)),
            self._without)
        self.service = answering
        # Tests may seed the shared generator: two processes would take one
        # network, whose last pods may outlive their API server.
        rng = random.SystemRandom()
        while True:
            self.network = f'127.{rng.randint(1, 254)}.{rng.randint(0, 255)}'
            host = f'{self.network}.1'
            context = server.context(self._authority,
                                     self._authority.issue_cert(host))
            try:
                return server.Server((host, PORT), context, answering,
                                     self.faults)
            except OSError:
                # Another cluster has it.
                continue

    def _control(self):
        self.kubelet = kubelet.Kubelet(
            self.registry, os.path.join(self.directory, 'pods'),
            self.network, self._pace)
        self.addCleanup(self.kubelet.close)
        self._manager = controllers.Manager(self.store, [
            garbage.Garbage(self.registry),
            deployments.Deployments(self.registry),
            replicasets.ReplicaSets(self.registry),
            self._disruptions, scheduling.Scheduler(self.registry),
            self.kubelet])
        self.addCleanup(self._manager.join)
        self.addCleanup(self.store.close)

    def _populate(self):
        for name in SYSTEM:
            self.registry.create(resources.NAMESPACES, '',
                                 {'metadata': {'name': name}})
        self.make_namespace(self.namespace, **{
            'pod-security.kubernetes.io/enforce': self._security})
        for number in range(self._count):
            self.kubelet.add_node(f'node-{number + 1}')
        for name in (*SYSTEM, self.namespace):
            # The controller would make them, but tests begin at once.
            self.registry.create(resources.SERVICE_ACCOUNTS, name,
                                 {'metadata': {'name': 'default'}})
        self._manager.start()

    def make_namespace(self, name, **labels):
        """Create another namespace."""
        return self.registry.create(resources.NAMESPACES, '', {
            'metadata': {'name': name, 'labels': labels}})

    def _token(self, name):
        token = secrets.token_urlsafe(32)
        self.access.tokens[token] = access.User(
            name, ('system:authenticated',))
        return token

    def _certificate(self):
        certificate = self._authority.issue_cert(
            f'{ADMIN}.invalid', common_name=ADMIN,
            organization_name=access.MASTERS)
        chain = b''.join(link.bytes() for link in certificate.cert_chain_pems)
        return {'client-certificate-data': base64.b64encode(chain).decode(),
                'client-key-data': base64.b64encode(
                    certificate.private_key_pem.bytes()).decode()}

    def _write_kubeconfig(self, name, user):
        """Write a kubeconfig file as JSON, a subset of YAML, and return the
        path."""
        path = os.path.join(self.directory, name + '.kubeconfig')
        authority = self._authority.cert_pem.bytes()
        with open(path, 'w') as target:
            json.dump({
                'apiVersion': 'v1', 'kind': 'Config', 'clusters': [{
                    'name': 'c', 'cluster': {
                        'server': self.url, 'certificate-authority-data':
                        base64.b64encode(authority).decode()}}],
                'users': [{'name': 'u', 'user': user}],
                'contexts': [{'name': 'x', 'context': {
                    'cluster': 'c', 'user': 'u',
                    'namespace': self.namespace}}],
                'current-context': 'x'}, target)
        os.chmod(path, 0o600)
        return path

    # What tests do to it

    def cut_watches(self):
        """End the connections of all watches."""
        self._server.cut()

    def mute_watches(self):
        """Let the present watches send nothing any more, like those through a
        proxy that has lost the API server."""
        self._server.mute()

    def cut_all(self):
        """End all connections."""
        self._server.cut(lambda _connection: True)

    def compact(self, as_status=False):
        """Forget the history: watches from the past get 410, as an event or as
        the status of the answer."""
        self.service.compacted_as_status = as_status
        self.store.compact()

    def start_drain(self, node):
        """Drain a node; return the thread, which ends with the pods."""
        thread = threading.Thread(target=self._disruptions.drain,
                                  args=(node,), daemon=True)
        thread.start()
        return thread

    def uncordon(self, node):
        """Let a drained node accept pods again."""
        def open_node(value):
            value['spec'].pop('unschedulable')
        self.registry.change(resources.NODES, '', node, open_node)

    def begin_outage(self):
        """Let the API server answer nothing, from now on."""
        self._outage = self.faults.reset(times=None)
        self.cut_all()

    def end_outage(self, forbidden=0):
        """Let the API server answer again.

        :param forbidden: number of calls that the server refuses first, since
            it has not read its rules yet.
        """
        self.faults.remove(self._outage)
        if forbidden:
            self.faults.status(403, times=forbidden)

    def pods(self, **labels):
        """Return the pods of the namespace with these labels."""
        return [pod for pod in self.store.list(
            resources.PODS, self.namespace) if labels.items()
            <= pod['metadata'].get('labels', {}).items()]

    def rules(self, user=None):
        """Return the set of (group, resource, verb) in the calls of a user."""
        return {(call.group, call.path, call.verb) for call in self.calls
                if call.resource and call.user == (user or self.user)}
