# SPDX-License-Identifier: Apache-2.0
"""What a request is about: its path and method taken apart."""

import dataclasses

from qinling.tests.kubernetes import errors
from qinling.tests.kubernetes import resources

VERBS = {'GET': 'get', 'HEAD': 'get', 'POST': 'create', 'PUT': 'update',
         'PATCH': 'patch', 'DELETE': 'delete', 'OPTIONS': 'options'}


@dataclasses.dataclass(frozen=True)
class Target:
    """One kind, object or subresource; ``rest`` is the path behind a
    proxy."""

    resource: resources.Resource
    namespace: str = ''
    name: str = ''
    subresource: str = ''
    rest: str = ''

    @property
    def path(self):
        """As rules of access write it: ``pods/log``."""
        return '/'.join(filter(None, (self.resource.plural,
                                      self.subresource)))


@dataclasses.dataclass
class Call:
    """A request that came, for tests to count: ``code`` is how it was
    answered, ``None`` as long as it is not (or for good, when the connection
    was cut)."""

    verb: str
    group: str
    resource: str
    subresource: str
    namespace: str
    name: str
    user: str = ''
    agent: str = ''
    code: int = None

    @property
    def path(self):
        return '/'.join(filter(None, (self.resource, self.subresource)))


def parse(path):
    """The :class:`Target` of a path, ``None`` for one that is about no
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
    """What a request asks to do with its target.

    :raises ApiError: 405.
    """
    found = VERBS.get(method)
    if found is None:
        raise errors.method_not_allowed()
    if not target.name and found == 'get':
        found = 'watch' if query.get('watch') in ('true', '1') else 'list'
    elif not target.name and found == 'delete':
        found = 'deletecollection'
    return found


def allowed(found, target):
    """
    :raises ApiError: 405 when the target knows no such verb.
    """
    resource = target.resource
    if target.subresource:
        known = resource.subresources[target.subresource][2]
    elif resource is resources.ACCESS_REVIEWS:
        known = ('create',)
    else:
        known = resources.MAIN_VERBS
    everywhere = resource.namespaced and not target.namespace and (
        found not in ('list', 'watch'))
    if found not in known or everywhere or (
            found == 'create' and target.name and not target.subresource) or (
            found in ('update', 'patch') and not target.name) or (
            resource is resources.NAMESPACES and found == 'deletecollection'):
        raise errors.method_not_allowed()
