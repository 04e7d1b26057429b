# SPDX-License-Identifier: Apache-2.0
"""Conditions of objects, and what follows from those of pods."""

import datetime

from qinling.tests.kubernetes import names


def find(value, kind):
    """The condition of a type, or ``None``."""
    return next((each for each in value.get('status', {}).get(
        'conditions', ()) if each['type'] == kind), None)


def true(value, kind):
    """Whether a condition is there and true."""
    found = find(value, kind)
    return found is not None and found['status'] == 'True'


def put(value, kind, status, reason='', message=''):
    """Set a condition; the time of its transition changes with its status.

    :param status: a truth value, or a text.
    """
    if not isinstance(status, str):
        status = 'True' if status else 'False'
    found = find(value, kind)
    if found is None:
        found = {'type': kind}
        value.setdefault('status', {}).setdefault(
            'conditions', []).append(found)
    if found.get('status') != status:
        found['lastTransitionTime'] = names.now()
        if value.get('kind') in ('Deployment', 'Node'):
            found['lastUpdateTime'] = found['lastTransitionTime']
    if value.get('kind') == 'Node':
        found.pop('lastUpdateTime', None)
    found['status'] = status
    for name, text in (('reason', reason), ('message', message)):
        found.pop(name, None)
        if text or value.get('kind') == 'PodDisruptionBudget':
            found[name] = text


def drop(value, kind):
    """Take a condition away."""
    status = value.get('status', {})
    if 'conditions' in status:
        status['conditions'] = [each for each in status['conditions']
                                if each['type'] != kind]


def ready(pod):
    return true(pod, 'Ready')


def available_in(pod, seconds):
    """Seconds until a pod counts as available: 0 if it does, ``None`` as
    long as it is not ready."""
    if not ready(pod):
        return None
    since = names.time_of(find(pod, 'Ready')['lastTransitionTime'])
    age = (datetime.datetime.now(datetime.UTC) - since).total_seconds()
    return max(0, seconds - age) if seconds else 0


def active(pod):
    """Whether a pod counts for its controller."""
    return (pod['status'].get('phase') not in ('Succeeded', 'Failed')
            and 'deletionTimestamp' not in pod['metadata'])


def controller(value):
    """The reference to the owner that controls an object, or ``None``."""
    return next((each for each in value['metadata'].get(
        'ownerReferences', ()) if each.get('controller')), None)


def controlled_by(value, owner):
    found = controller(value)
    return found is not None and found['uid'] == owner['metadata']['uid']


def reference(owner):
    """A reference to the owner that controls."""
    return {'apiVersion': owner['apiVersion'], 'kind': owner['kind'],
            'name': owner['metadata']['name'],
            'uid': owner['metadata']['uid'], 'controller': True,
            'blockOwnerDeletion': True}
