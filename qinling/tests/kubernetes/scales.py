# SPDX-License-Identifier: Apache-2.0
"""Subresource ``scale``."""

from qinling.tests.kubernetes import errors


def read(value):
    """Return the ``Scale`` of a deployment or a replica set."""
    metadata = value['metadata']
    selector = value['spec']['selector'].get('matchLabels', {})
    return {
        'kind': 'Scale', 'apiVersion': 'autoscaling/v1',
        'metadata': {name: metadata[name] for name in (
            'name', 'namespace', 'uid', 'resourceVersion',
            'creationTimestamp')},
        'spec': {'replicas': value['spec']['replicas']},
        'status': {'replicas': value['status'].get('replicas', 0),
                   'selector': ','.join(
                       f'{key}={label}'
                       for key, label in sorted(selector.items()))}}


def write(value, scale):
    """Set the replicas of a ``Scale`` in a copy of an object."""
    if not isinstance(scale, dict) or not isinstance(
            scale.get('spec', {}).get('replicas', 0), int):
        raise errors.bad_request('the object provided is unrecognized')
    version = scale.get('metadata', {}).get('resourceVersion')
    if version:
        value['metadata']['resourceVersion'] = version
    value['spec']['replicas'] = scale.get('spec', {}).get('replicas', 0)
