# SPDX-License-Identifier: Apache-2.0
"""Pools as Deployments: made, changed, watched until ready, destroyed."""

import base64
import logging
import secrets
import threading
import time

from qinling import exception
from qinling.orchestrators import base
from qinling.orchestrators.kubernetes import api as apis
from qinling.orchestrators.kubernetes import labels
from qinling.orchestrators.kubernetes import manifests
from qinling.orchestrators.kubernetes import pods

LOG = logging.getLogger(__name__)


class Pools:
    """The pools of one namespace.

    :param api: an :class:`.api.Api`.
    :param view: a :class:`.view.View`.
    :param maker: a :class:`.manifests.Manifests`.
    :param timeout: seconds in which a pool must be ready.
    """

    def __init__(self, api, view, maker, timeout):
        self._api = api
        self._view = view
        self._maker = maker
        self._timeout = timeout
        self._keys = {}
        self._lock = threading.Lock()

    def ensure(self, runtime):
        """See :meth:`..base.Orchestrator.ensure_pool`."""
        what = f'The pool of runtime {runtime.id} cannot be made'
        with apis.explained(what):
            deployment, is_new = self._write(runtime)
        try:
            self._await(runtime, deployment)
        except exception.PermanentError:
            if is_new:
                self.delete(runtime.id)
            raise

    def _write(self, runtime):
        """Make or change the objects; returns the Deployment and whether it
        was made by this call."""
        api, namespace = self._api, self._api.namespace
        self.key(runtime.id, create=True)
        with apis.unless(apis.CONFLICT):
            api.call(api.policy.create_namespaced_pod_disruption_budget,
                     namespace, self._maker.budget(runtime.id))
        wanted = self._maker.deployment(runtime)
        for _try in range(10):
            with apis.unless(apis.CONFLICT):
                return api.call(api.apps.create_namespaced_deployment,
                                namespace, wanted), True
            try:
                present = api.call(api.apps.read_namespaced_deployment,
                                   wanted.metadata.name, namespace)
            except apis.Refused as e:
                if e.status == apis.NOT_FOUND:
                    continue  # deleted meanwhile
                raise
            if not _differ(present, wanted):
                return present, False
            wanted.metadata.resource_version = present['metadata'][
                'resourceVersion']
            with apis.unless(apis.CONFLICT):
                return api.call(api.apps.replace_namespaced_deployment,
                                wanted.metadata.name, namespace,
                                wanted), False
            wanted.metadata.resource_version = None
        raise exception.TemporaryError(
            f'The Deployment {wanted.metadata.name} changes all the time.')

    def _await(self, runtime, deployment):
        """Wait until the pool has a worker of the wanted image, and idle
        ones of no other."""
        name = deployment['metadata']['name']
        generation = deployment['metadata']['generation']
        digest = deployment['metadata']['labels'][labels.SPEC]
        deadline = time.monotonic() + self._timeout
        view = self._view
        with view.changed:
            while True:
                now = view.deployments.get(name)
                reason = None
                if now is not None and _generation(now) >= generation:
                    idle = view.of(runtime.id, labels.IDLE)
                    new = [pod for pod in idle
                           if pods.label(pod, labels.SPEC) == digest]
                    # Pods are seen by another watch than Deployments.
                    ready = [pods.label(pod, labels.SPEC) == digest
                             for pod in idle if pods.ready(pod)]
                    if ready and all(ready) and _settled(now):
                        return
                    hopeless, reason = self._complaint(now, new)
                    if hopeless:
                        break
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                view.changed.wait(left)
        raise exception.PermanentError(
            f'The pool of image {runtime.image} is not ready: '
            + (reason or f'it took more than {self._timeout} seconds.'))

    def _complaint(self, deployment, idle):
        """Why a pool is not ready: (whether waiting is in vain, a sentence
        or ``None``)."""
        found = [each for each in map(pods.complaint, idle) if each]
        conditions = pods.conditions(deployment)
        failure = conditions.get('ReplicaFailure', {})
        if failure.get('status') == 'True' and not idle:
            found.append((True, failure.get('message', '')))
        progress = conditions.get('Progressing', {})
        if progress.get('status') == 'False':
            found.append((True, progress.get('message', '')))
        return max(found, key=lambda each: each[0], default=(False, None))

    def delete(self, runtime_id):
        """Destroy everything of a pool; what serves a function stays."""
        api, namespace = self._api, self._api.namespace
        name = manifests.pool_name(runtime_id)
        selector = (f'{labels.RUNTIME}={runtime_id},'
                    f'{labels.STATE}={labels.IDLE}')
        with apis.explained(f'The pool of runtime {runtime_id} cannot be '
                            'deleted'):
            for function in (
                    api.apps.delete_namespaced_deployment,
                    api.policy.delete_namespaced_pod_disruption_budget,
                    api.core.delete_namespaced_secret):
                with apis.unless(apis.NOT_FOUND):
                    api.call(function, name, namespace,
                             propagation_policy='Background')
            api.call(api.core.delete_collection_namespaced_pod, namespace,
                     label_selector=selector)
        with self._lock:
            self._keys.pop(runtime_id, None)
        with self._view.changed:
            self._view.changed.wait_for(
                lambda: name not in self._view.deployments, self._timeout)

    def capacities(self):
        """runtime id -> :class:`..base.Capacity`."""
        found = {}
        with self._view.changed:
            for each in self._view.deployments.values():
                id = each['metadata'].get('labels', {}).get(labels.RUNTIME)
                if id is None or 'deletionTimestamp' in each['metadata']:
                    continue
                idle = self._view.of(id, labels.IDLE)
                busy = self._view.of(id, labels.CLAIMED)
                found[id] = base.Capacity(
                    each['spec']['replicas'] + len(busy),
                    sum(map(pods.ready, idle)))
        return found

    def key(self, runtime_id, create=False):
        """The key that the secrets of a pool's workers come of."""
        with self._lock:
            if runtime_id in self._keys:
                return self._keys[runtime_id]
        api, namespace = self._api, self._api.namespace
        if create:
            wanted = self._maker.key(runtime_id, secrets.token_hex(32))
            with apis.unless(apis.CONFLICT):
                api.call(api.core.create_namespaced_secret, namespace,
                         wanted)
        found = api.call(api.core.read_namespaced_secret,
                         manifests.pool_name(runtime_id), namespace)
        key = base64.b64decode(found['data'][manifests.KEY])
        with self._lock:
            return self._keys.setdefault(runtime_id, key)


def _differ(present, wanted):
    digest = wanted.metadata.labels[labels.SPEC]
    return (present['metadata'].get('labels', {}).get(labels.SPEC) != digest
            or present['spec']['replicas'] != wanted.spec.replicas)


def _generation(deployment):
    return deployment.get('status', {}).get('observedGeneration', 0)


def _settled(deployment):
    """Whether no idle pod of an older image is left."""
    status = deployment.get('status', {})
    return status.get('replicas', 0) == status.get('updatedReplicas', 0)
