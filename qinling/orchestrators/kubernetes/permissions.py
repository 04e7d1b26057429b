# SPDX-License-Identifier: Apache-2.0
"""Permissions that an engine needs in the namespace of the workers."""

from collections.abc import Mapping
import typing

from kubernetes import client
from oslo_config import cfg

from qinling.orchestrators.kubernetes import api as apis

#: (API group, resource) -> verbs; equal to the Role in etc/kubernetes.
REQUIRED: Mapping[tuple[str, str], tuple[str, ...]] = {
    ('', 'pods'): ('list', 'watch', 'create', 'patch', 'delete',
                   'deletecollection'),
    ('', 'pods/log'): ('get',),
    ('', 'pods/resize'): ('patch',),
    ('', 'secrets'): ('get', 'create', 'delete'),
    ('apps', 'deployments'): ('get', 'list', 'watch', 'create', 'update',
                              'delete'),
    ('policy', 'poddisruptionbudgets'): ('create', 'delete'),
    ('networking.k8s.io', 'networkpolicies'): (
        'get', 'list', 'create', 'patch', 'delete'),
    ('coordination.k8s.io', 'leases'): ('list', 'create', 'patch', 'delete'),
}
#: Further permissions of an engine outside of the cluster.
PROXY = {('', 'pods/proxy'): ('get', 'create')}


def find_missing(api: apis.Api, options: cfg.ConfigOpts.GroupAttr
                 ) -> list[str]:
    """Return the missing permissions, as verb and resource.

    :param options: the configuration group ``kubernetes``.
    :raises Rejected, Unreachable: the API server does not answer.
    """
    required = dict(REQUIRED)
    if options.resize == 'off':
        del required['', 'pods/resize']
    if options.reach == 'proxy':
        required.update(PROXY)
    return [f'{verb} {".".join(filter(None, (resource, group)))}'
            for (group, resource), verbs in required.items()
            for verb in verbs if not _is_allowed(api, group, resource, verb)]


def _is_allowed(api: apis.Api, group: str, resource: str, verb: str) -> bool:
    plural, _slash, subresource = resource.partition('/')
    review: typing.Any = api.call(
        api.authorization.create_self_subject_access_review,
        client.V1SelfSubjectAccessReview(
            api_version='authorization.k8s.io/v1',
            kind='SelfSubjectAccessReview',
            spec=client.V1SelfSubjectAccessReviewSpec(
                resource_attributes=client.V1ResourceAttributes(
                    namespace=api.namespace, group=group, resource=plural,
                    subresource=subresource or None, verb=verb))))
    return bool(review['status']['allowed'])
