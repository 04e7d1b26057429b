# SPDX-License-Identifier: Apache-2.0
"""State and history of the cluster: a small etcd."""

import collections
import threading

import orjson

Event = collections.namedtuple(
    'Event', 'version type resource object previous')

HISTORY = 20000  # events that are kept
FIRST = 100      # resource versions begin above this


def copy(value):
    """Return a deep copy of JSON."""
    return orjson.loads(orjson.dumps(value))


def key(value):
    """Return (namespace, name) of an object."""
    return (value['metadata'].get('namespace', ''),
            value['metadata']['name'])


class Store:
    """Objects by kind, namespace and name, under one resource version.

    Stored objects never change, only get replaced, so readers need no copies.
    ``changed`` is notified of every event; the lock of ``changed`` makes
    several calls one transaction.
    """

    def __init__(self):
        self.changed = threading.Condition(threading.RLock())
        self.version = FIRST
        self.oldest = FIRST  # what is newer can be watched from
        self.closed = False
        self._objects = collections.defaultdict(dict)
        self._events = collections.deque()

    def get(self, resource, namespace, name):
        """Return an object, or ``None``."""
        with self.changed:
            return self._objects[resource].get((namespace or '', name))

    def list(self, resource, namespace=None):
        """Return objects ordered by namespace and name."""
        with self.changed:
            return [value for (place, _name), value in sorted(
                self._objects[resource].items())
                if not namespace or place == namespace]

    def put(self, resource, value):
        """Store a new or a changed object; return the object with a version.
        """
        with self.changed:
            previous = self._objects[resource].get(key(value))
            self._stamp(value)
            self._objects[resource][key(value)] = value
            self._record('MODIFIED' if previous else 'ADDED', resource, value,
                         previous)
        return value

    def remove(self, resource, namespace, name):
        """Remove an object; return the last state, or ``None``."""
        with self.changed:
            previous = self._objects[resource].pop((namespace or '', name),
                                                   None)
            if previous is None:
                return None
            value = copy(previous)
            self._stamp(value)
            self._record('DELETED', resource, value, previous)
        return value

    def since(self, version):
        """Return the events after a version, oldest first; ``None`` for a
        forgotten past."""
        with self.changed:
            if version < self.oldest:
                return None
            events = []
            for event in reversed(self._events):
                if event.version <= version:
                    break
                events.append(event)
            return events[::-1]

    def compact(self):
        """Forget the history."""
        with self.changed:
            self._events.clear()
            # A version that no object has: who watches from the newest one
            # that he was told is late, too.
            self.version += 1
            self.oldest = self.version
            self.changed.notify_all()

    def close(self):
        """Wake all waiting threads for good."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()

    def _stamp(self, value):
        self.version += 1
        value['metadata']['resourceVersion'] = str(self.version)

    def _record(self, kind, resource, value, previous):
        self._events.append(
            Event(self.version, kind, resource, value, previous))
        if len(self._events) > HISTORY:
            self.oldest = self._events.popleft().version
        self.changed.notify_all()
