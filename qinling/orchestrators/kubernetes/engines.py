# SPDX-License-Identifier: Apache-2.0
"""Which engines live, and what is to be done with what dead ones left.

Each engine renews a Lease (coordination.k8s.io).  Like the leader election
of Kubernetes, nobody compares clocks of two machines: a Lease that this
process has not seen change for its duration belongs to a dead engine.
"""

import datetime
import logging
import threading
import time
import uuid

from kubernetes import client

from qinling.orchestrators.kubernetes import api as apis
from qinling.orchestrators.kubernetes import labels
from qinling.orchestrators.kubernetes import pods

LOG = logging.getLogger(__name__)

FORGOTTEN = 10   # durations after which the Lease of a dead engine goes


class Engines:
    """The engines that share a namespace, this one among them.

    :param api: an :class:`.api.Api`.
    :param duration: seconds for which a sign of life is good.
    """

    def __init__(self, api, duration):
        self.name = f'qinling-engine-{uuid.uuid4().hex[:16]}'
        self._api = api
        self._duration = duration
        self._began = _now()
        self._lock = threading.Lock()
        self._seen = {}     # name -> (renewTime, when that was new here)
        self._gone = set()  # names of whom there was no Lease, when met

    def begin(self):
        """Give the first sign of life, and look who else is there."""
        with apis.unless(apis.CONFLICT):
            self._make()
        self.look()

    def renew(self):
        """Give a sign of life."""
        try:
            self._api.call(
                self._api.coordination.patch_namespaced_lease, self.name,
                self._api.namespace,
                {'spec': {'renewTime': _text(_now())}},
                _content_type=apis.MERGE_PATCH)
        except apis.Refused as e:
            if e.status != apis.NOT_FOUND:
                raise
            # Others took us for dead while the cluster was out of reach.
            self._make()

    def _make(self):
        self._api.call(
            self._api.coordination.create_namespaced_lease,
            self._api.namespace, self._lease())

    def _lease(self):
        return client.V1Lease(
            api_version='coordination.k8s.io/v1', kind='Lease',
            metadata=client.V1ObjectMeta(
                name=self.name, labels=dict(labels.MANAGED)),
            spec=client.V1LeaseSpec(
                holder_identity=self.name, acquire_time=self._began,
                lease_duration_seconds=self._duration, renew_time=_now()))

    def look(self):
        """Read the signs of life of all engines."""
        found = self._api.call(
            self._api.coordination.list_namespaced_lease,
            self._api.namespace, label_selector=labels.SELECTOR)
        now = time.monotonic()
        with self._lock:
            before, self._seen = self._seen, {}
            for lease in found.get('items') or ():
                name = lease['metadata']['name']
                renewed = lease['spec'].get('renewTime')
                known = before.get(name)
                if known is None or known[0] != renewed:
                    known = (renewed, now)
                self._seen[name] = known
            old = [name for name, (_, since) in self._seen.items()
                   if now - since > FORGOTTEN * self._duration]
        for name in old:
            self._remove(name)

    def meet(self, names):
        """Find out who those are that nobody here has heard of: a Lease is
        there before anything else tells of its engine, so without one it is
        gone, and with one it has begun since the last look."""
        with self._lock:
            strangers = set(names) - {'', self.name, *self._seen} - self._gone
        if strangers:
            self.look()
            with self._lock:
                self._gone |= strangers - set(self._seen)

    def dead(self, name):
        """Whether an engine is gone for good; see :meth:`meet`."""
        if name == self.name:
            return False
        with self._lock:
            if name not in self._seen:
                return name in self._gone
            _renewed, since = self._seen[name]
        return time.monotonic() - since > self._duration

    def end(self):
        """Let others know that this engine is gone."""
        self._remove(self.name)

    def _remove(self, name):
        with apis.unless(apis.NOT_FOUND):
            self._api.call(
                self._api.coordination.delete_namespaced_lease, name,
                self._api.namespace)


class Sweep:
    """Deletes pods that nobody looks after.

    :param parts: the driver's ``view`` and ``engines``.
    :param held: function that returns the names of this engine's pods.
    :param delete: function of a name that deletes a pod.
    :param timeout: seconds that workers of a dead engine wait for another
        one to take them over.
    """

    def __init__(self, parts, held, delete, timeout):
        self._view = parts.view
        self._engines = parts.engines
        self._held = held
        self._delete = delete
        self._timeout = timeout
        self._since = {}   # name -> when it was first seen without anybody

    def run(self):
        """Delete what is due; returns the names."""
        with self._view.changed:
            engines = {pods.label(pod, labels.ENGINE)
                       for pod in self._view.pods.values()}
        self._engines.meet(engines)
        now = time.monotonic()
        held = self._held()
        with self._view.changed:
            found = {name: self._patience(pod)
                     for name, pod in self._view.pods.items()
                     if name not in held
                     and 'deletionTimestamp' not in pod['metadata']
                     and self._lonely(pod)}
        self._since = {name: self._since.get(name, now) for name in found}
        due = [name for name, patience in found.items()
               if now - self._since[name] >= patience]
        for name in due:
            LOG.info('Pod %s is looked after by nobody and is deleted.',
                     name)
            self._delete(name)
        return due

    def _lonely(self, pod):
        if pods.purpose(pod) == labels.IDLE:
            # Its ReplicaSet has made another one, and lets this one lie.
            return pod.get('status', {}).get('phase') == 'Failed'
        engine = pods.label(pod, labels.ENGINE)
        return engine == self._engines.name or self._engines.dead(engine)

    def _patience(self, pod):
        if (pods.purpose(pod) == labels.CLAIMED and pods.ready(pod)
                and pods.label(pod, labels.ENGINE) != self._engines.name):
            return self._timeout
        # One look more: what is begun just now is not in the books yet.
        return 0.001


def _now():
    now = datetime.datetime.now(datetime.timezone.utc)
    # A MicroTime must have six digits, and none are written for 0.
    return now.replace(microsecond=now.microsecond or 1)


def _text(moment):
    return moment.strftime('%Y-%m-%dT%H:%M:%S.%fZ')
