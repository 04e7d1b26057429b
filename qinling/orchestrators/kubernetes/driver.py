# SPDX-License-Identifier: Apache-2.0
"""The contract, put together of its parts."""

from concurrent import futures
import logging
import threading
import types

from qinling import exception
from qinling.orchestrators import base
from qinling.orchestrators.kubernetes import api as apis
from qinling.orchestrators.kubernetes import claims
from qinling.orchestrators.kubernetes import engines
from qinling.orchestrators.kubernetes import images
from qinling.orchestrators.kubernetes import manifests
from qinling.orchestrators.kubernetes import network
from qinling.orchestrators.kubernetes import pools
from qinling.orchestrators.kubernetes import reach
from qinling.orchestrators.kubernetes import view

LOG = logging.getLogger(__name__)


class Driver(base.ImageRunner, base.Orchestrator):
    """Workers as pods.

    The cluster is first asked when it is needed.  From then on two watches
    and one thread that renews the sign of life are there until
    :meth:`close`; to run a function on a worker needs no call at all.

    :param conf: a ``ConfigOpts`` with the group ``kubernetes``.
    :raises PermanentError: the configuration leads to no cluster.
    """

    shared = True

    def __init__(self, conf, directory=None):
        options = self._options = conf.kubernetes
        self._changed = threading.Condition()
        self._api = apis.Api(options)
        self._background = futures.ThreadPoolExecutor(4, 'kubernetes')
        self._stopped = threading.Event()
        self._beginning = threading.Lock()
        self._begun = False
        parts = types.SimpleNamespace(
            api=self._api, maker=manifests.Manifests(conf),
            view=view.View(self._api, self._changed, self._seen),
            engines=engines.Engines(self._api, options.engine_lease),
            reach=(reach.Proxy(self._api) if options.reach == 'proxy'
                   else None))
        parts.pools = pools.Pools(parts.api, parts.view, parts.maker,
                                  options.ready_timeout)
        self._parts = parts
        self._claims = claims.Claims(options, parts, self._later)
        self._images = images.Images(parts, options.ready_timeout)
        self._sweep = engines.Sweep(
            parts, lambda: self._claims.held() | self._images.held(),
            self._api.delete_pod, options.orphan_timeout)
        self._keeper = threading.Thread(
            target=self._keep, name='kubernetes-keeper', daemon=True)

    # The contract

    def ensure_pool(self, runtime):
        self._begin()
        self._parts.pools.ensure(runtime)

    def delete_pool(self, runtime_id):
        self._begin()
        self._parts.pools.delete(runtime_id)

    def pools(self):
        self._begin()
        return self._parts.pools.capacities()

    def claim(self, runtime_id, function, limits, build=''):
        self._begin()
        return self._claims.claim(runtime_id, function, limits, build)

    def release(self, worker, lost=False):
        return self._claims.release(worker, lost)

    def claimed(self):
        self._begin()
        return self._claims.list()

    def run_image(self, order):
        self._begin()
        return self._images.run(order)

    def cancel_image(self, execution_id):
        self._images.cancel(execution_id)

    def describe(self):
        options = self._options
        return {
            'isolation': 'pods',
            'cluster': self._api.configuration.host,
            'namespace': options.namespace,
            'user': f'{manifests.USER}, in a user namespace of each pod'
            if options.user_namespaces else f'{manifests.USER} in all pods',
            'network': 'only engines reach workers'
            + ('' if options.allow_egress else '; workers reach nothing')
            + ', if the cluster enforces network policies',
            'untrusted runtimes':
                options.untrusted_runtime_class or 'like trusted ones',
            'reach': options.reach}

    def close(self):
        """Leave the workers to other engines, which destroy them after a
        while unless they can use them."""
        with self._beginning:
            if self._stopped.is_set():
                return
            self._stopped.set()
            begun = self._begun
        with self._changed:
            self._changed.notify_all()
        if begun:
            self._keeper.join(self._options.request_timeout)
            self._parts.view.stop()
            try:
                self._parts.engines.end()
            except (apis.Refused, apis.Unreachable) as e:
                LOG.warning('Other engines learn by and by that this one is '
                            'gone: %s', e)
        self._background.shutdown(wait=True)
        self._api.close()

    # How it is done

    def _begin(self):
        """Connect, once."""
        if self._begun and not self._stopped.is_set():
            return
        with self._beginning:
            if self._stopped.is_set():
                raise exception.TemporaryError('The orchestrator is closed.')
            if self._begun:
                return
            with apis.explained('The cluster cannot be used'):
                self._prepare()
            self._begun = True
            self._keeper.start()

    def _prepare(self):
        parts, api = self._parts, self._api
        for policy in network.policies(self._options):
            self._write_policy(policy)
        parts.engines.begin()
        self._claims.can_resize = (
            self._options.resize == 'auto' and any(
                each['name'] == 'pods/resize' for each in
                api.call(api.core.get_api_resources)['resources']))
        if not parts.view.start(self._options.request_timeout):
            LOG.warning('The pods of namespace %s are not listed yet.',
                        self._options.namespace)

    def _write_policy(self, policy):
        api, namespace = self._api, self._api.namespace
        try:
            api.call(api.networking.create_namespaced_network_policy,
                     namespace, policy)
        except apis.Refused as e:
            if e.status != apis.CONFLICT:
                raise
            api.call(api.networking.patch_namespaced_network_policy,
                     policy.metadata.name, namespace, policy,
                     _content_type=apis.MERGE_PATCH)

    def _seen(self, old, new):
        worker = self._claims.seen(old, new)
        if worker is not None:
            LOG.warning('Worker %s of function %s is lost.', worker.name,
                        worker.function)
            self._later(self.on_lost, worker)

    def _later(self, action, *args):
        try:
            self._background.submit(self._guarded, action, *args)
        except RuntimeError:
            pass  # closed: what is left over is swept by others

    def _guarded(self, action, *args):
        try:
            action(*args)
        except Exception:
            LOG.exception('%s failed.', action)

    def _keep(self):
        """The thread that gives signs of life and sweeps."""
        parts = self._parts
        while not self._stopped.wait(self._options.engine_lease / 4):
            try:
                parts.engines.renew()
                parts.engines.look()
                self._sweep.run()
                with self._changed:
                    names = set(parts.view.pods)
                self._claims.forget(names)
            except (apis.Refused, apis.Unreachable) as e:
                LOG.warning('This engine gives no sign of life: %s', e)
            except Exception:
                LOG.exception('The keeper goes on after a fault.')
