# SPDX-License-Identifier: Apache-2.0
"""Claim and release of pods.

A claim changes the labels of an idle pod, provided that the pod did not change
since the view was updated.  The ReplicaSet then no longer selects the pod, and
creates another pod.  Without an idle pod, a claim creates a claimed pod, so
that concurrent claims do not wait for each other.
"""

import hmac
import logging
import random
import secrets
import time

from oslo_config import cfg

from qinling import exception
from qinling.orchestrators import base
from qinling.orchestrators.kubernetes import api as apis
from qinling.orchestrators.kubernetes import cluster as clusters
from qinling.orchestrators.kubernetes import index
from qinling.orchestrators.kubernetes import labels
from qinling.orchestrators.kubernetes import manifests
from qinling.orchestrators.kubernetes import pods
from qinling.orchestrators.kubernetes import room

LOG = logging.getLogger(__name__)

DIAGNOSIS_SECONDS = 10.0  # until the cluster reports the end of a pod
# Ask the cluster autoscaler not to move busy pods.
ANNOTATIONS = {'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false'}


class Claims:
    """Claimed pods of an engine.

    :param options: the configuration group ``kubernetes``.
    """

    def __init__(self, options: cfg.ConfigOpts.GroupAttr,
                 cluster: clusters.Cluster) -> None:
        self._options = options
        self._api = cluster.api
        self._background = cluster.background
        self._view = cluster.view
        self._pools = cluster.pools
        self._engines = cluster.engines
        self._proxy = cluster.proxy
        self._room = cluster.room
        self._resizes = cluster.resizes
        self._workers: dict[str, base.Worker] = {}
        #: pods of unfinished claims
        self._reserved: set[str] = set()
        #: name -> outdated resourceVersion
        self._stale: dict[str, str] = {}
        #: released or dead pods
        self._exit_reasons: dict[str, base.ExitReason | None] = {}
        #: restarts of the container at the time of the claim
        self._restarts: dict[str, int] = {}

    def claim(self, runtime_id: str | None, function: base.FunctionKey,
              limits: base.Limits, build: str) -> base.Worker:
        """Claim a pod, see :meth:`..base.Orchestrator.claim`."""
        new_labels = {
            labels.STATE: labels.CLAIMED,
            labels.FUNCTION: function.function_id,
            labels.VERSION: str(function.version), labels.BUILD: build,
            labels.ENGINE: self._engines.name}
        if limits.offline:
            new_labels[labels.NETWORK] = labels.OFFLINE
        with apis.translate_errors('No worker can be claimed'):
            self._api.check()
            key = self._find_pool_key(runtime_id)
            pod = self._adopt_orphan(runtime_id, new_labels)
            used = pod is not None
            if pod is None:
                pod = self._acquire_pod(runtime_id, new_labels)
        worker = self._create_worker(pod, key, used)
        with self._view.changed:
            self._workers[worker.name] = worker
            self._restarts[worker.name] = pods.count_restarts(pod)
            self._reserved.discard(worker.name)
        self._resizes.request(worker.name, limits)
        return worker

    def _find_pool_key(self, runtime_id: str | None) -> bytes:
        with self._view.changed:
            if runtime_id is None or manifests.pool_name(
                    runtime_id) not in self._view.deployments:
                raise base.NoPool(runtime_id)
        return self._pools.fetch_key(runtime_id)

    def _create_worker(self, pod: apis.Resource, key: bytes, used: bool
                       ) -> base.Worker:
        name = pods.get_name(pod)
        secret = hmac.new(key, name.encode(), 'sha256').hexdigest()
        return base.Worker(
            name, pods.get_label(pod, labels.RUNTIME), pods.get_address(pod),
            secret, pods.get_function(pod), used,
            self._proxy.create_transport(name) if self._proxy else None)

    def _adopt_orphan(self, runtime_id: str | None, new_labels: dict[str, str]
                      ) -> apis.Resource | None:
        """Claim a pod of a dead engine with the same fingerprint, if any."""
        code = index.get_code(new_labels)
        if not code.build:
            return None
        same_code = self._view.index.codes
        with self._view.changed:
            engines = {pods.get_label(pod, labels.ENGINE)
                       for pod in same_code.get(code).values()}
        self._engines.refresh(engines)
        while True:
            with self._view.changed:
                pod = next(
                    (pod for pod in same_code.get(code).values()
                     if self._is_orphan(pod, runtime_id)), None)
                if pod is None:
                    return None
                self._reserved.add(pods.get_name(pod))
            pod = self._relabel(pod, new_labels)
            if pod is not None:
                LOG.info('Adopted worker %s', pods.get_name(pod))
                return pod

    def _is_orphan(self, pod: apis.Resource, runtime_id: str | None) -> bool:
        """Return whether a dead engine used a pod of a runtime."""
        return (pods.get_label(pod, labels.RUNTIME) == runtime_id
                and self._is_free(pod) and self._engines.is_dead(
                    pods.get_label(pod, labels.ENGINE)))

    def _acquire_pod(self, runtime_id: str | None,
                     new_labels: dict[str, str]) -> apis.Resource:
        """Claim an idle pod, or a new pod.

        :raises NoRoom: the cluster is full.
        :raises TemporaryError: no pod is ready in time.
        """
        deadline = time.monotonic() + self._options.claim_timeout
        created = None  # name of a new pod
        try:
            while True:
                with self._view.changed:
                    pod = self._reserve(runtime_id, created, new_labels)
                if pod is not None and pods.get_name(pod) == created:
                    created = None
                    return pod
                if pod is not None:
                    pod = self._relabel(pod, new_labels)
                    if pod is not None:
                        return pod
                    continue
                if created is None:
                    created = self._create_pod(runtime_id, new_labels)
                self._wait_change(runtime_id, created, new_labels, deadline)
        finally:
            if created is not None:
                with self._view.changed:
                    # The view still has the pod for a while.
                    self._exit_reasons[created] = None
                    self._reserved.discard(created)
                self._background.submit(self._delete, created)

    def _reserve(self, runtime_id: str | None, created: str | None,
                 new_labels: dict[str, str]) -> apis.Resource | None:
        """Return a ready pod, reserved; the caller holds the condition.

        :param created: name of the pod of this claim.
        """
        self._check_maximum(created)
        new_pod = self._view.pods.get(created or '')
        if new_pod is not None and pods.is_ready(new_pod):
            return new_pod
        pod = self._find_idle(runtime_id, new_labels)
        if pod is not None:
            self._reserved.add(pods.get_name(pod))
        return pod

    def _find_idle(self, runtime_id: str | None, new_labels: dict[str, str]
                   ) -> apis.Resource | None:
        """Return a free idle pod; a pod without a network is always new."""
        if labels.NETWORK in new_labels:
            return None
        idle = self._view.list_pods(runtime_id, labels.IDLE)
        # Engines see the pods in the same order: if all of them took the
        # first pod, all but one of them would have to try again.
        random.shuffle(idle)
        return next(filter(self._is_free, idle), None)

    def _is_free(self, pod: apis.Resource) -> bool:
        name = pods.get_name(pod)
        return (pods.is_ready(pod) and name not in self._reserved
                and name not in self._workers
                and name not in self._exit_reasons
                and self._stale.get(name)
                != pod['metadata']['resourceVersion'])

    def _check_maximum(self, created: str | None) -> None:
        """Raise ``NoRoom`` if no further worker is permitted."""
        if self._options.max_workers:
            room.check_maximum(
                self._options.max_workers,
                self._view.index.states.get(labels.CLAIMED),
                (self._reserved | set(self._workers)) - {created},
                self._exit_reasons.keys() | {created or ''})

    def _relabel(self, pod: apis.Resource, new_labels: dict[str, str]
                 ) -> apis.Resource | None:
        """Change the labels of a reserved pod.

        :returns: ``None`` if the pod changed concurrently.
        """
        name = pods.get_name(pod)
        version = pod['metadata']['resourceVersion']
        changed_pod = None
        try:
            changed_pod = self._api.call(
                self._api.prompt.patch_namespaced_pod, name,
                self._api.namespace, {'metadata': {
                    'resourceVersion': version, 'labels': new_labels,
                    'annotations': ANNOTATIONS}},
                _content_type=apis.MERGE_PATCH)
        except apis.Rejected as e:
            if e.status not in (apis.CONFLICT, apis.NOT_FOUND):
                raise
        finally:
            with self._view.changed:
                if changed_pod is None:
                    self._reserved.discard(name)
                    self._stale[name] = version
        if changed_pod is not None:
            self._view.record_pod(changed_pod)
        return changed_pod

    def _create_pod(self, runtime_id: str | None, new_labels: dict[str, str]
                    ) -> str:
        """Create a claimed pod, and return its name."""
        name = f'qinling-{secrets.token_hex(8)}'
        with self._view.changed:
            pool = self._view.deployments.get(
                manifests.pool_name(runtime_id or ''))
            if pool is None:
                raise exception.TemporaryError('Its pool was deleted.')
            pod = pods.create_from_pool(pool, name, new_labels, ANNOTATIONS)
            self._reserved.add(name)
        try:
            self._api.create_pod(pod)
        except BaseException:
            # The pod may exist if only the answer failed.
            self._background.submit(self._delete, name)
            raise
        return name

    def _wait_change(self, runtime_id: str | None, created: str,
                     new_labels: dict[str, str], deadline: float) -> None:
        """Wait for a change of the view.

        :raises TemporaryError: the new pod has a permanent problem, or the
            deadline has passed.
        """
        self._api.check()
        with self._view.changed:
            pod = self._view.pods.get(created)
            problem = pod and pods.find_problem(pod)
            remaining = deadline - time.monotonic()
            if remaining <= 0 or (problem and problem.hopeless):
                reason = problem.sentence if problem else (
                    f'it took more than {self._options.claim_timeout} '
                    'seconds.')
                is_full = pod is not None and pods.has_no_node(pod)
                error = (exception.NoRoom if is_full
                         else exception.TemporaryError)
                raise error(f'No worker of the runtime {runtime_id} is ready: '
                            + reason)
            if self._find_idle(runtime_id, new_labels) is not None:
                return
            if pod is None or not pods.is_ready(pod):
                self._room.wait(pod, remaining)

    def release(self, worker: base.Worker, disconnected: bool
                ) -> base.ExitReason | None:
        """Delete a pod, see :meth:`..base.Orchestrator.release`."""
        if disconnected:
            reason = self._diagnose(worker.name)
            with self._view.changed:
                self._exit_reasons[worker.name] = reason
        else:
            with self._view.changed:
                reason = self._exit_reasons.setdefault(worker.name, None)
        with self._view.changed:
            self._workers.pop(worker.name, None)
        self._delete(worker.name)
        return reason

    def _diagnose(self, name: str) -> base.ExitReason | None:
        """Return why a pod died; the cluster reports the end a bit late."""
        deadline = time.monotonic() + DIAGNOSIS_SECONDS
        with self._view.changed:
            reason = self._exit_reasons.get(name)
            while reason is None:
                pod = self._view.pods.get(name)
                if pod is None:
                    return self._exit_reasons.get(name)
                reason = pods.find_exit_reason(
                    pod, self._restarts.get(name, 0))
                if reason is None and not self._view.changed.wait(
                        deadline - time.monotonic()):
                    return self._exit_reasons.get(name)
            return reason

    def _delete(self, name: str) -> None:
        self._api.delete_pod(name)
        with self._view.changed:
            self._reserved.discard(name)

    def remove_lost(self, old: apis.Resource | None,
                    new: apis.Resource | None) -> base.Worker | None:
        """Return the worker of this engine that a change ended, if any.

        The caller holds the condition.

        :param old, new: see :class:`.view.ChangeListener`.
        """
        pod = new or old
        if pod is None:
            return None
        name = pods.get_name(pod)
        restarts = self._restarts.get(name, 0)
        if new is None:
            self._stale.pop(name, None)
            if name in self._exit_reasons:
                self._exit_reasons[name] = (
                    self._exit_reasons[name]
                    or pods.find_exit_reason(pod, restarts))
        worker = self._workers.get(name)
        if worker is None:
            return None
        if (new is not None and not pods.has_ended(new)
                and not pods.get_termination_since(new, restarts)
                and not self._is_adopted(new)):
            return None
        del self._workers[name]
        self._exit_reasons[name] = pods.find_exit_reason(
            pod, restarts) or pods.DELETED
        return worker

    def find_leaving(self, old: apis.Resource | None, new: apis.Resource
                     ) -> base.Worker | None:
        """Return the worker that begins to leave, see :meth:`remove_lost`."""
        if not pods.is_leaving(new) or old and pods.is_leaving(old):
            return None
        return self._workers.get(pods.get_name(new))

    def _is_adopted(self, pod: apis.Resource) -> bool:
        """Return whether another engine claimed a pod of this engine.

        An event older than the claim has no engine or a dead engine.
        """
        engine = pods.get_label(pod, labels.ENGINE)
        return (engine not in ('', self._engines.name)
                and not self._engines.is_dead(engine))

    def list_claimed(self) -> list[base.Worker]:
        """Return the claimed workers of all engines."""
        with self._view.changed:
            own_workers = list(self._workers.values())
            claimed = self._view.index.states.get(labels.CLAIMED)
            other_pods = [pod for name, pod in claimed.items()
                          if name not in self._workers
                          and name not in self._exit_reasons
                          and name not in self._reserved]
        # Without the condition: claims do not wait for thousands of pods.
        return own_workers + [pods.create_worker(pod) for pod in other_pods
                              if pods.is_ready(pod)]

    def list_outdated(self) -> list[base.Worker]:
        """Return the own workers with an earlier image."""
        with self._view.changed:
            return [self._workers[name]
                    for key, group in self._view.index.specs.items()
                    if self._pools.is_outdated(*key)
                    for name in group if name in self._workers]

    def list_owned(self) -> set[str]:
        """Return the names of the pods that this engine uses or claims."""
        with self._view.changed:
            return set(self._workers) | self._reserved

    def forget_pods(self, names: set[str]) -> None:
        """Forget the exit reasons of absent pods.

        :param names: names of all pods.
        """
        with self._view.changed:
            for name in self._exit_reasons.keys() - names - (
                    self._view.pods.keys()):
                del self._exit_reasons[name]
                self._restarts.pop(name, None)
