# SPDX-License-Identifier: Apache-2.0
"""Admission controllers of a cluster."""

from qinling.tests.kubernetes import errors
from qinling.tests.kubernetes import quantities
from qinling.tests.kubernetes import resources
from qinling.tests.kubernetes import security

ENDED = ('Succeeded', 'Failed')
COMPUTED = ('requests.cpu', 'requests.memory', 'limits.cpu', 'limits.memory')
ALIASES = {'cpu': 'requests.cpu', 'memory': 'requests.memory',
           'count/pods': 'pods'}


class Admission:
    """Admission of new and resized objects."""

    def __init__(self, store):
        self._store = store

    def create(self, resource, value):
        """Check a new object.

        :raises ApiError: 403 or 404.
        """
        if resource.namespaced:
            self._namespace(resource, value)
        if resource is resources.PODS:
            self._service_account(value)
            self._runtime_class(value)
            self._security(value)
            self._quota(value, None)

    def resize(self, old, value):
        """Check new limits of a pod.

        :raises ApiError: 403.
        """
        self._quota(value, old)

    def _namespace(self, resource, value):
        name = value['metadata']['namespace']
        namespace = self._store.get(resources.NAMESPACES, '', name)
        if namespace is None:
            raise errors.not_found(resources.NAMESPACES, name)
        if 'deletionTimestamp' in namespace['metadata']:
            raise errors.forbidden(
                resource, value['metadata']['name'], 'unable to create new '
                f'content in namespace {name} because it is being terminated',
                causes=[{'reason': 'NamespaceTerminating', 'field':
                         'metadata.namespace', 'message':
                         f'namespace {name} is being terminated'}])

    def _service_account(self, pod):
        namespace = pod['metadata']['namespace']
        name = pod['spec']['serviceAccountName']
        if not self._store.get(resources.SERVICE_ACCOUNTS, namespace, name):
            raise errors.forbidden(
                resources.PODS, pod['metadata']['name'], 'error looking up '
                f'service account {namespace}/{name}: serviceaccount '
                f'"{name}" not found')

    def _runtime_class(self, pod):
        name = pod['spec'].get('runtimeClassName')
        if name and not self._store.get(resources.RUNTIME_CLASSES, '', name):
            raise errors.forbidden(
                resources.PODS, pod['metadata']['name'],
                f'pod rejected: RuntimeClass "{name}" not found')

    def _security(self, pod):
        namespace = self._store.get(resources.NAMESPACES, '',
                                    pod['metadata']['namespace'])
        level = namespace['metadata'].get('labels', {}).get(
            security.LABEL, 'privileged')
        violations = security.violations(level, pod['spec'])
        if violations:
            raise errors.forbidden(
                resources.PODS, pod['metadata']['name'], 'violates '
                f'PodSecurity "{level}:latest": {", ".join(violations)}')

    def _quota(self, pod, old):
        namespace = pod['metadata']['namespace']
        for quota in self._store.list(resources.QUOTAS, namespace):
            hard = _hard(quota)
            _must_specify(quota, hard, pod)
            requested = usage(pod)
            if old is not None:
                requested = {name: number - usage(old).get(name, 0)
                             for name, number in requested.items()}
            used = self.used(namespace)
            over = [name for name in sorted(hard)
                    if requested.get(name, 0) > 0 and used.get(
                        name, 0) + requested[name] > hard[name]]
            if over:
                texts = [', '.join(
                    f'{name}={quantities.render(amounts.get(name, 0))}'
                    for name in over) for amounts in (requested, used, hard)]
                raise errors.forbidden(
                    resources.PODS, pod['metadata']['name'],
                    f'exceeded quota: {quota["metadata"]["name"]}, '
                    f'requested: {texts[0]}, used: {texts[1]}, limited: '
                    f'{texts[2]}')

    def used(self, namespace):
        """Return {name: number} for the usage of all pods of a namespace."""
        total = {}
        for pod in self._store.list(resources.PODS, namespace):
            if counted(pod):
                for name, number in usage(pod).items():
                    total[name] = total.get(name, 0) + number
        return total


def counted(pod):
    """Return whether a pod counts for quotas."""
    return pod['status'].get('phase') not in ENDED


def usage(pod):
    """Return {name in quotas: number} of a pod."""
    return {'pods': 1, **{
        f'{kind}.{name}': number for kind in ('requests', 'limits')
        for name, number in quantities.requested(pod, kind).items()}}


def _hard(quota):
    return {ALIASES.get(name, name): quantities.parse(text)
            for name, text in quota.get('spec', {}).get('hard', {}).items()}


def _must_specify(quota, hard, pod):
    for quota_name in COMPUTED:
        if quota_name not in hard:
            continue
        kind, name = quota_name.split('.')
        lacking = [container['name'] for container in pod['spec']['containers']
                   if name not in container['resources'].get(kind, {})]
        if lacking:
            raise errors.forbidden(
                resources.PODS, pod['metadata']['name'], 'failed quota: '
                f'{quota["metadata"]["name"]}: must specify {quota_name} for: '
                f'{",".join(lacking)}')


def status(admission, quota):
    """Return the status of a quota."""
    used = admission.used(quota['metadata']['namespace'])
    hard = quota.get('spec', {}).get('hard', {})
    return {'hard': hard, 'used': {
        name: quantities.render(used.get(ALIASES.get(name, name), 0))
        for name in hard}}
