# SPDX-License-Identifier: Apache-2.0
"""Pod disruption budgets, and evictions within budgets."""

import math

from qinling.tests.kubernetes import conditions
from qinling.tests.kubernetes import errors
from qinling.tests.kubernetes import resources
from qinling.tests.kubernetes import selectors

DRAIN_INTERVAL = 0.5  # seconds between two tries of a drain


class Disruptions:
    """Controller of budgets."""

    def __init__(self, registry):
        self._registry = registry

    def sync(self):
        for budget in self._registry.store.list(resources.BUDGETS):
            if 'deletionTimestamp' not in budget['metadata']:
                self._report(budget)

    def _covered(self, budget):
        selector = budget['spec'].get('selector')
        return [pod for pod in self._registry.store.list(
            resources.PODS, budget['metadata']['namespace'])
            if conditions.active(pod) and selectors.matches(
                selector, pod['metadata'].get('labels', {}))]

    def _report(self, budget):
        pods = self._covered(budget)
        healthy = len([pod for pod in pods if conditions.ready(pod)])
        try:
            expected, desired = self._wanted(budget, pods)
            reason, message = '', ''
        except ValueError as error:
            expected = desired = 0
            reason, message = 'SyncFailed', str(error)
        spare = 0 if reason else max(0, healthy - desired)

        def write(value):
            value['status'].update(
                currentHealthy=healthy, desiredHealthy=desired,
                expectedPods=expected, disruptionsAllowed=spare,
                observedGeneration=value['metadata']['generation'])
            conditions.put(
                value, 'DisruptionAllowed', spare > 0,
                reason or ('SufficientPods' if spare else 'InsufficientPods'),
                message)

        self._registry.change(
            resources.BUDGETS, budget['metadata']['namespace'],
            budget['metadata']['name'], write, subresource='status')

    def _wanted(self, budget, pods):
        """Return the (expected, desired) numbers of pods.

        :raises ValueError: pods without a controller leave the numbers open.
        """
        spec = budget['spec']
        min_available = spec.get('minAvailable')
        if isinstance(min_available, int):
            return len(pods), min_available
        expected = self._scale_of(pods)
        if min_available is not None:
            return expected, math.ceil(
                int(min_available.rstrip('%')) * expected / 100)
        max_unavailable = spec.get('maxUnavailable', 1)
        if isinstance(max_unavailable, str):
            max_unavailable = math.ceil(int(max_unavailable.rstrip('%'))
                                        * expected / 100)
        return expected, max(0, expected - max_unavailable)

    def _scale_of(self, pods):
        owners = {}
        for pod in pods:
            reference = conditions.controller(pod)
            if reference is None:
                raise ValueError(
                    f'found no controllers for pod "{pod["metadata"]["name"]}'
                    '"')
            # A deployment counts, not its replica sets.
            owner = self._owner(pod, reference)
            above = owner and conditions.controller(owner)
            owner = above and self._owner(pod, above) or owner
            if owner:
                owners[owner['metadata']['uid']] = owner['spec']['replicas']
        return sum(owners.values())

    def _owner(self, pod, reference):
        return self._registry.store.get(
            resources.BY_KIND[reference['apiVersion'], reference['kind']],
            pod['metadata']['namespace'], reference['name'])

    def evict(self, namespace, name, options=None):
        """Delete a pod if every budget allows the eviction.

        :raises ApiError: 429, not now; 500, several budgets cover the pod.
        """
        with self._registry.store.changed:
            pod = self._registry.get(resources.PODS, namespace, name)
            if conditions.active(pod) and pod['status']['phase'] != 'Pending':
                self._check_budgets(pod)

            def mark(value):
                conditions.put(value, 'DisruptionTarget', True,
                               'EvictionByEvictionAPI',
                               'Eviction API: evicting')
            self._registry.change(resources.PODS, namespace, name, mark,
                                  subresource='status')
            self._registry.delete(resources.PODS, namespace, name, options)

    def drain(self, node):
        """Close a node and evict its pods, as "kubectl drain" does.

        Wait for the end of the pods.
        """
        def close(value):
            value['spec']['unschedulable'] = True
        self._registry.change(resources.NODES, '', node, close)
        store = self._registry.store
        while not store.closed:
            with store.changed:
                remaining = [pod for pod in store.list(resources.PODS)
                             if pod['spec'].get('nodeName') == node]
                if not remaining:
                    return
            for pod in filter(conditions.active, remaining):
                try:
                    self.evict(pod['metadata']['namespace'],
                               pod['metadata']['name'])
                except errors.ApiError as error:
                    if error.code not in (404, 429):
                        raise
            with store.changed:
                store.changed.wait(DRAIN_INTERVAL)

    def _check_budgets(self, pod):
        self.sync()
        namespace = pod['metadata']['namespace']
        budgets = [budget for budget in self._registry.store.list(
            resources.BUDGETS, namespace)
            if any(covered_pod['metadata']['uid'] == pod['metadata']['uid']
                   for covered_pod in self._covered(budget))]
        if len(budgets) > 1:
            raise errors.internal('This pod has more than one '
                                  'PodDisruptionBudget, which the eviction '
                                  'subresource does not support.')
        for budget in budgets:
            if _may_evict_unhealthy(budget, pod):
                continue
            if budget['status']['disruptionsAllowed'] <= 0:
                name = budget['metadata']['name']
                raise errors.too_many(
                    'Cannot evict pod as it would violate the pod\'s '
                    'disruption budget.', causes=[{
                        'reason': 'DisruptionBudget', 'message':
                        f'The disruption budget {name} needs '
                        f'{budget["status"]["desiredHealthy"]} healthy pods '
                        f'and has {budget["status"]["currentHealthy"]} '
                        'currently'}])


def _may_evict_unhealthy(budget, pod):
    """Return whether an unhealthy pod may go."""
    if conditions.ready(pod):
        return False
    status = budget['status']
    return (budget['spec'].get('unhealthyPodEvictionPolicy') == 'AlwaysAllow'
            or 0 < status['desiredHealthy'] <= status['currentHealthy'])
