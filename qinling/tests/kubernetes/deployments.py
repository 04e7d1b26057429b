# SPDX-License-Identifier: Apache-2.0
"""Deployments: one replica set for each template, rolled from one to the
next."""

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
    """The controller of deployments."""

    def __init__(self, registry):
        self._registry = registry
        self._due = []

    def sync(self):
        self._due = []
        for each in self._registry.store.list(resources.DEPLOYMENTS):
            if 'deletionTimestamp' not in each['metadata']:
                self._sync(each)
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
        """(the replica set of the present template or ``None``, others)."""
        found = [each for each in self._registry.store.list(
            resources.REPLICA_SETS, deployment['metadata']['namespace'])
            if conditions.controlled_by(each, deployment)]
        name = hash_of(deployment['spec']['template'])
        new = [each for each in found
               if each['metadata']['labels'][HASH] == name]
        return (new or [None])[0], [each for each in found
                                    if each not in new]

    def _make(self, deployment, old):
        """The replica set of a new template."""
        template = stores.copy(deployment['spec']['template'])
        name = hash_of(template)
        template['metadata'].setdefault('labels', {})[HASH] = name
        selector = stores.copy(deployment['spec']['selector'])
        selector.setdefault('matchLabels', {})[HASH] = name
        revision = 1 + max([int(each['metadata']['annotations'][REVISION])
                            for each in old], default=0)
        metadata = deployment['metadata']
        made = self._registry.create(
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
                       f'Created new replica set "{made["metadata"]["name"]}"')
        return made

    def _roll(self, deployment, new, old):
        spec = deployment['spec']
        wanted = spec['replicas']
        surge, unavailable = bounds(spec['strategy']['rollingUpdate'], wanted)
        total = _sum([new, *old], 'spec', 'replicas')
        size = new['spec']['replicas']
        if size > wanted:
            self._scale(deployment, new, wanted)
        elif size < wanted:
            room = wanted + surge - total
            if room > 0:
                self._scale(deployment, new, min(wanted, size + room))
        self._shrink(deployment, old, wanted - unavailable)

    def _shrink(self, deployment, old, least):
        """Take pods from old replica sets, unready ones first."""
        new, old = self._sets(deployment)
        total = _sum([new, *old], 'spec', 'replicas')
        lacking = new['spec']['replicas'] - new['status'].get(
            'availableReplicas', 0)
        spare = total - least - lacking
        for each in sorted(old, key=_age):
            size = each['spec']['replicas']
            unready = size - each['status'].get('availableReplicas', 0)
            take = min(spare, unready)
            if take > 0:
                spare -= take
                self._scale(deployment, each, size - take)
        new, old = self._sets(deployment)
        spare = _sum([new, *old], 'status', 'availableReplicas') - least
        for each in sorted(old, key=_age):
            size = each['spec']['replicas']
            take = min(spare, size)
            if take > 0:
                spare -= take
                self._scale(deployment, each, size - take)

    def _recreate(self, deployment, new, old):
        for each in old:
            if each['spec']['replicas']:
                self._scale(deployment, each, 0)
        uids = {each['metadata']['uid'] for each in old}
        if any(conditions.controller(pod) and conditions.controller(pod)[
                'uid'] in uids for pod in self._registry.store.list(
                    resources.PODS, deployment['metadata']['namespace'])):
            return
        wanted = deployment['spec']['replicas']
        if new['spec']['replicas'] != wanted:
            self._scale(deployment, new, wanted)

    def _scale(self, deployment, found, size):
        name = found['metadata']['name']
        verb = 'up' if size > found['spec']['replicas'] else 'down'
        events.emit(self._registry, deployment, 'ScalingReplicaSet',
                    f'Scaled {verb} replica set {name} from '
                    f'{found["spec"]["replicas"]} to {size}',
                    component='deployment-controller')

        def write(value):
            value['spec']['replicas'] = size

        self._registry.change(resources.REPLICA_SETS,
                              found['metadata']['namespace'], name, write)

    def _clean(self, deployment, old):
        """Forget all but so many old replica sets."""
        empty = [each for each in sorted(old, key=_age)
                 if not each['spec']['replicas']
                 and not each['status'].get('replicas')]
        kept = deployment['spec']['revisionHistoryLimit']
        for each in empty[:max(0, len(empty) - kept)]:
            self._registry.delete(
                resources.REPLICA_SETS, each['metadata']['namespace'],
                each['metadata']['name'])

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
        every = [each for each in (new, *old) if each]
        spec = deployment['spec']
        available = _sum(every, 'status', 'availableReplicas')
        numbers = {
            'replicas': _sum(every, 'status', 'replicas'),
            'updatedReplicas': _sum([new], 'status', 'replicas'),
            'readyReplicas': _sum(every, 'status', 'readyReplicas'),
            'availableReplicas': available}
        numbers['unavailableReplicas'] = max(0, _sum(
            every, 'spec', 'replicas') - available)
        failed = [conditions.find(each, 'ReplicaFailure') for each in every]
        failed = [each for each in failed if each]

        def write(value):
            before = {name: value['status'].get(name, 0) for name in numbers}
            value['status'].update(
                {name: number for name, number in numbers.items()},
                observedGeneration=value['metadata']['generation'])
            # Like the real one: what is zero is left out.
            for name, number in numbers.items():
                if not number:
                    del value['status'][name]
            least = spec['replicas'] - (
                bounds(spec['strategy']['rollingUpdate'], spec['replicas'])[1]
                if 'rollingUpdate' in spec['strategy'] else 0)
            _available(value, available >= least)
            self._progressing(value, new, numbers, before)
            if failed:
                conditions.put(value, 'ReplicaFailure', True,
                               failed[0]['reason'], failed[0]['message'])
            else:
                conditions.drop(value, 'ReplicaFailure')

        self._write(deployment, write)

    def _progressing(self, value, new, numbers, before):
        """The condition that tells whether a rollout gets on."""
        wanted = value['spec']['replicas']
        name = new['metadata']['name'] if new else ''
        found = conditions.find(value, 'Progressing')
        if numbers['updatedReplicas'] == numbers['replicas'] == wanted and (
                numbers['availableReplicas'] == wanted):
            conditions.put(value, 'Progressing', True,
                           'NewReplicaSetAvailable', f'ReplicaSet "{name}" '
                           'has successfully progressed.')
            return
        moved = any(numbers[each] > before[each] for each in (
            'updatedReplicas', 'readyReplicas', 'availableReplicas')) or (
            numbers['replicas'] - numbers['updatedReplicas']
            < before['replicas'] - before['updatedReplicas'])
        if found is None or moved:
            conditions.put(value, 'Progressing', True, 'ReplicaSetUpdated',
                           f'ReplicaSet "{name}" is progressing.')
            conditions.find(value, 'Progressing')[
                'lastUpdateTime'] = names.now()
            found = conditions.find(value, 'Progressing')
        if found['reason'] in ('NewReplicaSetAvailable',
                               'ProgressDeadlineExceeded'):
            return
        left = _left(found, value['spec']['progressDeadlineSeconds'])
        if left > 0:
            self._due.append(time.monotonic() + left)
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


def _left(condition, seconds):
    since = names.time_of(condition['lastUpdateTime'])
    age = datetime.datetime.now(datetime.UTC) - since
    return seconds - age.total_seconds()


def _age(value):
    return int(value['metadata']['annotations'][REVISION])


def _sum(every, part, name):
    return sum(each[part].get(name, 0) for each in every if each)


def bounds(rolling, wanted):
    """(most above, most below) the wanted number, as numbers."""
    surge = _number(rolling['maxSurge'], wanted, math.ceil)
    unavailable = _number(rolling['maxUnavailable'], wanted, math.floor)
    return surge, unavailable if surge or unavailable else 1


def _number(value, wanted, rounded):
    if isinstance(value, int):
        return value
    return rounded(int(value.rstrip('%')) * wanted / 100)


def hash_of(template):
    """The label of pods of a template."""
    data = orjson.dumps(template, option=orjson.OPT_SORT_KEYS)
    digest = hashlib.blake2b(data, digest_size=10).digest()
    return ''.join(names.ALPHABET[byte % len(names.ALPHABET)]
                   for byte in digest)
