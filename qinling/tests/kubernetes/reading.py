# SPDX-License-Identifier: Apache-2.0
"""Lists and watches.

https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

import base64
import dataclasses
import time

import orjson

from qinling.tests.kubernetes import errors
from qinling.tests.kubernetes import selectors

FRESH_PATIENCE = 3      # seconds that a list waits for a version to come
BOOKMARK_PAUSE = 0.5    # seconds from one bookmark to the next
LONGEST_WATCH = 1800    # seconds
INITIAL_END = 'k8s.io/initial-events-end'


@dataclasses.dataclass
class Selection:
    """Objects of a kind, in a namespace or all, that match selectors."""

    resource: object
    namespace: str
    query: dict
    name: str = ''

    def __post_init__(self):
        self._labels = selectors.labels(self.query.get('labelSelector'))
        self._fields = selectors.fields(self.query.get('fieldSelector'),
                                        self.resource)

    def has(self, value):
        if value is None or (self.namespace and value['metadata'].get(
                'namespace', '') != self.namespace):
            return False
        return (self._labels(value['metadata'].get('labels', {}))
                and self._fields(value))


def version_of(query):
    """Return the resource version of a query; ``None`` without any, 0 for any
    version.

    :raises ApiError: the version is no number.
    """
    text = query.get('resourceVersion')
    if not text:
        return None
    if not text.isdigit():
        raise errors.bad_request('Invalid value: resourceVersion: Invalid '
                                 f'value: "{text}": strconv.ParseUint: '
                                 'invalid syntax')
    return int(text)


def list_of(store, selection):
    """Return the answer to a list request."""
    query = selection.query
    limit = int(query.get('limit') or 0)
    after, version = None, version_of(query)
    if query.get('continue'):
        if version:
            raise errors.bad_request('specifying resource version is not '
                                     'allowed when using continue')
        version, after = _token(query['continue'])
        past = True
    else:
        past = query.get('resourceVersionMatch') == 'Exact'
    with store.changed:
        _await_version(store, version)
        listed_version = version if past and version else store.version
        values = _state(store, selection.resource, listed_version)
    values = [value for value in values if selection.has(value)
              and (after is None or _place(value) > after)]
    metadata = {'resourceVersion': str(listed_version)}
    if limit and len(values) > limit:
        if not query.get('labelSelector') and not query.get('fieldSelector'):
            metadata['remainingItemCount'] = len(values) - limit
        values = values[:limit]
        metadata['continue'] = base64.urlsafe_b64encode(orjson.dumps(
            [listed_version, _place(values[-1])])).decode()
    resource = selection.resource
    # Elements of lists do not say what they are.
    return {'kind': f'{resource.kind}List', 'apiVersion':
            resource.api_version, 'metadata': metadata, 'items': [
                {key: part for key, part in value.items()
                 if key not in ('kind', 'apiVersion')} for value in values]}


def _place(value):
    return [value['metadata'].get('namespace', ''),
            value['metadata']['name']]


def _token(text):
    try:
        version, after = orjson.loads(base64.urlsafe_b64decode(text))
    except ValueError as error:
        raise errors.bad_request('continue key is not valid') from error
    return version, after


def _await_version(store, version):
    if version is not None and version > store.version:
        if not store.changed.wait_for(
                lambda: store.version >= version, FRESH_PATIENCE):
            raise errors.future(version)


def _state(store, resource, version):
    """Return all objects of a kind as of a version."""
    events = store.since(version)
    if events is None:
        raise errors.expired('The provided continue parameter is too old to '
                             'display a consistent list result.')
    state = {tuple(_place(value)): value for value in store.list(resource)}
    for event in reversed(events):
        if event.resource is resource:
            place = tuple(_place(event.object))
            if event.previous is None:
                state.pop(place, None)
            else:
                state[place] = event.previous
    return [state[place] for place in sorted(state)]


def watch(store, selection):
    """Yield events in order, dicts, and ``None`` now and then as a chance to
    notice a dead connection.

    :raises ApiError: the requested past is forgotten.
    """
    query = selection.query
    deadline = time.monotonic() + float(
        query.get('timeoutSeconds') or LONGEST_WATCH)
    version = version_of(query)
    initial = query.get('sendInitialEvents') == 'true'
    with store.changed:
        if not version or initial:
            begin = [_event('ADDED', value)
                     for value in store.list(selection.resource)
                     if selection.has(value)]
            version = store.version
            if initial:
                begin.append(_bookmark(selection, version, True))
        else:
            begin = []
            if version > store.version:
                raise errors.future(version)
    return _events(store, selection, version, begin, deadline)


def _events(store, selection, version, begin, deadline):
    yield from begin
    bookmarks = selection.query.get('allowWatchBookmarks') in ('true', '1')
    reported_version, pause = version, time.monotonic() + BOOKMARK_PAUSE
    while not store.closed:
        with store.changed:
            if store.since(version) == []:
                remaining = min(deadline, pause) - time.monotonic()
                store.changed.wait(max(0, remaining))
            events = store.since(version)
            newest = store.version
        if events is None:
            yield {'type': 'ERROR', 'object': errors.expired(
                f'too old resource version: {version}').body()}
            return
        for event in events:
            visible = _visible_event(selection, event)
            if visible:
                reported_version = event.version
                yield visible
        version = newest
        now = time.monotonic()
        if now >= min(deadline, pause):
            if bookmarks and reported_version != version:
                reported_version = version
                yield _bookmark(selection, version)
            yield None
            pause = now + BOOKMARK_PAUSE
        if now >= deadline:
            return


def _visible_event(selection, event):
    """Return an event as visible within a selection, or ``None``."""
    if event.resource is not selection.resource:
        return None
    before = selection.has(event.previous)
    after = event.type != 'DELETED' and selection.has(event.object)
    if not before and not after:
        return None
    if after:
        return _event('MODIFIED' if before else 'ADDED', event.object)
    value = event.object
    if event.type != 'DELETED':
        # It left the selection: shown as it was, at the present version.
        value = dict(event.previous, metadata=dict(
            event.previous['metadata'], resourceVersion=str(event.version)))
    return _event('DELETED', value)


def _event(kind, value):
    return {'type': kind, 'object': value}


def _bookmark(selection, version, initial=False):
    metadata = {'resourceVersion': str(version), 'creationTimestamp': None}
    if initial:
        metadata['annotations'] = {INITIAL_END: 'true'}
    return {'type': 'BOOKMARK', 'object': {
        'kind': selection.resource.kind,
        'apiVersion': selection.resource.api_version, 'metadata': metadata}}
