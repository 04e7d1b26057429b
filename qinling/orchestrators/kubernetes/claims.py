# SPDX-License-Identifier: Apache-2.0
"""Taking pods out of pools, and giving them up.

A pod is claimed by giving it other labels, on condition that nobody has
changed it since it was seen.  It leaves its ReplicaSet by that, which makes
another one.  When no pod is idle, one is made that belongs to its function
from the start, so that many claims at once need not wait for each other.
"""

import copy
import hmac
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

AUTOPSY = 3.0   # seconds in which the cluster tells of a death
# Whoever moves pods between nodes had better leave a busy one alone.
ANNOTATIONS = {'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false'}


class Claims:
    """The claimed pods of one engine.

    :param options: the configuration group ``kubernetes``.
    :param parts: the driver's ``api``, ``view``, ``maker``, ``pools``,
        ``engines`` and ``reach``.
    :param later: function that calls another one in the background.
    """

    def __init__(self, options, parts, later):
        self._options = options
        self._api = parts.api
        self._view = parts.view
        self._maker = parts.maker
        self._pools = parts.pools
        self._engines = parts.engines
        self._reach = parts.reach
        self._later = later
        self._lock = threading.Lock()
        self._mine = {}        # name -> Worker
        self._reserved = set()  # names of pods that a claim works on
        self._stale = {}       # name -> resourceVersion that is too old
        self._deaths = {}      # name -> Death, or None
        self._restarts = {}    # name -> restarts of its container by then
        self.can_resize = False

    # Claiming

    def claim(self, runtime_id, function, limits, build):
        """See :meth:`..base.Orchestrator.claim`."""
        id, _, version = function.partition('/')
        wanted = {labels.STATE: labels.CLAIMED, labels.FUNCTION: id,
                  labels.VERSION: version, labels.BUILD: build,
                  labels.ENGINE: self._engines.name}
        with apis.explained('No worker can be claimed'):
            key = self._pools_key(runtime_id)
            pod = self._adopt(runtime_id, wanted)
            used = pod is not None
            if pod is None:
                pod = self._take(runtime_id, wanted)
        worker = self._worker(pod, key, used)
        with self._view.changed:
            self._mine[worker.name] = worker
            self._restarts[worker.name] = pods.restarts(pod)
            self._reserved.discard(worker.name)
        if self.can_resize and not used:
            self._later(self._resize, worker.name, limits)
        return worker

    def _pools_key(self, runtime_id):
        with self._view.changed:
            if manifests.pool_name(runtime_id) not in self._view.deployments:
                raise base.NoPool(runtime_id)
        return self._pools.key(runtime_id)

    def _worker(self, pod, key, used=False):
        name = pods.name(pod)
        secret = hmac.new(key, name.encode(), 'sha256').hexdigest()
        return base.Worker(
            name, pods.label(pod, labels.RUNTIME), pods.address(pod), secret,
            _function(pod), used, self._reach and self._reach(name))

    def _adopt(self, runtime_id, wanted):
        """A pod that a dead engine has used for the same build."""
        same = (labels.FUNCTION, labels.VERSION, labels.BUILD)
        with self._view.changed:
            engines = {pods.label(each, labels.ENGINE)
                       for each in self._view.of(runtime_id, labels.CLAIMED)}
        self._engines.meet(engines)
        while True:
            with self._view.changed:
                pod = next((each for each in self._view.of(
                    runtime_id, labels.CLAIMED)
                    if wanted[labels.BUILD] and self._free(each)
                    and all(pods.label(each, key) == wanted[key]
                            for key in same)
                    and self._engines.dead(pods.label(each, labels.ENGINE))),
                    None)
                if pod is None:
                    return None
                self._reserved.add(pods.name(pod))
            pod = self._relabel(pod, wanted)
            if pod is not None:
                LOG.info('Worker %s is taken over.', pods.name(pod))
                return pod

    def _take(self, runtime_id, wanted):
        """A ready pod with the wanted labels."""
        deadline = time.monotonic() + self._options.claim_timeout
        born = None
        try:
            while True:
                with self._view.changed:
                    pod = self._idle(runtime_id, born)
                if pod is not None and pods.name(pod) == born:
                    born = None
                    return pod
                if pod is not None:
                    pod = self._relabel(pod, wanted)
                    if pod is not None:
                        return pod
                    continue
                if born is None:
                    born = self._bear(runtime_id, wanted)
                self._wait(runtime_id, born, deadline)
        finally:
            if born is not None:
                with self._view.changed:
                    # It counts no more, though it is seen for a while.
                    self._deaths[born] = None
                    self._reserved.discard(born)
                self._later(self._delete, born)

    def _idle(self, runtime_id, born):
        """A pod that can be had now, reserved; ``None`` if there is none.
        The condition is held."""
        self._check_most(born)
        mine = self._view.pods.get(born)
        if mine is not None and pods.ready(mine):
            return mine
        for pod in self._view.of(runtime_id, labels.IDLE):
            if self._free(pod):
                self._reserved.add(pods.name(pod))
                return pod
        return None

    def _free(self, pod):
        name = pods.name(pod)
        return (pods.ready(pod) and name not in self._reserved
                and name not in self._mine and name not in self._deaths
                and self._stale.get(name)
                != pod['metadata']['resourceVersion'])

    def _check_most(self, born):
        most = self._options.max_workers
        if not most:
            return
        taken = {name for name, pod in self._view.pods.items()
                 if pods.purpose(pod) == labels.CLAIMED
                 and name not in self._deaths}
        taken = (taken | self._reserved | set(self._mine)) - {born}
        if len(taken) >= most:
            raise exception.TemporaryError(
                f'There are {most} workers already, the most that '
                '[kubernetes] max_workers allows.')

    def _relabel(self, pod, wanted):
        """The pod with the wanted labels, ``None`` if somebody else has
        changed it first."""
        name = pods.name(pod)
        version = pod['metadata']['resourceVersion']
        changed = None
        try:
            changed = self._api.call(
                self._api.prompt.patch_namespaced_pod, name,
                self._api.namespace, {'metadata': {
                    'resourceVersion': version, 'labels': wanted,
                    'annotations': ANNOTATIONS}},
                _content_type=apis.MERGE_PATCH)
        except apis.Refused as e:
            if e.status not in (apis.CONFLICT, apis.NOT_FOUND):
                raise
        finally:
            with self._view.changed:
                if changed is None:
                    self._reserved.discard(name)
                    self._stale[name] = version
        if changed is not None:
            self._view.learn(changed)
        return changed

    def _bear(self, runtime_id, wanted):
        """Make a pod that is claimed from the start; returns its name."""
        name = f'qinling-{secrets.token_hex(8)}'
        with self._view.changed:
            pool = self._view.deployments.get(manifests.pool_name(runtime_id))
            if pool is None:
                raise exception.TemporaryError('Its pool was deleted.')
            template = copy.deepcopy(pool['spec']['template'])
            self._reserved.add(name)
        template['metadata']['name'] = name
        template['metadata'].setdefault('annotations', {}).update(ANNOTATIONS)
        template['metadata']['labels'].update(wanted)
        try:
            self._api.call(self._api.prompt.create_namespaced_pod,
                           self._api.namespace, {
                               'apiVersion': 'v1', 'kind': 'Pod', **template})
        except BaseException:
            # It may be there if the answer was lost.
            self._later(self._delete, name)
            raise
        return name

    def _wait(self, runtime_id, born, deadline):
        """Wait for any news.

        :raises TemporaryError: there is no hope, or no time left.
        """
        with self._view.changed:
            pod = self._view.pods.get(born)
            found = pod and pods.complaint(pod)
            left = deadline - time.monotonic()
            if left <= 0 or (found and found[0]):
                why = found[1] if found else (
                    f'it took more than {self._options.claim_timeout} '
                    'seconds.')
                raise exception.TemporaryError(
                    f'No worker of the runtime {runtime_id} is ready: {why}')
            if any(map(self._free, self._view.of(runtime_id, labels.IDLE))):
                return
            if pod is None or not pods.ready(pod):
                self._view.changed.wait(left)

    def _resize(self, name, limits):
        """Fit a pod to its function; its agent limits memory at once."""
        try:
            self._api.call(
                self._api.core.patch_namespaced_pod_resize, name,
                self._api.namespace, self._maker.resized(limits))
        except (apis.Refused, apis.Unreachable) as e:
            LOG.info('Pod %s keeps the size of its pool: %s', name, e)

    # Releasing

    def release(self, worker, lost):
        """See :meth:`..base.Orchestrator.release`."""
        if lost:
            death = self._autopsy(worker.name)
            with self._view.changed:
                self._deaths[worker.name] = death
        else:
            with self._view.changed:
                death = self._deaths.setdefault(worker.name, None)
        with self._view.changed:
            self._mine.pop(worker.name, None)
        self._delete(worker.name)
        return death

    def _autopsy(self, name):
        """Why a pod died; its connections break before the cluster knows.
        """
        with self._view.changed:
            if self._deaths.get(name):
                return self._deaths[name]
            found = []

            def known():
                pod = self._view.pods.get(name)
                death = pod and pods.death(
                    pod, self._restarts.get(name, 0))
                found[:] = [death]
                return death or pod is None
            self._view.changed.wait_for(known, AUTOPSY)
            return found[0] or self._deaths.get(name)

    def _delete(self, name):
        self._api.delete_pod(name)
        with self._view.changed:
            self._reserved.discard(name)

    # Watching

    def seen(self, old, new):
        """A pod has changed; returns the :class:`..base.Worker` of this
        engine that is lost by that, if any.  The condition is held."""
        name = pods.name(new or old)
        if new is None:
            self._stale.pop(name, None)
            if name in self._deaths:
                self._deaths[name] = self._deaths[name] or pods.death(
                    old, self._restarts.get(name, 0))
        worker = self._mine.get(name)
        if worker is None:
            return None
        restarts = self._restarts.get(name, 0)
        if (new is not None and not pods.leaving(new)
                and not pods.ended_since(new, restarts)
                and not self._taken_over(new)):
            return None
        del self._mine[name]
        self._deaths[name] = pods.death(new or old, restarts) or base.Death(
            'The pod of the worker was deleted.')
        return worker

    def _taken_over(self, pod):
        """Whether another engine has a pod of this one.  An event may be
        older than our claim, and tell of no engine or of a dead one."""
        engine = pods.label(pod, labels.ENGINE)
        return (engine not in ('', self._engines.name)
                and not self._engines.dead(engine))

    def list(self):
        """All claimed workers, of all engines."""
        with self._view.changed:
            others = [pod for name, pod in self._view.pods.items()
                      if pods.purpose(pod) == labels.CLAIMED
                      and name not in self._mine
                      and name not in self._deaths
                      and name not in self._reserved
                      and pods.ready(pod)]
            return list(self._mine.values()) + [
                base.Worker(pods.name(pod), pods.label(pod, labels.RUNTIME),
                            pods.address(pod), '', _function(pod))
                for pod in others]

    def held(self):
        """Names of the pods that this engine uses or is about to."""
        with self._view.changed:
            return set(self._mine) | self._reserved

    def forget(self, names):
        """Drop what is known of pods that are gone."""
        with self._view.changed:
            for name in set(self._deaths) - set(self._view.pods) - names:
                del self._deaths[name]
                self._restarts.pop(name, None)


def _function(pod):
    return (f'{pods.label(pod, labels.FUNCTION)}/'
            f'{pods.label(pod, labels.VERSION)}')
