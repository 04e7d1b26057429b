# SPDX-License-Identifier: Apache-2.0
"""Pools as Deployments: creation, change, readiness and deletion."""

import base64
import logging
import math
import secrets
import threading
import time
import typing

from kubernetes import client

from qinling import exception
from qinling.orchestrators import base
from qinling.orchestrators.kubernetes import api as apis
from qinling.orchestrators.kubernetes import labels
from qinling.orchestrators.kubernetes import manifests as manifests_module
from qinling.orchestrators.kubernetes import pods
from qinling.orchestrators.kubernetes import view as views

LOG = logging.getLogger(__name__)

WRITE_TRIES = 10
KEY_SECONDS = 60  # until the next look at a Secret, which may be replaced


class Pools:
    """Pools of a namespace.

    :param timeout: seconds for a pool to become ready.
    :param maximum: idle workers of a pool at most.
    """

    def __init__(self, api: apis.Api, view: views.View,
                 manifests: manifests_module.Manifests, timeout: int,
                 maximum: int) -> None:
        self._api = api
        self._view = view
        self._manifests = manifests
        self._timeout = timeout
        #: largest number of idle workers, see :mod:`.demand`
        self._maximum = maximum
        #: runtime -> key, and time of the last look at its Secret
        self._keys: dict[str, tuple[bytes, float]] = {}
        self._lock = threading.Lock()

    def ensure(self, runtime: base.RuntimeSpec) -> None:
        """Create a pool, see :meth:`..base.Orchestrator.ensure_pool`."""
        with apis.translate_errors(
                f'The pool of runtime {runtime.id} cannot be made'):
            deployment, is_new = self._write(runtime)
        try:
            self._wait_ready(runtime, deployment)
        except exception.PermanentError:
            if is_new:
                self.delete(runtime.id)
            raise

    def _write(self, runtime: base.RuntimeSpec) -> tuple[apis.Resource, bool]:
        """Create or change the objects of a pool.

        :returns: the Deployment, and whether this call created it.
        """
        api, namespace = self._api, self._api.namespace
        self.fetch_key(runtime.id, max_age=0)
        with apis.ignore_status(apis.CONFLICT):
            api.call(api.policy.create_namespaced_pod_disruption_budget,
                     namespace, self._manifests.create_budget(runtime.id))
        deployment = self._manifests.create_deployment(runtime)
        metadata: typing.Any = deployment.metadata
        for _number in range(WRITE_TRIES):
            with apis.ignore_status(apis.CONFLICT):
                return api.call(api.apps.create_namespaced_deployment,
                                namespace, deployment), True
            try:
                present = api.call(api.apps.read_namespaced_deployment,
                                   metadata.name, namespace)
            except apis.Rejected as e:
                if e.status == apis.NOT_FOUND:
                    continue  # deleted concurrently
                raise
            if not self._differ(present, deployment):
                return present, False
            metadata.resource_version = present['metadata'][
                'resourceVersion']
            with apis.ignore_status(apis.CONFLICT):
                return api.call(api.apps.replace_namespaced_deployment,
                                metadata.name, namespace,
                                deployment), False
            metadata.resource_version = None
        raise exception.TemporaryError(
            f'The Deployment {metadata.name} changes all the '
            'time.')

    def _differ(self, present: apis.Resource,
                deployment: client.V1Deployment) -> bool:
        metadata: typing.Any = deployment.metadata
        spec: typing.Any = deployment.spec
        return (present['metadata'].get('labels', {}).get(labels.SPEC)
                != metadata.labels[labels.SPEC]
                # A pool that has grown shrinks later.
                or not spec.replicas <= present['spec']['replicas']
                <= max(spec.replicas, self._maximum))

    def _wait_ready(self, runtime: base.RuntimeSpec,
                    deployment: apis.Resource) -> None:
        """Wait until all idle workers have the image, and one is ready.

        :raises PermanentError: the pool does not become ready.
        """
        deadline = time.monotonic() + self._timeout
        with self._view.changed:
            while True:
                is_ready, problem = self._check_ready(runtime, deployment)
                if is_ready:
                    return
                remaining = deadline - time.monotonic()
                if remaining <= 0 or (problem and problem.hopeless):
                    break
                self._view.changed.wait(remaining)
        reason = problem.sentence if problem else (
            f'it took more than {self._timeout} seconds.')
        raise exception.PermanentError(
            f'The pool of image {runtime.image} is not ready: {reason}')

    def _check_ready(self, runtime: base.RuntimeSpec,
                     deployment: apis.Resource
                     ) -> tuple[bool, pods.Problem | None]:
        """Return whether a pool is ready, and the worst problem.

        The caller holds the condition.
        """
        present = self._view.deployments.get(deployment['metadata']['name'])
        if present is None or present.get('status', {}).get(
                'observedGeneration', 0) < deployment['metadata'][
                    'generation']:
            return False, None
        digest = deployment['metadata']['labels'][labels.SPEC]
        idle = self._view.list_pods(runtime.id, labels.IDLE)
        new = [pod for pod in idle
               if pods.get_label(pod, labels.SPEC) == digest]
        # The watches of pods and of Deployments are independent.
        ready = [pods.get_label(pod, labels.SPEC) == digest
                 for pod in idle if pods.is_ready(pod)]
        if ready and all(ready) and _is_settled(present):
            return True, None
        return False, self._find_problem(present, new)

    def _find_problem(self, deployment: apis.Resource,
                      idle: list[apis.Resource]) -> pods.Problem | None:
        """Return the worst problem of a pool, if any."""
        # The ReplicaSet replaces a pod that its node refused or evicted.
        problems = [problem._replace(
            hopeless=problem.hopeless and not pods.has_ended(pod))
            for pod in idle if (problem := pods.find_problem(pod))]
        conditions = pods.get_conditions(deployment)
        failure = conditions.get('ReplicaFailure', {})
        if failure.get('status') == 'True' and not idle:
            problems.append(pods.Problem(True, failure.get('message', '')))
        progress = conditions.get('Progressing', {})
        if progress.get('status') == 'False':
            problems.append(pods.Problem(True, progress.get('message', '')))
        return next((problem for problem in problems if problem.hopeless),
                    problems[0] if problems else None)

    def delete(self, runtime_id: str) -> None:
        """Delete the objects of a pool; claimed workers stay."""
        api, namespace = self._api, self._api.namespace
        name = manifests_module.pool_name(runtime_id)
        selector = (f'{labels.RUNTIME}={runtime_id},'
                    f'{labels.STATE}={labels.IDLE}')
        with apis.translate_errors(
                f'The pool of runtime {runtime_id} cannot be deleted'):
            for function in (
                    api.apps.delete_namespaced_deployment,
                    api.policy.delete_namespaced_pod_disruption_budget,
                    api.core.delete_namespaced_secret):
                with apis.ignore_status(apis.NOT_FOUND):
                    api.call(function, name, namespace,
                             propagation_policy='Background')
            api.call(api.core.delete_collection_namespaced_pod, namespace,
                     label_selector=selector)
        with self._lock:
            self._keys.pop(runtime_id, None)
        with self._view.changed:
            self._view.changed.wait_for(
                lambda: name not in self._view.deployments, self._timeout)

    def list_capacities(self) -> dict[str, base.Capacity]:
        """Return the capacity of each pool by runtime id."""
        capacities = {}
        with self._view.changed:
            for pool in self._view.deployments.values():
                id = pool['metadata'].get('labels', {}).get(labels.RUNTIME)
                if id is None or 'deletionTimestamp' in pool['metadata']:
                    continue
                idle = self._view.list_pods(id, labels.IDLE)
                busy = self._view.index.pools.get((id, labels.CLAIMED))
                capacities[id] = base.Capacity(
                    pool['spec']['replicas'] + len(busy),
                    sum(map(pods.is_ready, idle)))
        return capacities

    def is_outdated(self, runtime_id: str, spec: str) -> bool:
        """Return whether a pool has replaced its pods of a specification.

        The caller holds the condition.
        """
        pool = self._view.deployments.get(
            manifests_module.pool_name(runtime_id))
        return (pool is not None and _is_settled(pool)
                and spec != pods.get_label(pool, labels.SPEC))

    def fetch_key(self, runtime_id: str, max_age: float = KEY_SECONDS
                  ) -> bytes:
        """Return the key of a pool, from which secrets of workers derive.

        A missing Secret is created, with the last known key if possible, so
        that the secrets of idle workers stay valid.

        :param max_age: seconds since the last look at the Secret.
        """
        with self._lock:
            key, read_at = self._keys.get(runtime_id, (b'', -math.inf))
        if time.monotonic() - read_at < max_age:
            return key
        try:
            key = self._read_key(runtime_id)
        except apis.Rejected as e:
            if e.status != apis.NOT_FOUND:
                raise
            secret = self._manifests.create_key(
                runtime_id, key.decode() or secrets.token_hex(32))
            with apis.ignore_status(apis.CONFLICT):
                self._api.call(self._api.core.create_namespaced_secret,
                               self._api.namespace, secret)
            key = self._read_key(runtime_id)
        with self._lock:
            self._keys[runtime_id] = key, time.monotonic()
        return key

    def _read_key(self, runtime_id: str) -> bytes:
        secret = self._api.call(
            self._api.core.read_namespaced_secret,
            manifests_module.pool_name(runtime_id), self._api.namespace)
        return base64.b64decode(secret['data'][manifests_module.KEY])


def _is_settled(deployment: apis.Resource) -> bool:
    """Return whether no idle pod of an older image is left."""
    status = deployment.get('status', {})
    if (status.get('observedGeneration', 0)
            < deployment['metadata']['generation']):
        return False
    return status.get('replicas', 0) == status.get('updatedReplicas', 0)
