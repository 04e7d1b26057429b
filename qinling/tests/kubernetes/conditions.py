# SPDX-License-Identifier: Apache-2.0
"""Conditions of objects, and conclusions from the conditions of pods."""

import datetime

from qinling.tests.kubernetes import names


def find(value, kind):
    """Return the condition of a type, or ``None``."""
    return next((condition for condition in value.get('status', {}).get(
        'conditions', ()) if condition['type'] == kind), None)


def true(value, kind):
    """Return whether a condition is present and true."""
    condition = find(value, kind)
    return condition is not None and condition['status'] == 'True'


def put(value, kind, status, reason='', message=''):
    """Set a condition, with a new transition time when the status changes.

    :param status: a truth value, or a text.
    """
    if not isinstance(status, str):
        status = 'True' if status else 'False'
    condition = find(value, kind)
    if condition is None:
        condition = {'type': kind}
        value.setdefault('status', {}).setdefault(
            'conditions', []).append(condition)
    if condition.get('status') != status:
        condition['lastTransitionTime'] = names.now()
        if value.get('kind') in ('Deployment', 'Node'):
            condition['lastUpdateTime'] = condition['lastTransitionTime']
    if value.get('kind') == 'Node':
        condition.pop('lastUpdateTime', None)
    condition['status'] = status
    for name, text in (('reason', reason), ('message', message)):
        condition.pop(name, None)
        if text or value.get('kind') == 'PodDisruptionBudget':
            condition[name] = text


def drop(value, kind):
    """Remove a condition."""
    status = value.get('status', {})
    if 'conditions' in status:
        status['conditions'] = [condition for condition in status['conditions']
                                if condition['type'] != kind]


def ready(pod):
    return true(pod, 'Ready')


def available_in(pod, seconds):
    """Return the seconds until a pod counts as available: 0 for an available
    pod, ``None`` for an unready pod."""
    if not ready(pod):
        return None
    since = names.time_of(find(pod, 'Ready')['lastTransitionTime'])
    age = (datetime.datetime.now(datetime.UTC) - since).total_seconds()
    return max(0, seconds - age) if seconds else 0


def active(pod):
    """Return whether a pod counts for a controller."""
    return (pod['status'].get('phase') not in ('Succeeded', 'Failed')
            and 'deletionTimestamp' not in pod['metadata'])


def controller(value):
    """Return the reference to the controlling owner of an object, or ``None``.
    """
    return next((owner for owner in value['metadata'].get(
        'ownerReferences', ()) if owner.get('controller')), None)


def controlled_by(value, owner):
    owner_reference = controller(value)
    return (owner_reference is not None
            and owner_reference['uid'] == owner['metadata']['uid'])


def reference(owner):
    """Return a reference to a controlling owner."""
    return {'apiVersion': owner['apiVersion'], 'kind': owner['kind'],
            'name': owner['metadata']['name'],
            'uid': owner['metadata']['uid'], 'controller': True,
            'blockOwnerDeletion': True}
