# SPDX-License-Identifier: Apache-2.0
"""The kubelets of all nodes, and what can happen to them."""

import threading

from qinling.tests.kubernetes import conditions
from qinling.tests.kubernetes import errors
from qinling.tests.kubernetes import images
from qinling.tests.kubernetes import podworker
from qinling.tests.kubernetes import processes
from qinling.tests.kubernetes import quantities
from qinling.tests.kubernetes import resources
from qinling.tests.kubernetes import scheduling

FIRST_POD, LAST_POD = 10, 250  # last numbers of the addresses of pods
PATIENCE = 60  # seconds that pods may take to end when all is closed


class Kubelet:
    """Runs the pods that have a node.

    :param registry: a :class:`.registry.Registry`.
    :param directory: a private directory.
    :param network: three numbers, the beginning of all addresses.
    :param pace: how long a second lasts for probes and back-offs.  Grace
        periods and deadlines are in real seconds.
    """

    def __init__(self, registry, directory, network, pace):
        self.registry = registry
        self.store = registry.store
        self.directory = directory
        self.pace = pace
        self.images = images.known()
        self.never = set()
        self.delay = 0
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

    def take_address(self):
        with self._lock:
            return self._free.pop(0)

    def give_address(self, address):
        with self._lock:
            self._free.append(address)

    def host_address(self, node):
        return f'{self._network}.{2 + self._nodes.index(node)}'

    def lost(self, node):
        return node in self._lost

    def forget(self, worker):
        """A pod has ended."""
        with self._lock:
            self._workers.pop(worker.uid, None)
            self._versions.pop(worker.uid, None)

    def room(self, pod):
        """(reason, message) on why a pod's new size cannot be; empty ones if
        it can."""
        node = self.store.get(resources.NODES, '', pod['spec']['nodeName'])
        room = {name: quantities.parse(text) for name, text
                in node['status']['allocatable'].items()}
        wanted = quantities.requested(pod)
        for name, number in wanted.items():
            if number > room.get(name, 0):
                return 'Infeasible', (
                    f'Node didn\'t have enough capacity: {name}, requested: '
                    f'{quantities.render(number)}, capacity: '
                    f'{quantities.render(room.get(name, 0))}')
        load = self._scheduler.load(pod['spec']['nodeName'])
        for name in wanted:
            if load[name] > room[name]:
                return 'Deferred', ('Node didn\'t have enough resource: '
                                    f'{name}')
        return '', ''

    def log_path(self, pod):
        """Where logs of a pod lie: a function, see :func:`.logs.read`."""
        if self.lost(pod['spec'].get('nodeName')):
            raise errors.internal('dial tcp: connect: i/o timeout')
        with self._lock:
            worker = self._workers.get(pod['metadata']['uid'])
        return worker.log_path if worker else (
            lambda _name, _restarts: self.directory + '/none')

    # For the manager of controllers

    def sync(self):
        """Start and wake the pods that are new or have changed."""
        seen = set()
        for pod in self.store.list(resources.PODS):
            if pod['spec'].get('nodeName'):
                seen.add(pod['metadata']['uid'])
                self._sync(pod)
        with self._lock:
            gone = [worker for uid, worker in self._workers.items()
                    if uid not in seen]
        for worker in gone:
            worker.wake()

    def _sync(self, pod):
        uid, version = (pod['metadata'][name]
                        for name in ('uid', 'resourceVersion'))
        with self._lock:
            worker = self._workers.get(uid)
            if worker is None:
                if self.closed or self.lost(pod['spec']['nodeName']):
                    return
                worker = podworker.PodWorker(self, pod)
                self._workers[uid] = worker
                worker.start()
            elif self._versions.get(uid) != version:
                worker.wake()
            self._versions[uid] = version

    # For tests

    def add_node(self, name, labels=None, **capacity):
        """Make a node; ``capacity`` has ``cpu``, ``memory``, ``pods``."""
        room = {'cpu': '16', 'memory': '64Gi', 'pods': '110',
                'ephemeral-storage': '500Gi', **capacity}
        self._nodes.append(name)
        self.registry.create(resources.NODES, '', {
            'metadata': {'name': name, 'labels': {
                'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux',
                **(labels or {})}}, 'spec': {}})

        def write(value):
            value['status'] = {
                'capacity': room, 'allocatable': room, 'addresses': [
                    {'type': 'InternalIP', 'address':
                     self.host_address(name)}]}
            conditions.put(value, 'Ready', True, 'KubeletReady',
                           'kubelet is posting ready status')

        self.registry.change(resources.NODES, '', name, write,
                             subresource='status')

    def slow_ready(self, seconds):
        """Let new pods take so long until their containers start."""
        self.delay = seconds

    def never_ready(self, image, never=True):
        """Let readiness probes of an image fail from now on."""
        if never:
            self.never.add(image)
        else:
            self.never.discard(image)

    def kill(self, namespace, name, oom=False):
        """Kill the processes of a pod, as if it were out of memory if that
        is said."""
        self._worker(namespace, name).kill(oom)

    def worker_directory(self, namespace, name):
        """Where the files of a pod lie."""
        return self._worker(namespace, name).directory

    def _worker(self, namespace, name):
        pod = self.registry.get(resources.PODS, namespace, name)
        with self._lock:
            return self._workers[pod['metadata']['uid']]

    def lose_node(self, name, evict=True):
        """Let a node vanish: its processes stop, nobody writes the status of
        its pods, which are marked for deletion and stay."""
        self._lost.add(name)
        with self._lock:
            workers = [each for each in self._workers.values()
                       if each.node == name]
        for each in workers:
            each.freeze()
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
        """Let a node come back: what was to be deleted ends."""
        self._lost.discard(name)
        self._set_node(name, True, 'KubeletReady',
                       'kubelet is posting ready status')
        with self._lock:
            workers = [each for each in self._workers.values()
                       if each.node == name]
        for each in workers:
            each.freeze(False)
            each.wake()

    def _set_node(self, name, status, reason, message):
        def write(value):
            conditions.put(value, 'Ready', status, reason, message)
        self.registry.change(resources.NODES, '', name, write,
                             subresource='status')

    def evict(self, namespace, name):
        """Let a node evict a pod because it lacks memory: the pod fails and
        stays, as a record."""
        self._worker(namespace, name).evict()

    def close(self):
        """End all pods."""
        self.closed = True
        with self._lock:
            workers = list(self._workers.values())
        for each in workers:
            each.wake()
        try:
            self.processes.close()
        finally:
            for each in workers:
                each.join(PATIENCE)
