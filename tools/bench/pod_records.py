# SPDX-License-Identifier: Apache-2.0
"""Cluster with records instead of pods."""

import asyncio
import contextlib
import itertools
import pathlib
import sys
import threading
import typing
import uuid

# Last in the path, so that no module of the checkout hides a library.
sys.path.append(str(pathlib.Path(__file__).parents[2]))

from qinling.orchestrators.kubernetes import labels  # noqa: E402
from qinling.tests.kubernetes import cluster as clusters  # noqa: E402
from qinling.tests.kubernetes import conditions  # noqa: E402
from qinling.tests.kubernetes import controllers  # noqa: E402
from qinling.tests.kubernetes import kubelet  # noqa: E402
from qinling.tests.kubernetes import resources  # noqa: E402
from qinling.tests.kubernetes import store as stores  # noqa: E402

PORT = 9090
#: Managers of fields of each pod of a real cluster, and their bytes.
MANAGED_FIELDS = (('kube-controller-manager', 1800), ('kubelet', 1400),
                  ('OpenAPI-Generator', 600))
ANSWER = b'{"state": "loaded", "busy": 0}'


class PodMaker:
    """Controller that makes new pods ready, and keeps pools full."""

    def __init__(self, cluster: 'Cluster') -> None:
        self._store = cluster.store
        self._registry = cluster.registry
        self._version = cluster.store.version
        self._address = cluster.agent_address
        self._numbers = itertools.count(1)
        self._idle: set[str] = set()
        self.events = 0

    def sync(self) -> None:
        """Handle the changes since the last call."""
        events = self._store.since(self._version) or ()
        self._version = self._store.version
        for event in events:
            if event.resource is resources.PODS:
                self.events += 1
                self._handle_pod(event)
            elif event.resource is resources.DEPLOYMENTS:
                self._settle(event.object)
        for pool in self._store.list(resources.DEPLOYMENTS):
            for _ in range(pool['spec']['replicas'] - len(self._idle)):
                self._create(pool)

    def _handle_pod(self, event: stores.Event) -> None:
        pod = event.object
        name = pod['metadata']['name']
        if event.type == 'DELETED' or 'deletionTimestamp' in pod['metadata']:
            self._idle.discard(name)
            if event.type != 'DELETED':
                self._store.remove(resources.PODS,
                                   pod['metadata']['namespace'], name)
            return
        if pod['metadata']['labels'][labels.STATE] == labels.IDLE:
            self._idle.add(name)
        else:
            self._idle.discard(name)
        if 'podIP' not in pod['status']:
            self._start(pod)

    def _settle(self, pool: typing.Any) -> None:
        generation, count = (pool['metadata']['generation'],
                             pool['spec']['replicas'])
        if pool['status'].get('observedGeneration') != generation:
            pool = stores.copy(pool)
            pool['status'] = {
                'observedGeneration': generation, 'replicas': count,
                'updatedReplicas': count, 'readyReplicas': count}
            self._store.put(resources.DEPLOYMENTS, pool)

    def _create(self, pool: typing.Any) -> None:
        template = stores.copy(pool['spec']['template'])
        template['metadata']['generateName'] = pool['metadata']['name'] + '-'
        pod = self._registry.create(
            resources.PODS, pool['metadata']['namespace'], template)
        self._idle.add(pod['metadata']['name'])

    def _start(self, pod: typing.Any) -> None:
        number = next(self._numbers)
        pod = stores.copy(pod)
        pod['metadata']['managedFields'] = [
            {'manager': manager, 'operation': 'Update', 'apiVersion': 'v1',
             'fieldsType': 'FieldsV1', 'fieldsV1': {
                 f'f:{index:034}': {} for index in range(size // 45)}}
            for manager, size in MANAGED_FIELDS]
        pod['spec']['nodeName'] = f'node-{number % 50}'
        spec, = pod['spec']['containers']
        pod['status'].update(
            phase='Running', podIP=self._address,
            qosClass='Burstable', containerStatuses=[{
                'name': spec['name'], 'image': spec['image'],
                'imageID': f'{spec["image"]}@sha256:{64 * "0"}',
                'containerID': f'containerd://{uuid.uuid4().hex * 2}',
                'ready': True, 'started': True, 'restartCount': 0,
                'resources': spec['resources'], 'state': {
                    'running': {'startedAt': '2026-01-01T00:00:00Z'}}}])
        for kind in ('PodScheduled', 'Initialized', 'ContainersReady',
                     'Ready'):
            conditions.put(pod, kind, True)
        self._store.put(resources.PODS, pod)


class Cluster(clusters.Cluster):
    """API server with records instead of pods."""

    def _control(self) -> None:
        self.kubelet = kubelet.Kubelet(self.registry, '', self.network, 1)
        #: Address of all agents, see :class:`Agents`.
        self.agent_address = f'{self.network}.2'
        self.maker = PodMaker(self)
        self._manager = controllers.Manager(self.store, [self.maker])
        self.addCleanup(self._manager.join)
        self.addCleanup(self.store.close)

    def count_claimed(self) -> int:
        """Return the number of claimed pods."""
        return len(self.pods(**{labels.STATE: labels.CLAIMED}))


class Agents(threading.Thread):
    """Server that answers for the agents of all pods."""

    def __init__(self, address: str) -> None:
        super().__init__(daemon=True)
        self._address = address
        self._ready = threading.Event()

    def start(self) -> None:
        """Start to listen."""
        super().start()
        self._ready.wait()

    def run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(
            self._answer, self._address, PORT, backlog=1000)
        self._ready.set()
        await server.serve_forever()

    async def _answer(self, reader: asyncio.StreamReader,
                      writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                head = await reader.readuntil(b'\r\n\r\n')
                length = head.rpartition(b'Content-Length: ')[2]
                await reader.readexactly(int(length))
                writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n'
                             % len(ANSWER) + ANSWER)
        writer.close()
