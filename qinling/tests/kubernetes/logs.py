# SPDX-License-Identifier: Apache-2.0
"""Subresource ``log``."""

import datetime
import os

from qinling.tests.kubernetes import errors
from qinling.tests.kubernetes import names


def read(pod, query, path_of):
    """Return the bytes of a container's log.

    :param path_of: a function of the container's name and the number of
        restarts: the path of the log, possibly missing.
    :raises ApiError: 400, an unknown or unstarted container.
    """
    name = _container(pod, query)
    if not pod['spec'].get('nodeName'):
        raise errors.bad_request(f'pod {pod["metadata"]["name"]} does not '
                                 'have a host assigned')
    status = next((candidate for kind in ('initContainerStatuses',
                                          'containerStatuses')
                   for candidate in pod['status'].get(kind, ())
                   if candidate['name'] == name), None)
    restarts = status['restartCount'] if status else 0
    where = f'container "{name}" in pod "{pod["metadata"]["name"]}"'
    if query.get('previous') == 'true':
        if not restarts:
            raise errors.bad_request(f'previous terminated {where} not found')
        restarts -= 1
    elif status is None or _never_began(status):
        reason = 'ContainerCreating' if status is None else (
            status['state']['waiting']['reason'])
        state = 'waiting to start'
        if reason in ('ErrImagePull', 'ImagePullBackOff'):
            state, reason = ('waiting to start',
                             'trying and failing to pull image')
        raise errors.bad_request(f'{where} is {state}: {reason}')
    elif 'waiting' in status['state'] and restarts:
        # Before the next start, the log is the log of the last run.
        restarts -= 0 if os.path.exists(path_of(name, restarts)) else 1
    return _cut(path_of(name, restarts), query)


def _container(pod, query):
    container_names = [container['name'] for kind in ('initContainers',
                                                      'containers')
                       for container in pod['spec'].get(kind, ())]
    name = query.get('container')
    if not name and len(pod['spec']['containers']) > 1:
        options = ' '.join(container['name']
                           for container in pod['spec']['containers'])
        raise errors.bad_request(
            f'a container name must be specified for pod '
            f'{pod["metadata"]["name"]}, choose one of: [{options}]')
    name = name or pod['spec']['containers'][0]['name']
    if name not in container_names:
        raise errors.bad_request(f'container {name} is not valid for pod '
                                 f'{pod["metadata"]["name"]}')
    return name


def _never_began(status):
    return 'waiting' in status['state'] and not (
        status.get('lastState') or status['restartCount'])


def _cut(path, query):
    """Return the requested lines."""
    try:
        with open(path, 'rb') as source:
            lines = source.read().splitlines()
    except FileNotFoundError:
        lines = []
    since = _since(query)
    selected = []
    for line in lines:
        stamp, _stream, tag, text = line.split(b' ', 3)
        if since and _time(stamp) < since:
            continue
        prefix = stamp + b' ' if query.get('timestamps') == 'true' else b''
        selected.append(prefix + text + (b'\n' if tag == b'F' else b''))
    if 'tailLines' in query:
        selected = selected[-int(query['tailLines']):] if int(
            query['tailLines']) else []
    data = b''.join(selected)
    return data[:int(query['limitBytes'])] if 'limitBytes' in query else data


def _time(stamp):
    return names.time_of(stamp.decode()[:26] + '+00:00')


def _since(query):
    if 'sinceTime' in query:
        return names.time_of(query['sinceTime'])
    if 'sinceSeconds' in query:
        return datetime.datetime.now(datetime.UTC) - datetime.timedelta(
            seconds=int(query['sinceSeconds']))
    return None
