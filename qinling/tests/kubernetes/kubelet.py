# SPDX-License-Identifier: Apache-2.0
"""Kubelets of all nodes, and accidents of nodes."""

import threading

from qinling.tests.kubernetes import conditions
from qinling.tests.kubernetes import errors
from qinling.tests.kubernetes import images
from qinling.tests.kubernetes import podworker
from qinling.tests.kubernetes import processes
from qinling.tests.kubernetes import quantities
from qinling.tests.kubernetes import resources
from qinling.tests.kubernetes import scheduling
from qinling.tests.kubernetes import selectors

FIRST_POD, LAST_POD = 10, 250  # last numbers of the addresses of pods
PATIENCE = 60  # seconds that pods may take to end when all is closed


class Kubelet:
    """Runner of the pods with a node.

    :param registry: a :class:`.registry.Registry`.
    :param directory: a private directory.
    :param network: three numbers, the prefix of all addresses.
    :param pace: length of a second for probes and back-offs.  Grace periods
        and deadlines are in real seconds.
    """

    def __init__(self, registry, directory, network, pace):
        self.registry = registry
        self.store = registry.store
        self.directory = directory
        self.pace = pace
        self.images = images.create_images()
        self.never = set()
        self.delay = 0
        self.enforces_policies = False
        self.closed = False
        self.processes = processes.Processes()
        self._scheduler = scheduling.Scheduler(registry)
        self._network = network
        self._workers = {}
        self._versions = {}
        self._lost = set()
        self._nodes = []
        self._lock = threading.Lock()
        self._free = [f'{network}.{number}'
                      for number in range(FIRST_POD, LAST_POD)]

    # For pods

    def allocate_address(self):
        with self._lock:
            return self._free.pop(0)

    def release_address(self, address):
        with self._lock:
            self._free.append(address)

    def host_address(self, node):
        return f'{self._network}.{2 + self._nodes.index(node)}'

    def is_lost(self, node):
        return node in self._lost

    def confine(self, pod, argv):
        """Return the command of a container.

        If policies are enforced, a client whose egress is limited gets no
        network: it has nothing to listen to, and may not reach workers.
        """
        metadata = pod['metadata']
        policies = self.store.list(resources.NETWORK_POLICIES,
                                   metadata['namespace'])
        if self.enforces_policies and not any(
                container.get('ports')
                for container in pod['spec']['containers']) and any(
                'Egress' in policy['spec']['policyTypes']
                and selectors.matches(policy['spec']['podSelector'],
                                      metadata.get('labels', {}))
                for policy in policies):
            return ['unshare', '--user', '--map-root-user', '--net', *argv]
        return argv

    def remove_worker(self, worker):
        """Forget a finished pod."""
        with self._lock:
            self._workers.pop(worker.uid, None)
            self._versions.pop(worker.uid, None)

    def resize_rejection(self, pod):
        """Return (reason, message) against a new size of a pod; empty texts
        for a size that fits."""
        node = self.store.get(resources.NODES, '', pod['spec']['nodeName'])
        capacity = {name: quantities.parse(text) for name, text
                    in node['status']['allocatable'].items()}
        requested = quantities.requested(pod)
        for name, number in requested.items():
            if number > capacity.get(name, 0):
                return 'Infeasible', (
                    f'Node didn\'t have enough capacity: {name}, requested: '
                    f'{quantities.render(number)}, capacity: '
                    f'{quantities.render(capacity.get(name, 0))}')
        load = self._scheduler.load(pod['spec']['nodeName'])
        for name in requested:
            if load[name] > capacity[name]:
                return 'Deferred', ('Node didn\'t have enough resource: '
                                    f'{name}')
        return '', ''

    def log_path(self, pod):
        """Return a function for the paths of the logs of a pod, see
        :func:`.logs.read`."""
        if self.is_lost(pod['spec'].get('nodeName')):
            raise errors.internal('dial tcp: connect: i/o timeout')
        with self._lock:
            worker = self._workers.get(pod['metadata']['uid'])
        return worker.log_path if worker else (
            lambda _name, _restarts: self.directory + '/none')

    # For the manager of controllers

    def sync(self):
        """Start new pods and wake changed pods."""
        uids = set()
        for pod in self.store.list(resources.PODS):
            if pod['spec'].get('nodeName'):
                uids.add(pod['metadata']['uid'])
                self._sync(pod)
        with self._lock:
            removed = [worker for uid, worker in self._workers.items()
                       if uid not in uids]
        for worker in removed:
            worker.wake()

    def _sync(self, pod):
        uid, version = (pod['metadata'][name]
                        for name in ('uid', 'resourceVersion'))
        with self._lock:
            worker = self._workers.get(uid)
            if worker is None:
                if self.closed or self.is_lost(pod['spec']['nodeName']):
                    return
                worker = podworker.PodWorker(self, pod)
                self._workers[uid] = worker
                worker.start()
            elif self._versions.get(uid) != version:
                worker.wake()
            self._versions[uid] = version

    # For tests

    def add_node(self, name, labels=None, **capacity):
        """Create a node; ``capacity`` has ``cpu``, ``memory``, ``pods``."""
        allocatable = {'cpu': '16', 'memory': '64Gi', 'pods': '110',
                       'ephemeral-storage': '500Gi', **capacity}
        self._nodes.append(name)
        self.registry.create(resources.NODES, '', {
            'metadata': {'name': name, 'labels': {
                'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux',
                **(labels or {})}}, 'spec': {}})

        def write(value):
            value['status'] = {
                'capacity': allocatable, 'allocatable': allocatable,
                'addresses': [{'type': 'InternalIP',
                               'address': self.host_address(name)}]}
            conditions.put(value, 'Ready', True, 'KubeletReady',
                           'kubelet is posting ready status')

        self.registry.change(resources.NODES, '', name, write,
                             subresource='status')

    def slow_ready(self, seconds):
        """Delay the start of the containers of new pods."""
        self.delay = seconds

    def never_ready(self, image, never=True):
        """Fail the readiness probes of an image from now on."""
        if never:
            self.never.add(image)
        else:
            self.never.discard(image)

    def kill(self, namespace, name, oom=False):
        """Kill the processes of a pod, with ``memory`` like the kernel out of
        memory."""
        self._worker(namespace, name).kill(oom)

    def _worker(self, namespace, name):
        pod = self.registry.get(resources.PODS, namespace, name)
        with self._lock:
            return self._workers[pod['metadata']['uid']]

    def lose_node(self, name, evict=True):
        """Lose a node: all processes stop, and the pods, whose status stays
        unwritten, remain marked for deletion."""
        self._lost.add(name)
        with self._lock:
            workers = [worker for worker in self._workers.values()
                       if worker.node == name]
        for worker in workers:
            worker.freeze()
        self._set_node(name, 'Unknown', 'NodeStatusUnknown',
                       'Kubelet stopped posting node status.')
        with self.store.changed:
            for pod in self._pods_of(name):
                self._mark_lost(pod, evict)

    def _pods_of(self, node):
        return [pod for pod in self.store.list(resources.PODS)
                if pod['spec'].get('nodeName') == node]

    def _mark_lost(self, pod, evict):
        def write(value):
            conditions.put(value, 'Ready', False, 'NodeNotReady')
            if evict:
                conditions.put(
                    value, 'DisruptionTarget', True,
                    'DeletionByTaintManager', 'Taint manager: deleting due to '
                    'NoExecute taint')
        place = (resources.PODS, pod['metadata']['namespace'],
                 pod['metadata']['name'])
        self.registry.change(*place, write, subresource='status')
        if evict:
            self.registry.delete(*place)

    def return_node(self, name):
        """Bring a node back: deleted pods end."""
        self._lost.discard(name)
        self._set_node(name, True, 'KubeletReady',
                       'kubelet is posting ready status')
        with self._lock:
            workers = [worker for worker in self._workers.values()
                       if worker.node == name]
        for worker in workers:
            worker.freeze(False)
            worker.wake()

    def _set_node(self, name, status, reason, message):
        def write(value):
            conditions.put(value, 'Ready', status, reason, message)
        self.registry.change(resources.NODES, '', name, write,
                             subresource='status')

    def evict(self, namespace, name):
        """Evict a pod for lack of memory on the node: the pod fails and
        remains as a record."""
        self._worker(namespace, name).evict()

    def close(self):
        """End all pods."""
        self.closed = True
        with self._lock:
            workers = list(self._workers.values())
        for worker in workers:
            worker.wake()
        try:
            self.processes.close()
        finally:
            for worker in workers:
                worker.join(PATIENCE)
