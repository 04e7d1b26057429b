# SPDX-License-Identifier: Apache-2.0
"""Replica sets: create, adopt, release and remove pods."""

import time

from qinling.tests.kubernetes import conditions
from qinling.tests.kubernetes import errors
from qinling.tests.kubernetes import events
from qinling.tests.kubernetes import garbage
from qinling.tests.kubernetes import resources
from qinling.tests.kubernetes import selectors
from qinling.tests.kubernetes import store as stores

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 1.0  # seconds after a failure
COST = 'controller.kubernetes.io/pod-deletion-cost'


class ReplicaSets:
    """Controller of replica sets."""

    def __init__(self, registry):
        self._registry = registry
        self._pauses = {}  # uid -> (pause, when to try again)
        self._due = []

    def sync(self):
        self._due = []
        store = self._registry.store
        owners = store.list(resources.REPLICA_SETS)
        for owner in owners:
            if 'deletionTimestamp' not in owner['metadata']:
                self._sync(owner)
        owner_uids = {owner['metadata']['uid'] for owner in owners}
        self._pauses = {uid: pause for uid, pause in self._pauses.items()
                        if uid in owner_uids}
        return min(self._due, default=None)

    def _sync(self, owner):
        namespace = owner['metadata']['namespace']
        pods = self._claim(owner, self._registry.store.list(
            resources.PODS, namespace))
        pods = [pod for pod in pods if conditions.active(pod)]
        missing = owner['spec']['replicas'] - len(pods)
        failure = None
        if missing > 0:
            failure = self._create(owner, missing)
        elif missing < 0:
            for pod in sorted(pods, key=_deletion_order)[:-missing]:
                self._registry.delete(resources.PODS, namespace,
                                      pod['metadata']['name'])
                self._emit_event(owner, 'SuccessfulDelete',
                                 f'Deleted pod: {pod["metadata"]["name"]}')
        self._report(owner, failure)

    def _claim(self, owner, candidates):
        """Return the pods of a set, after the release of mismatches and the
        adoption of orphans."""
        selector = owner['spec']['selector']
        mine = []
        for pod in candidates:
            metadata = pod['metadata']
            fits = selectors.matches(selector, metadata.get('labels', {}))
            reference = conditions.controller(pod)
            if reference is None:
                if fits and conditions.active(pod):
                    mine.append(self._edit(pod, lambda value: value[
                        'metadata'].setdefault('ownerReferences', []).append(
                            conditions.reference(owner))))
            elif reference['uid'] == owner['metadata']['uid']:
                if fits:
                    mine.append(pod)
                elif 'deletionTimestamp' not in metadata:
                    self._edit(pod, lambda value: garbage.remove_owner(
                        value, owner))
        return mine

    def _edit(self, pod, edit):
        def change(value):
            edit(value)
        return self._registry.change(
            resources.PODS, pod['metadata']['namespace'],
            pod['metadata']['name'], change)

    def _create(self, owner, count):
        """Create pods; return the sentence of a failure."""
        uid = owner['metadata']['uid']
        pause, when = self._pauses.get(uid, (0, 0))
        if time.monotonic() < when:
            self._due.append(when)
            failure = conditions.find(owner, 'ReplicaFailure')
            return failure and failure['message']
        for _ in range(count):
            try:
                created = self._registry.create(
                    resources.PODS, owner['metadata']['namespace'],
                    _pod(owner))
            except errors.ApiError as error:
                pause = min(max(FIRST_PAUSE, pause * 2), LONGEST_PAUSE)
                when = time.monotonic() + pause
                self._pauses[uid] = (pause, when)
                self._due.append(when)
                self._emit_event(owner, 'FailedCreate',
                                 f'Error creating: {error.message}', True)
                return error.message
            self._emit_event(owner, 'SuccessfulCreate',
                             f'Created pod: {created["metadata"]["name"]}')
        self._pauses.pop(uid, None)
        return None

    def _emit_event(self, owner, reason, message, warning=False):
        events.emit(self._registry, owner, reason, message, warning,
                    'replicaset-controller')

    def _report(self, owner, failure):
        """Write the status."""
        namespace = owner['metadata']['namespace']
        pods = [pod for pod in self._registry.store.list(
            resources.PODS, namespace) if conditions.controlled_by(pod, owner)
            and conditions.active(pod)]
        min_ready_seconds = owner['spec'].get('minReadySeconds', 0)
        waits = [conditions.available_in(pod, min_ready_seconds)
                 for pod in pods]
        self._due += [time.monotonic() + wait for wait in waits if wait]
        template = owner['spec']['template']['metadata'].get('labels', {})
        labelled = [pod for pod in pods if template.items()
                    <= pod['metadata'].get('labels', {}).items()]

        def write(value):
            value['status'].update(
                replicas=len(pods), fullyLabeledReplicas=len(labelled),
                readyReplicas=len([wait for wait in waits
                                   if wait is not None]),
                availableReplicas=waits.count(0),
                observedGeneration=value['metadata']['generation'])
            if failure:
                conditions.put(value, 'ReplicaFailure', True, 'FailedCreate',
                               failure)
            else:
                conditions.drop(value, 'ReplicaFailure')

        self._registry.change(
            resources.REPLICA_SETS, namespace, owner['metadata']['name'],
            write, subresource='status')


def _pod(owner):
    template = stores.copy(owner['spec']['template'])
    metadata = {name: template['metadata'][name] for name in (
        'labels', 'annotations', 'finalizers') if name in template['metadata']}
    metadata['generateName'] = owner['metadata']['name'] + '-'
    metadata['ownerReferences'] = [conditions.reference(owner)]
    return {'metadata': metadata, 'spec': template['spec']}


def _deletion_order(pod):
    """Return a sort key: the most dispensable pods come first."""
    status = pod['status']
    cost = pod['metadata'].get('annotations', {}).get(COST, '0')
    restarts = sum(container_status['restartCount']
                   for container_status in status.get('containerStatuses', ()))
    age = int(pod['metadata']['resourceVersion'])
    return (bool(pod['spec'].get('nodeName')),
            {'Pending': 0, 'Unknown': 1}.get(status['phase'], 2),
            conditions.ready(pod), int(cost), -restarts, -age)
