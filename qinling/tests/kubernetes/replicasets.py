# SPDX-License-Identifier: Apache-2.0
"""Replica sets: pods are made, adopted, released and removed."""

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
    """The controller of replica sets."""

    def __init__(self, registry):
        self._registry = registry
        self._pauses = {}  # uid -> (pause, when to try again)
        self._due = []

    def sync(self):
        self._due = []
        store = self._registry.store
        every = store.list(resources.REPLICA_SETS)
        for owner in every:
            if 'deletionTimestamp' not in owner['metadata']:
                self._sync(owner)
        known = {owner['metadata']['uid'] for owner in every}
        self._pauses = {uid: pause for uid, pause in self._pauses.items()
                        if uid in known}
        return min(self._due, default=None)

    def _sync(self, owner):
        namespace = owner['metadata']['namespace']
        found = self._claim(owner, self._registry.store.list(
            resources.PODS, namespace))
        found = [pod for pod in found if conditions.active(pod)]
        missing = owner['spec']['replicas'] - len(found)
        failure = None
        if missing > 0:
            failure = self._create(owner, missing)
        elif missing < 0:
            for pod in sorted(found, key=_worth)[:-missing]:
                self._registry.delete(resources.PODS, namespace,
                                      pod['metadata']['name'])
                self._tell(owner, 'SuccessfulDelete',
                           f'Deleted pod: {pod["metadata"]["name"]}')
        self._report(owner, failure)

    def _claim(self, owner, every):
        """The pods of a set, after those that do not match were released and
        orphans that do adopted."""
        selector = owner['spec']['selector']
        mine = []
        for pod in every:
            metadata = pod['metadata']
            fits = selectors.matches(selector, metadata.get('labels', {}))
            held = conditions.controller(pod)
            if held is None:
                if fits and conditions.active(pod):
                    mine.append(self._edit(pod, lambda value: value[
                        'metadata'].setdefault('ownerReferences', []).append(
                            conditions.reference(owner))))
            elif held['uid'] == owner['metadata']['uid']:
                if fits:
                    mine.append(pod)
                elif 'deletionTimestamp' not in metadata:
                    self._edit(pod, lambda value: garbage.disown(
                        value, owner))
        return mine

    def _edit(self, pod, edit):
        def change(value):
            edit(value)
        return self._registry.change(
            resources.PODS, pod['metadata']['namespace'],
            pod['metadata']['name'], change)

    def _create(self, owner, count):
        """Make pods; returns the sentence on why that failed."""
        uid = owner['metadata']['uid']
        pause, when = self._pauses.get(uid, (0, 0))
        if time.monotonic() < when:
            self._due.append(when)
            found = conditions.find(owner, 'ReplicaFailure')
            return found and found['message']
        for _each in range(count):
            try:
                made = self._registry.create(
                    resources.PODS, owner['metadata']['namespace'],
                    _pod(owner))
            except errors.ApiError as error:
                pause = min(max(FIRST_PAUSE, pause * 2), LONGEST_PAUSE)
                when = time.monotonic() + pause
                self._pauses[uid] = (pause, when)
                self._due.append(when)
                self._tell(owner, 'FailedCreate',
                           f'Error creating: {error.message}', True)
                return error.message
            self._tell(owner, 'SuccessfulCreate',
                       f'Created pod: {made["metadata"]["name"]}')
        self._pauses.pop(uid, None)
        return None

    def _tell(self, owner, reason, message, warning=False):
        events.emit(self._registry, owner, reason, message, warning,
                    'replicaset-controller')

    def _report(self, owner, failure):
        """Write the status."""
        namespace = owner['metadata']['namespace']
        found = [pod for pod in self._registry.store.list(
            resources.PODS, namespace) if conditions.controlled_by(pod, owner)
            and conditions.active(pod)]
        wanted = owner['spec'].get('minReadySeconds', 0)
        waits = [conditions.available_in(pod, wanted) for pod in found]
        self._due += [time.monotonic() + wait for wait in waits if wait]
        template = owner['spec']['template']['metadata'].get('labels', {})
        labelled = [pod for pod in found if template.items()
                    <= pod['metadata'].get('labels', {}).items()]

        def write(value):
            value['status'].update(
                replicas=len(found), fullyLabeledReplicas=len(labelled),
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


def _worth(pod):
    """Pods that are least missed come first."""
    status = pod['status']
    cost = pod['metadata'].get('annotations', {}).get(COST, '0')
    restarts = sum(each['restartCount']
                   for each in status.get('containerStatuses', ()))
    age = int(pod['metadata']['resourceVersion'])
    return (bool(pod['spec'].get('nodeName')),
            {'Pending': 0, 'Unknown': 1}.get(status['phase'], 2),
            conditions.ready(pod), int(cost), -restarts, -age)
