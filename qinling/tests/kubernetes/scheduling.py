# SPDX-License-Identifier: Apache-2.0
"""Scheduler: assign a node to every pod, or a sentence about the misfit."""

import collections

from qinling.tests.kubernetes import conditions
from qinling.tests.kubernetes import events
from qinling.tests.kubernetes import quantities
from qinling.tests.kubernetes import resources
from qinling.tests.kubernetes import store as stores


class Scheduler:
    """Scheduler of pods onto the node with the fewest pods."""

    def __init__(self, registry):
        self._registry = registry

    def sync(self):
        for pod in self._registry.store.list(resources.PODS):
            if not pod['spec'].get('nodeName') and conditions.active(pod):
                self._place(pod)

    def _place(self, pod):
        if pod['spec'].get('schedulingGates'):
            self._refuse(pod, 'SchedulingGated', 'Scheduling is blocked due '
                         'to non-empty scheduling gates')
            return
        reasons = collections.Counter()
        fitting = []
        nodes = self._registry.store.list(resources.NODES)
        for node in nodes:
            load = self.load(node['metadata']['name'])
            misfits = _misfit(pod, node, load)
            reasons.update(misfits)
            if not misfits:
                fitting.append((load['pods'], node['metadata']['name']))
        if fitting:
            self._bind(pod, min(fitting)[1])
            return
        why = ', '.join(f'{count} {reason}'
                        for reason, count in sorted(reasons.items()))
        self._refuse(pod, 'Unschedulable', f'0/{len(nodes)} nodes are '
                     f'available: {why}.')

    def load(self, node):
        """Return {resource: number} of the requests of the pods of a node."""
        total = collections.Counter(pods=0)
        for pod in self._registry.store.list(resources.PODS):
            if pod['spec'].get('nodeName') == node and pod['status'].get(
                    'phase') not in ('Succeeded', 'Failed'):
                total['pods'] += 1
                total.update(quantities.requested(pod))
        return total

    def _bind(self, pod, node):
        value = stores.copy(pod)
        value['spec']['nodeName'] = node
        conditions.put(value, 'PodScheduled', True)
        self._registry.store.put(resources.PODS, value)
        metadata = pod['metadata']
        events.emit(self._registry, value, 'Scheduled', 'Successfully '
                    f'assigned {metadata["namespace"]}/{metadata["name"]} to '
                    f'{node}', component='default-scheduler')

    def _refuse(self, pod, reason, message):
        condition = conditions.find(pod, 'PodScheduled')
        if condition and condition.get('message') == message:
            return
        value = stores.copy(pod)
        conditions.put(value, 'PodScheduled', False, reason, message)
        self._registry.store.put(resources.PODS, value)
        events.emit(self._registry, value, 'FailedScheduling', message, True,
                    'default-scheduler')


def _misfit(pod, node, load):
    """Return the reasons against a pod on a node."""
    labels = node['metadata'].get('labels', {})
    if node['spec'].get('unschedulable'):
        return ['node(s) were unschedulable']
    if not conditions.true(node, 'Ready'):
        return ['node(s) had untolerated taint '
                '{node.kubernetes.io/not-ready: }']
    if not pod['spec'].get('nodeSelector', {}).items() <= labels.items():
        return ["node(s) didn't match Pod's node affinity/selector"]
    requested = dict(quantities.requested(pod), pods=1)
    room = node['status']['allocatable']
    lacking = [name for name, number in requested.items()
               if load.get(name, 0) + number > quantities.parse(
                   room.get(name, '0'))]
    if lacking == ['pods']:
        return ['Too many pods']
    return [f'Insufficient {name}' for name in sorted(lacking)]
