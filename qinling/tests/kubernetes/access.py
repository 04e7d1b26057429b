# SPDX-License-Identifier: Apache-2.0
"""Authentication and authorization of requests."""

import dataclasses

from qinling.tests.kubernetes import errors
from qinling.tests.kubernetes import resources

MASTERS = 'system:masters'


@dataclasses.dataclass(frozen=True)
class User:
    name: str
    groups: tuple = ()


class Access:
    """Authentication by tokens, and authorization by rules.

    ``tokens`` maps tokens to :class:`User`.  ``rules`` are the rules of a
    ``Role`` in ``namespace`` for all users except the masters, and
    ``cluster_rules`` the rules of a ``ClusterRole``; without both lists every
    user may do everything.
    """

    def __init__(self, namespace):
        self.namespace = namespace
        self.tokens = {}
        self.rules = None
        self.cluster_rules = None

    def user(self, authorization, certificate):
        """Return the :class:`User` of a request.

        :param authorization: the header, or ``None``.
        :param certificate: the subject of the client's certificate, a dict, or
            ``None``.
        :raises ApiError: 401.
        """
        kind, _space, token = (authorization or '').partition(' ')
        if kind.lower() == 'bearer' and token in self.tokens:
            return self.tokens[token]
        if certificate and not authorization:
            return User(certificate['commonName'],
                        (certificate.get('organizationName', ''),))
        raise errors.unauthorized()

    def allows(self, user, verb, target):
        """Return whether a user may apply a verb to a target.

        :param target: a :class:`.routes.Target`.
        """
        if MASTERS in user.groups or (
                self.rules is None and self.cluster_rules is None):
            return True
        if target.resource is resources.ACCESS_REVIEWS:
            return True
        rules = list(self.cluster_rules or ())
        if target.namespace == self.namespace:
            rules += self.rules or ()
        return any(_covers(rule, verb, target) for rule in rules)

    def check(self, user, verb, target):
        """Check the rights of a user.

        :raises ApiError: 403.
        """
        if self.allows(user, verb, target):
            return
        where = (f'in the namespace "{target.namespace}"'
                 if target.namespace else 'at the cluster scope')
        group = target.resource.group
        name = f'"{target.name}" ' if target.name else ''
        plural = '.'.join(filter(None, (target.resource.plural, group)))
        raise errors.ApiError(
            403, 'Forbidden', f'{plural} {name}is forbidden: User '
            f'"{user.name}" cannot {verb} resource "{target.path}" in API '
            f'group "{group}" {where}', name=target.name or None,
            group=group or None, kind=target.resource.plural)


def _covers(rule, verb, target):
    def has(name, value):
        return value in rule.get(name, ()) or '*' in rule.get(name, ())
    resource_names = rule.get('resourceNames')
    wild = target.subresource and f'*/{target.subresource}' in rule.get(
        'resources', ())
    return (has('verbs', verb) and has('apiGroups', target.resource.group)
            and (has('resources', target.path) or wild)
            and (not resource_names or target.name in resource_names))
