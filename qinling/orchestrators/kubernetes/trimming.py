# SPDX-License-Identifier: Apache-2.0
"""Reduction of pods to the fields read by the driver.

The API server sends 7 kB for a pod, mostly a specification that the driver
wrote, and the managers of its fields.  An engine keeps all pods of the
namespace, so each text that many pods have in common is kept only once.
"""

from collections.abc import Hashable
import functools
import json
import sys
import typing

from qinling.orchestrators.kubernetes import api as apis
from qinling.orchestrators.kubernetes import pods

#: Conditions of pods that :mod:`.pods` reads.
CONDITIONS = frozenset(('Ready', 'PodScheduled', 'DisruptionTarget',
                        'PodResizePending'))
_METADATA = ('name', 'resourceVersion', 'deletionTimestamp')
_STATUS = ('phase', 'podIP', 'reason', 'message')
_CONDITION = ('type', 'status', 'reason', 'message')
_STATES = {'running': (), 'waiting': ('reason', 'message'),
           'terminated': ('reason', 'message', 'exitCode', 'startedAt',
                          'finishedAt')}


def trim(pod: apis.Resource) -> apis.Resource:
    """Return the part of a pod read by the driver."""
    metadata = _select(pod['metadata'], _METADATA)
    metadata['labels'] = {
        sys.intern(name): sys.intern(value) for name, value
        in (pod['metadata'].get('labels') or {}).items()}
    status = pod.get('status') or {}
    trimmed = _select(status, _STATUS)
    conditions = tuple(
        _share(tuple(condition.get(key) for key in _CONDITION))
        for condition in status.get('conditions') or ()
        if condition['type'] in CONDITIONS)
    if conditions:
        trimmed['conditions'] = conditions
    container = pods.get_container(pod)
    if container:
        trimmed['containerStatuses'] = (_trim_container(container),)
    return {'metadata': metadata, 'status': trimmed}


def _select(source: apis.Resource, names: tuple[str, ...]) -> apis.Resource:
    return {name: source[name] for name in names if name in source}


@functools.lru_cache(maxsize=1024)
def _share(values: tuple[Hashable, ...]) -> apis.Resource:
    """Return a condition, the same object for all pods."""
    return {name: value for name, value in zip(_CONDITION, values)
            if value is not None}


def _trim_container(status: apis.Resource) -> apis.Resource:
    trimmed: apis.Resource = {}
    if status.get('restartCount'):
        trimmed['restartCount'] = status['restartCount']
    for key in ('state', 'lastState'):
        if status.get(key):
            trimmed[key] = _trim_state(status[key])
    if status.get('resources'):
        trimmed['resources'] = _share_resources(
            json.dumps(status['resources'], sort_keys=True))
    return trimmed


def _trim_state(state: apis.Resource) -> apis.Resource:
    if state.get('running') is not None:
        return _RUNNING
    return {name: _select(state[name], fields)
            for name, fields in _STATES.items()
            if state.get(name) is not None}


#: State of nearly all containers.  Readers ask whether it is present.
_RUNNING: apis.Resource = {'running': {'startedAt': ''}}


@functools.lru_cache(maxsize=256)
def _share_resources(text: str) -> typing.Any:
    """Return requests and limits, the same object for all pods."""
    return json.loads(text)
