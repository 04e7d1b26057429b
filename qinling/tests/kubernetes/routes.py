# SPDX-License-Identifier: Apache-2.0
"""Paths and methods of requests."""

import dataclasses

from qinling.tests.kubernetes import errors
from qinling.tests.kubernetes import resources

VERBS = {'GET': 'get', 'HEAD': 'get', 'POST': 'create', 'PUT': 'update',
         'PATCH': 'patch', 'DELETE': 'delete', 'OPTIONS': 'options'}


@dataclasses.dataclass(frozen=True)
class Target:
    """Kind, object or subresource; ``rest`` is the path behind a proxy."""

    resource: resources.Resource
    namespace: str = ''
    name: str = ''
    subresource: str = ''
    rest: str = ''

    @property
    def path(self):
        """Return the path in the form of access rules: ``pods/log``."""
        return '/'.join(filter(None, (self.resource.plural,
                                      self.subresource)))


@dataclasses.dataclass
class Call:
    """Received request, for tests to count: ``code`` is the status of the
    answer, ``None`` before the answer (or for good, after a cut connection);
    ``sent_bytes`` is the size of the answer so far.
    """

    verb: str
    group: str
    resource: str
    subresource: str
    namespace: str
    name: str
    user: str = ''
    agent: str = ''
    code: int = None
    sent_bytes: int = 0

    @property
    def path(self):
        return '/'.join(filter(None, (self.resource, self.subresource)))


def parse(path):
    """Return the :class:`Target` of a path, or ``None`` for a path without an
    object.

    :raises ApiError: 404, no such kind.
    """
    parts = path.strip('/').split('/')
    if parts[0] == 'api' and len(parts) > 2:
        group, version, parts = '', parts[1], parts[2:]
    elif parts[0] == 'apis' and len(parts) > 3:
        group, version, parts = parts[1], parts[2], parts[3:]
    else:
        return None
    namespace = ''
    if parts[0] == 'namespaces' and len(parts) > 2 and (
            parts[2] not in ('status', 'finalize')):
        namespace, parts = parts[1], parts[2:]
    resource = resources.TABLE.get((group, version, parts[0]))
    if resource is None:
        raise errors.no_page()
    name, subresource = (parts[1:3] + ['', ''])[:2]
    if subresource and subresource not in resource.subresources:
        raise errors.no_page()
    rest = ''
    if subresource == 'proxy':
        rest = '/' + path.strip().split('/proxy/', 1)[-1] if (
            '/proxy/' in path) else '/'
    elif len(parts) > 3:
        raise errors.no_page()
    if resource is resources.NAMESPACES:
        namespace = name
    return Target(resource, namespace, name, subresource, rest)


def verb(method, target, query):
    """Return the verb of a request for a target.

    :raises ApiError: 405.
    """
    name = VERBS.get(method)
    if name is None:
        raise errors.method_not_allowed()
    if not target.name and name == 'get':
        name = 'watch' if query.get('watch') in ('true', '1') else 'list'
    elif not target.name and name == 'delete':
        name = 'deletecollection'
    return name


def allowed(name, target):
    """Check the verb.

    :raises ApiError: 405, the target has no such verb.
    """
    resource = target.resource
    if target.subresource:
        verbs = resource.subresources[target.subresource][2]
    elif resource is resources.ACCESS_REVIEWS:
        verbs = ('create',)
    else:
        verbs = resources.MAIN_VERBS
    everywhere = resource.namespaced and not target.namespace and (
        name not in ('list', 'watch'))
    if name not in verbs or everywhere or (
            name == 'create' and target.name and not target.subresource) or (
            name in ('update', 'patch') and not target.name) or (
            resource is resources.NAMESPACES and name == 'deletecollection'):
        raise errors.method_not_allowed()
