# SPDX-License-Identifier: Apache-2.0
"""Kinds of objects in the stand-in."""

import dataclasses

MAIN_VERBS = ('create', 'delete', 'deletecollection', 'get', 'list', 'patch',
              'update', 'watch')


@dataclasses.dataclass(frozen=True)
class Resource:
    """Kind of objects; ``model`` is the name in :mod:`.schema`,
    ``subresources`` maps a name to (kind, model, verbs)."""

    group: str
    version: str
    plural: str
    kind: str
    model: str
    namespaced: bool = True
    subresources: dict = dataclasses.field(
        default_factory=dict, compare=False, hash=False)

    @property
    def api_version(self):
        return '/'.join(filter(None, (self.group, self.version)))

    @property
    def has_status(self):
        return 'status' in self.subresources


_CHANGE = ('get', 'patch', 'update')


def _status(kind, model):
    return {'status': (kind, model, _CHANGE)}


def _scale():
    return {'scale': ('Scale', 'V1Scale', _CHANGE)}


def _core(plural, kind, model=None, **fields):
    return Resource('', 'v1', plural, kind, model or f'V1{kind}', **fields)


PODS = _core('pods', 'Pod', subresources={
    **_status('Pod', 'V1Pod'),
    'resize': ('Pod', 'V1Pod', _CHANGE),
    'log': ('Pod', 'V1Pod', ('get',)),
    'eviction': ('Eviction', 'V1Eviction', ('create',)),
    'proxy': ('PodProxyOptions', None, (
        'create', 'delete', 'get', 'patch', 'update')),
})
NAMESPACES = _core('namespaces', 'Namespace', namespaced=False,
                   subresources=_status('Namespace', 'V1Namespace'))
NODES = _core('nodes', 'Node', namespaced=False,
              subresources=_status('Node', 'V1Node'))
EVENTS = _core('events', 'Event', 'CoreV1Event')
SECRETS = _core('secrets', 'Secret')
CONFIG_MAPS = _core('configmaps', 'ConfigMap')
SERVICE_ACCOUNTS = _core('serviceaccounts', 'ServiceAccount')
QUOTAS = _core('resourcequotas', 'ResourceQuota',
               subresources=_status('ResourceQuota', 'V1ResourceQuota'))
DEPLOYMENTS = Resource(
    'apps', 'v1', 'deployments', 'Deployment', 'V1Deployment',
    subresources={**_status('Deployment', 'V1Deployment'), **_scale()})
REPLICA_SETS = Resource(
    'apps', 'v1', 'replicasets', 'ReplicaSet', 'V1ReplicaSet',
    subresources={**_status('ReplicaSet', 'V1ReplicaSet'), **_scale()})
BUDGETS = Resource(
    'policy', 'v1', 'poddisruptionbudgets', 'PodDisruptionBudget',
    'V1PodDisruptionBudget', subresources=_status(
        'PodDisruptionBudget', 'V1PodDisruptionBudget'))
NETWORK_POLICIES = Resource(
    'networking.k8s.io', 'v1', 'networkpolicies', 'NetworkPolicy',
    'V1NetworkPolicy')
LEASES = Resource('coordination.k8s.io', 'v1', 'leases', 'Lease', 'V1Lease')
RUNTIME_CLASSES = Resource(
    'node.k8s.io', 'v1', 'runtimeclasses', 'RuntimeClass', 'V1RuntimeClass',
    namespaced=False)
#: Only asked, never stored.
ACCESS_REVIEWS = Resource(
    'authorization.k8s.io', 'v1', 'selfsubjectaccessreviews',
    'SelfSubjectAccessReview', 'V1SelfSubjectAccessReview', namespaced=False)

ALL = (PODS, NAMESPACES, NODES, EVENTS, SECRETS, CONFIG_MAPS,
       SERVICE_ACCOUNTS, QUOTAS, DEPLOYMENTS, REPLICA_SETS, BUDGETS,
       NETWORK_POLICIES, LEASES, RUNTIME_CLASSES, ACCESS_REVIEWS)
TABLE = {(resource.group, resource.version, resource.plural): resource
         for resource in ALL}
STORED = tuple(resource for resource in ALL if resource is not ACCESS_REVIEWS)
BY_KIND = {(resource.api_version, resource.kind): resource
           for resource in STORED}


def discover(group, version, without=()):
    """Return the ``APIResourceList`` of a group and version, or ``None`` for
    an unknown group.

    :param without: subresources to hide, such as ``pods/resize``.
    """
    described = []
    for resource in ALL:
        if (resource.group, resource.version) != (group, version):
            continue
        verbs = ('create',) if resource is ACCESS_REVIEWS else MAIN_VERBS
        described.append(_described(resource, resource.plural, resource.kind,
                                    verbs))
        for name, (kind, _model, verbs) in resource.subresources.items():
            described.append(_described(resource, f'{resource.plural}/{name}',
                                        kind, verbs))
    if not described:
        return None
    return {'kind': 'APIResourceList', 'apiVersion': 'v1',
            'groupVersion': '/'.join(filter(None, (group, version))),
            'resources': [entry for entry in described
                          if entry['name'] not in without]}


def _described(resource, name, kind, verbs):
    return {'name': name, 'singularName': '', 'kind': kind,
            'namespaced': resource.namespaced, 'verbs': sorted(verbs)}


def groups():
    """Return the ``APIGroupList``."""
    result = []
    for group, version in sorted({(resource.group, resource.version)
                                  for resource in ALL if resource.group}):
        group_version = {'groupVersion': f'{group}/{version}', 'version':
                         version}
        result.append({'name': group, 'versions': [group_version],
                      'preferredVersion': group_version})
    return {'kind': 'APIGroupList', 'apiVersion': 'v1', 'groups': result}
