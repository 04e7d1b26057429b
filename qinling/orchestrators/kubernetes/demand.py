# SPDX-License-Identifier: Apache-2.0
"""Growth of pools during quick claims of workers.

A claim takes a pod out of its pool, and the ReplicaSet needs some seconds to
replace the pod.  A pool therefore has one more pod for each recent claim, so
that the next claims find idle workers.  All engines see all claims, and
the engine of a claim grows the pool.
"""

import collections
import dataclasses
import logging
import time

from oslo_config import cfg

from qinling.orchestrators.kubernetes import api as apis
from qinling.orchestrators.kubernetes import background as backgrounds
from qinling.orchestrators.kubernetes import labels
from qinling.orchestrators.kubernetes import manifests
from qinling.orchestrators.kubernetes import pods
from qinling.orchestrators.kubernetes import view as views

LOG = logging.getLogger(__name__)

#: Seconds in which a pool replaces a claimed pod at the latest.
REFILL_SECONDS = 5
#: Seconds without need until a pool shrinks.
QUIET_SECONDS = 60
WRITE_TRIES = 5


@dataclasses.dataclass
class _Peak:
    """Largest size of a pool that claims needed, and when they last did."""

    size: int
    time: float


class Demand:
    """Sizes of the pools of a namespace.

    :param options: the configuration group ``kubernetes``.
    :param engine: name of this engine, which grows pools for its claims.
    """

    def __init__(self, api: apis.Api, view: views.View,
                 background: backgrounds.Background,
                 options: cfg.ConfigOpts.GroupAttr, engine: str) -> None:
        self._api = api
        self._view = view
        self._background = background
        self._engine = engine
        self._minimum: int = options.replicas
        self._maximum: int = max(options.replicas, options.max_replicas)
        #: runtime -> times of recent claims
        self._claims: dict[str, collections.deque[float]] = {}
        self._peaks: dict[str, _Peak] = {}
        #: runtimes whose pool is being resized
        self._resizing: set[str] = set()

    def handle_change(self, old: apis.Resource | None,
                      new: apis.Resource | None) -> None:
        """Grow a pool after a claim, see :class:`.view.ChangeListener`."""
        if (new is None or self._maximum == self._minimum
                or not _is_claim(old, new)):
            return
        now = time.monotonic()
        runtime_id = pods.get_label(new, labels.RUNTIME)
        times = self._claims.setdefault(runtime_id, collections.deque())
        times.append(now)
        while times[0] < now - REFILL_SECONDS:
            times.popleft()
        size = min(self._maximum, self._minimum + len(times))
        peak = self._peaks.setdefault(runtime_id, _Peak(size, now))
        if size >= peak.size:
            peak.size, peak.time = size, now
        if (pods.get_label(new, labels.ENGINE) == self._engine
                and self._can_grow(runtime_id, size)):
            self._submit(runtime_id, size)

    def _can_grow(self, runtime_id: str, size: int) -> bool:
        pool = self._view.deployments.get(manifests.pool_name(runtime_id))
        # On a full cluster, and within a full quota, functions need the room.
        return (pool is not None and pool['spec']['replicas'] < size
                and pods.get_conditions(pool).get('ReplicaFailure', {}).get(
                    'status') != 'True'
                and not any(map(pods.has_no_node, self._view.list_pods(
                    runtime_id, labels.IDLE))))

    def shrink(self) -> None:
        """Shrink the pools that have not needed their size for a while."""
        now = time.monotonic()
        with self._view.changed:
            for pool in self._view.deployments.values():
                runtime_id = pods.get_label(pool, labels.RUNTIME)
                size = pool['spec']['replicas']
                if size <= self._minimum:
                    if runtime_id not in self._resizing:
                        self._peaks.pop(runtime_id, None)
                    continue
                # A new engine does not know the claims before its start.
                peak = self._peaks.setdefault(runtime_id, _Peak(size, now))
                if now - peak.time >= QUIET_SECONDS:
                    self._submit(runtime_id, self._minimum)

    def _submit(self, runtime_id: str, size: int) -> None:
        """Resize a pool in the background; the caller holds the condition."""
        if runtime_id not in self._resizing:
            self._resizing.add(runtime_id)
            self._background.submit(self._resize, runtime_id, size)

    def _resize(self, runtime_id: str, size: int) -> None:
        try:
            while pool := self._find_pool(runtime_id, size):
                LOG.info('Resizing the pool of runtime %s to %d idle workers',
                         runtime_id, pool['spec']['replicas'])
                self._view.record_deployment(self._write(pool))
        except BaseException as e:
            # Otherwise the pool would keep its size from now on.
            with self._view.changed:
                self._resizing.discard(runtime_id)
            if not isinstance(e, (apis.Rejected, apis.Unreachable)):
                raise
            LOG.info('Could not resize the pool of runtime %s: %s',
                     runtime_id, e)

    def _find_pool(self, runtime_id: str, size: int) -> apis.Resource | None:
        """Return the Deployment to write; ``None`` ends the resize."""
        with self._view.changed:
            pool = self._view.deployments.get(manifests.pool_name(runtime_id))
            if size > self._minimum:
                # With the claims since the submission.
                size = self._peaks[runtime_id].size
            if pool is None or pool['spec']['replicas'] == size:
                self._resizing.discard(runtime_id)
                return None
            return {**pool, 'spec': {**pool['spec'], 'replicas': size}}

    def _write(self, pool: apis.Resource) -> apis.Resource:
        """Write the size of a pool, and return the Deployment.

        A claim changes the status of the Deployment as well, so the version
        in the view is often outdated.
        """
        size = pool['spec']['replicas']
        name, apps = pool['metadata']['name'], self._api.apps
        for _ in range(WRITE_TRIES):
            with apis.ignore_status(apis.CONFLICT):
                return self._api.call(apps.replace_namespaced_deployment,
                                      name, self._api.namespace, pool)
            pool = self._api.call(apps.read_namespaced_deployment, name,
                                  self._api.namespace)
            if pool['spec']['replicas'] == size:
                return pool  # another engine was first
            pool['spec']['replicas'] = size
        raise apis.Rejected(apis.CONFLICT, 'Conflict', 'too many changes')


def _is_claim(old: apis.Resource | None, new: apis.Resource) -> bool:
    """Return whether a change is a claim of an idle or of a new pod."""
    if pods.get_state(new) != labels.CLAIMED:
        return False
    if old is None:
        # Others are claimed already when an engine lists the pods.
        return new['status'].get('phase') == 'Pending'
    return pods.get_state(old) == labels.IDLE
