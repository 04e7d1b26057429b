# SPDX-License-Identifier: Apache-2.0
"""Deployments: one replica set for every template, with rolling updates."""

import datetime
import hashlib
import math
import time

import orjson

from qinling.tests.kubernetes import conditions
from qinling.tests.kubernetes import events
from qinling.tests.kubernetes import names
from qinling.tests.kubernetes import resources
from qinling.tests.kubernetes import store as stores

HASH = 'pod-template-hash'
REVISION = 'deployment.kubernetes.io/revision'


class Deployments:
    """Controller of deployments."""

    def __init__(self, registry):
        self._registry = registry
        self._due = []

    def sync(self):
        self._due = []
        for deployment in self._registry.store.list(resources.DEPLOYMENTS):
            if 'deletionTimestamp' not in deployment['metadata']:
                self._sync(deployment)
        return min(self._due, default=None)

    def _sync(self, deployment):
        new, old = self._sets(deployment)
        if not deployment['spec'].get('paused'):
            if new is None:
                new = self._make(deployment, old)
            if deployment['spec']['strategy']['type'] == 'Recreate':
                self._recreate(deployment, new, old)
            else:
                self._roll(deployment, new, old)
        new, old = self._sets(deployment)
        self._clean(deployment, old)
        self._report(deployment, new, old)

    def _sets(self, deployment):
        """Return (replica set of the current template or ``None``, old sets).
        """
        owned = [replica_set for replica_set in self._registry.store.list(
            resources.REPLICA_SETS, deployment['metadata']['namespace'])
            if conditions.controlled_by(replica_set, deployment)]
        name = hash_of(deployment['spec']['template'])
        new = [replica_set for replica_set in owned
               if replica_set['metadata']['labels'][HASH] == name]
        return (new or [None])[0], [replica_set for replica_set in owned
                                    if replica_set not in new]

    def _make(self, deployment, old):
        """Create the replica set of a new template."""
        template = stores.copy(deployment['spec']['template'])
        name = hash_of(template)
        template['metadata'].setdefault('labels', {})[HASH] = name
        selector = stores.copy(deployment['spec']['selector'])
        selector.setdefault('matchLabels', {})[HASH] = name
        revision = 1 + max((
            int(replica_set['metadata']['annotations'][REVISION])
            for replica_set in old), default=0)
        metadata = deployment['metadata']
        created = self._registry.create(
            resources.REPLICA_SETS, metadata['namespace'], {
                'metadata': {
                    'name': f'{metadata["name"]}-{name}',
                    'labels': template['metadata']['labels'],
                    'annotations': {REVISION: str(revision)},
                    'ownerReferences': [conditions.reference(deployment)]},
                'spec': {'replicas': 0, 'selector': selector,
                         'template': template, 'minReadySeconds':
                         deployment['spec'].get('minReadySeconds', 0)}})
        self._progress(deployment, 'NewReplicaSetCreated',
                       'Created new replica set '
                       f'"{created["metadata"]["name"]}"')
        return created

    def _roll(self, deployment, new, old):
        spec = deployment['spec']
        replicas = spec['replicas']
        surge, unavailable = bounds(spec['strategy']['rollingUpdate'],
                                    replicas)
        total = _sum([new, *old], 'spec', 'replicas')
        size = new['spec']['replicas']
        if size > replicas:
            self._scale(deployment, new, replicas)
        elif size < replicas:
            room = replicas + surge - total
            if room > 0:
                self._scale(deployment, new, min(replicas, size + room))
        self._shrink(deployment, old, replicas - unavailable)

    def _shrink(self, deployment, old, min_available):
        """Remove pods from old replica sets, unready pods first."""
        new, old = self._sets(deployment)
        total = _sum([new, *old], 'spec', 'replicas')
        lacking = new['spec']['replicas'] - new['status'].get(
            'availableReplicas', 0)
        spare = total - min_available - lacking
        for replica_set in sorted(old, key=_age):
            size = replica_set['spec']['replicas']
            unready = size - replica_set['status'].get('availableReplicas', 0)
            take = min(spare, unready)
            if take > 0:
                spare -= take
                self._scale(deployment, replica_set, size - take)
        new, old = self._sets(deployment)
        spare = _sum([new, *old], 'status',
                     'availableReplicas') - min_available
        for replica_set in sorted(old, key=_age):
            size = replica_set['spec']['replicas']
            take = min(spare, size)
            if take > 0:
                spare -= take
                self._scale(deployment, replica_set, size - take)

    def _recreate(self, deployment, new, old):
        for replica_set in old:
            if replica_set['spec']['replicas']:
                self._scale(deployment, replica_set, 0)
        uids = {replica_set['metadata']['uid'] for replica_set in old}
        if any(conditions.controller(pod) and conditions.controller(pod)[
                'uid'] in uids for pod in self._registry.store.list(
                    resources.PODS, deployment['metadata']['namespace'])):
            return
        replicas = deployment['spec']['replicas']
        if new['spec']['replicas'] != replicas:
            self._scale(deployment, new, replicas)

    def _scale(self, deployment, replica_set, size):
        name = replica_set['metadata']['name']
        verb = 'up' if size > replica_set['spec']['replicas'] else 'down'
        events.emit(self._registry, deployment, 'ScalingReplicaSet',
                    f'Scaled {verb} replica set {name} from '
                    f'{replica_set["spec"]["replicas"]} to {size}',
                    component='deployment-controller')

        def write(value):
            value['spec']['replicas'] = size

        self._registry.change(resources.REPLICA_SETS,
                              replica_set['metadata']['namespace'], name,
                              write)

    def _clean(self, deployment, old):
        """Delete old replica sets beyond the history limit."""
        empty = [replica_set for replica_set in sorted(old, key=_age)
                 if not replica_set['spec']['replicas']
                 and not replica_set['status'].get('replicas')]
        history_limit = deployment['spec']['revisionHistoryLimit']
        for replica_set in empty[:max(0, len(empty) - history_limit)]:
            self._registry.delete(
                resources.REPLICA_SETS, replica_set['metadata']['namespace'],
                replica_set['metadata']['name'])

    def _progress(self, deployment, reason, message):
        def write(value):
            conditions.put(value, 'Progressing', True, reason, message)
            conditions.find(value, 'Progressing')[
                'lastUpdateTime'] = names.now()
        self._write(deployment, write)

    def _write(self, deployment, write):
        return self._registry.change(
            resources.DEPLOYMENTS, deployment['metadata']['namespace'],
            deployment['metadata']['name'], write, subresource='status')

    def _report(self, deployment, new, old):
        replica_sets = [replica_set for replica_set in (new, *old)
                        if replica_set]
        spec = deployment['spec']
        available = _sum(replica_sets, 'status', 'availableReplicas')
        numbers = {
            'replicas': _sum(replica_sets, 'status', 'replicas'),
            'updatedReplicas': _sum([new], 'status', 'replicas'),
            'readyReplicas': _sum(replica_sets, 'status', 'readyReplicas'),
            'availableReplicas': available}
        numbers['unavailableReplicas'] = max(0, _sum(
            replica_sets, 'spec', 'replicas') - available)
        failed = [conditions.find(replica_set, 'ReplicaFailure')
                  for replica_set in replica_sets]
        failed = [condition for condition in failed if condition]

        def write(value):
            before = {name: value['status'].get(name, 0) for name in numbers}
            value['status'].update(
                {name: number for name, number in numbers.items()},
                observedGeneration=value['metadata']['generation'])
            # Like the real one: what is zero is left out.
            for name, number in numbers.items():
                if not number:
                    del value['status'][name]
            min_available = spec['replicas'] - (
                bounds(spec['strategy']['rollingUpdate'], spec['replicas'])[1]
                if 'rollingUpdate' in spec['strategy'] else 0)
            _available(value, available >= min_available)
            self._progressing(value, new, numbers, before)
            if failed:
                conditions.put(value, 'ReplicaFailure', True,
                               failed[0]['reason'], failed[0]['message'])
            else:
                conditions.drop(value, 'ReplicaFailure')

        self._write(deployment, write)

    def _progressing(self, value, new, numbers, before):
        """Update the condition of the progress of a rollout."""
        replicas = value['spec']['replicas']
        name = new['metadata']['name'] if new else ''
        condition = conditions.find(value, 'Progressing')
        if numbers['updatedReplicas'] == numbers['replicas'] == replicas and (
                numbers['availableReplicas'] == replicas):
            conditions.put(value, 'Progressing', True,
                           'NewReplicaSetAvailable', f'ReplicaSet "{name}" '
                           'has successfully progressed.')
            return
        moved = any(numbers[field] > before[field] for field in (
            'updatedReplicas', 'readyReplicas', 'availableReplicas')) or (
            numbers['replicas'] - numbers['updatedReplicas']
            < before['replicas'] - before['updatedReplicas'])
        if condition is None or moved:
            conditions.put(value, 'Progressing', True, 'ReplicaSetUpdated',
                           f'ReplicaSet "{name}" is progressing.')
            conditions.find(value, 'Progressing')[
                'lastUpdateTime'] = names.now()
            condition = conditions.find(value, 'Progressing')
        if condition['reason'] in ('NewReplicaSetAvailable',
                                   'ProgressDeadlineExceeded'):
            return
        remaining = _remaining_seconds(
            condition, value['spec']['progressDeadlineSeconds'])
        if remaining > 0:
            self._due.append(time.monotonic() + remaining)
        else:
            conditions.put(value, 'Progressing', False,
                           'ProgressDeadlineExceeded', f'ReplicaSet "{name}" '
                           'has timed out progressing.')


def _available(value, enough):
    if enough:
        conditions.put(value, 'Available', True, 'MinimumReplicasAvailable',
                       'Deployment has minimum availability.')
    else:
        conditions.put(value, 'Available', False,
                       'MinimumReplicasUnavailable',
                       'Deployment does not have minimum availability.')


def _remaining_seconds(condition, seconds):
    since = names.time_of(condition['lastUpdateTime'])
    age = datetime.datetime.now(datetime.UTC) - since
    return seconds - age.total_seconds()


def _age(value):
    return int(value['metadata']['annotations'][REVISION])


def _sum(replica_sets, part, name):
    return sum(replica_set[part].get(name, 0) for replica_set in replica_sets
               if replica_set)


def bounds(rolling, replicas):
    """Return (maximum above, maximum below) the number of replicas."""
    surge = _number(rolling['maxSurge'], replicas, math.ceil)
    unavailable = _number(rolling['maxUnavailable'], replicas, math.floor)
    return surge, unavailable if surge or unavailable else 1


def _number(value, replicas, rounded):
    if isinstance(value, int):
        return value
    return rounded(int(value.rstrip('%')) * replicas / 100)


def hash_of(template):
    """Return the label for the pods of a template."""
    data = orjson.dumps(template, option=orjson.OPT_SORT_KEYS)
    digest = hashlib.blake2b(data, digest_size=10).digest()
    return ''.join(names.ALPHABET[byte % len(names.ALPHABET)]
                   for byte in digest)
