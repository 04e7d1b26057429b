# SPDX-License-Identifier: Apache-2.0
"""Liveness of engines, and deletion of orphaned pods.

Each engine renews a Lease (coordination.k8s.io).  As in the leader election
of Kubernetes, no engine compares clocks of two machines: an engine is dead if
its Lease did not change for the duration of a lease on the local clock.
"""

from collections.abc import Collection
from collections.abc import Iterator
import datetime
import logging
import threading
import time
import typing
import uuid

from kubernetes import client

from qinling.orchestrators.kubernetes import api as apis
from qinling.orchestrators.kubernetes import labels
from qinling.orchestrators.kubernetes import pods
from qinling.orchestrators.kubernetes import view as views

LOG = logging.getLogger(__name__)

LEASE_RETENTION = 10   # durations until the deletion of a dead Lease
MIN_GRACE_SECONDS = 0.001


class Engines:
    """Engines of a namespace, including this engine.

    :param duration: seconds of a lease.
    """

    def __init__(self, api: apis.Api, duration: int) -> None:
        self.name = f'qinling-engine-{uuid.uuid4().hex[:16]}'
        self._api = api
        self._duration = duration
        self._started_at = _now()
        self._lock = threading.Lock()
        #: name -> (renewTime, local time of its last change)
        self._leases: dict[str, tuple[str | None, float]] = {}
        #: engines without a Lease
        self._dead: set[str] = set()
        self._read_at = time.monotonic()

    def start(self) -> None:
        """Create the Lease of this engine, and read the other Leases."""
        with apis.ignore_status(apis.CONFLICT):
            self._create_lease()
        self.read_leases()

    def stop(self) -> None:
        """Delete the Lease of this engine."""
        self._delete_lease(self.name)

    def renew_lease(self) -> None:
        """Renew the Lease of this engine."""
        try:
            self._api.call(
                self._api.coordination.patch_namespaced_lease, self.name,
                self._api.namespace,
                {'spec': {'renewTime': _format_time(_now())}},
                _content_type=apis.MERGE_PATCH)
        except apis.Rejected as e:
            if e.status != apis.NOT_FOUND:
                raise
            # Another engine deleted the Lease during an outage.
            self._create_lease()

    def read_leases(self) -> None:
        """Read the Leases of all engines, and delete old Leases."""
        answer = self._api.call(
            self._api.coordination.list_namespaced_lease,
            self._api.namespace, label_selector=labels.SELECTOR)
        now = time.monotonic()
        with self._lock:
            previous, self._leases = self._leases, {}
            if now - self._read_at > self._duration / 2:
                # After an outage, engines need time to renew their Leases.
                previous = {}
            self._read_at = now
            for lease in answer.get('items') or ():
                name = lease['metadata']['name']
                renewed = lease['spec'].get('renewTime')
                state = previous.get(name)
                if state is None or state[0] != renewed:
                    state = (renewed, now)
                self._leases[name] = state
            expired = [
                name for name, (_renewed, since) in self._leases.items()
                if now - since > LEASE_RETENTION * self._duration]
        for name in expired:
            self._delete_lease(name)

    def refresh(self, names: Collection[str]) -> None:
        """Read the Leases again if an engine is unknown.

        A Lease precedes all other objects of its engine: an unknown engine
        without a Lease is dead.
        """
        with self._lock:
            unknown = set(names) - {'', self.name, *self._leases} - self._dead
        if unknown:
            self.read_leases()
            with self._lock:
                self._dead |= unknown - set(self._leases)

    def is_dead(self, name: str) -> bool:
        """Return whether an engine is dead; call :meth:`refresh` before."""
        if name == self.name:
            return False
        with self._lock:
            if name not in self._leases:
                return name in self._dead
            _renewed, since = self._leases[name]
            # Without news, an engine is as alive as it was.
            return min(time.monotonic(), self._read_at
                       ) - since > self._duration

    def _create_lease(self) -> None:
        self._api.call(
            self._api.coordination.create_namespaced_lease,
            self._api.namespace, client.V1Lease(
                api_version='coordination.k8s.io/v1', kind='Lease',
                metadata=client.V1ObjectMeta(
                    name=self.name, labels=dict(labels.MANAGED)),
                spec=client.V1LeaseSpec(
                    holder_identity=self.name, acquire_time=self._started_at,
                    lease_duration_seconds=self._duration,
                    renew_time=_now())))

    def _delete_lease(self, name: str) -> None:
        with apis.ignore_status(apis.NOT_FOUND):
            self._api.call(
                self._api.coordination.delete_namespaced_lease, name,
                self._api.namespace)


class PodOwner(typing.Protocol):
    """Component of this engine with pods."""

    def list_owned(self) -> set[str]:
        """Return the names of the pods in use."""


class Sweep:
    """Deletion of orphaned pods.

    :param owners: components of this engine with pods.
    :param timeout: seconds for another engine to claim the workers of a dead
        engine.
    """

    def __init__(self, api: apis.Api, view: views.View, engines: Engines,
                 owners: Collection[PodOwner], timeout: float) -> None:
        self._api = api
        self._view = view
        self._engines = engines
        self._owners = owners
        self._timeout = timeout
        self._orphaned_at: dict[str, float] = {}

    def run(self) -> list[str]:
        """Delete the orphaned pods that are due, and return their names."""
        with self._view.changed:
            engines = {name for name, _group
                       in self._view.index.engines.items()}
        self._engines.refresh(engines)
        now = time.monotonic()
        owned = set[str]().union(
            *(owner.list_owned() for owner in self._owners))
        with self._view.changed:
            orphans = {name: self._grace_seconds(pod)
                       for name, pod in self._list_orphaned()
                       if name not in owned
                       and 'deletionTimestamp' not in pod['metadata']}
        self._orphaned_at = {
            name: self._orphaned_at.get(name, now) for name in orphans}
        due = [name for name, grace in orphans.items()
               if now - self._orphaned_at[name] >= grace]
        for name in due:
            LOG.info('Deleting orphaned pod %s', name)
            self._api.delete_pod(name)
        return due

    def _list_orphaned(self) -> Iterator[tuple[str, apis.Resource]]:
        """Yield pods without an owner; the caller holds the condition.

        The pods of other living engines are not even counted.
        """
        index = self._view.index
        for name, pod in index.states.get(labels.IDLE).items():
            # The ReplicaSet replaces a failed pod without deleting the pod.
            if pod.get('status', {}).get('phase') == 'Failed':
                yield name, pod
        for engine, group in index.engines.items():
            if engine == self._engines.name or self._engines.is_dead(engine):
                yield from group.items()

    def _grace_seconds(self, pod: apis.Resource) -> float:
        if (pods.get_state(pod) == labels.CLAIMED and pods.is_ready(pod)
                and pods.get_label(pod, labels.ENGINE) != self._engines.name):
            return self._timeout
        # Wait for another sweep: the owner of a new pod may not list the pod.
        return MIN_GRACE_SECONDS


def _now() -> datetime.datetime:
    now = datetime.datetime.now(datetime.timezone.utc)
    # A MicroTime needs six digits, and Python omits microseconds of 0.
    return now.replace(microsecond=now.microsecond or 1)


def _format_time(time: datetime.datetime) -> str:
    return time.strftime('%Y-%m-%dT%H:%M:%S.%fZ')
