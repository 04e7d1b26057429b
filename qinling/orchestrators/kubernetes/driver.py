# SPDX-License-Identifier: Apache-2.0
"""Implementation of the contract by the parts of this package."""

from collections.abc import Mapping
from collections.abc import Sequence
import logging
import threading

from oslo_config import cfg

from qinling import exception
from qinling.orchestrators import base
from qinling.orchestrators.kubernetes import api as apis
from qinling.orchestrators.kubernetes import background
from qinling.orchestrators.kubernetes import claims
from qinling.orchestrators.kubernetes import cluster
from qinling.orchestrators.kubernetes import demand
from qinling.orchestrators.kubernetes import enforcement
from qinling.orchestrators.kubernetes import engines
from qinling.orchestrators.kubernetes import images
from qinling.orchestrators.kubernetes import labels
from qinling.orchestrators.kubernetes import manifests
from qinling.orchestrators.kubernetes import network
from qinling.orchestrators.kubernetes import permissions
from qinling.orchestrators.kubernetes import pods
from qinling.orchestrators.kubernetes import pools
from qinling.orchestrators.kubernetes import resizes
from qinling.orchestrators.kubernetes import room
from qinling.orchestrators.kubernetes import transport
from qinling.orchestrators.kubernetes import view

LOG = logging.getLogger(__name__)

START_SECONDS = 1.0  # to wait for the end of an outage at the first use


class Driver(base.ImageRunner, base.Orchestrator):
    """Orchestrator of workers as pods.

    The first use connects to the cluster: two watches and a thread that renews
    the Lease then run until :meth:`close`.  Executions on workers need no call
    of the API server.

    :param conf: a configuration with the group ``kubernetes``.
    :raises PermanentError: the options do not identify a cluster.
    """

    shared = True

    def __init__(self, conf: cfg.ConfigOpts, directory: str | None = None
                 ) -> None:
        self._conf = conf
        options = self._options = conf.kubernetes
        self._changed = threading.Condition()
        self._stopped = threading.Event()
        self._starting = threading.Lock()
        self._started = False
        self._api = api = apis.Api(options, self._changed)
        self._background = background.Background()
        self._view = view.View(api, self._changed, self)
        self._engines = engines.Engines(api, options.engine_lease)
        creator = manifests.Manifests(conf)
        self._pools = pools.Pools(api, self._view, creator,
                                  options.ready_timeout,
                                  options.max_replicas)
        self._demand = demand.Demand(api, self._view, self._background,
                                     options, self._engines.name)
        # Thousands of resizes must not delay the handling of lost workers.
        self._slow_background = background.Background(background.SLOW_THREADS)
        self._resizes = resizes.Resizes(api, self._slow_background, creator)
        parts = cluster.Cluster(
            api, self._background, creator, self._view, self._engines,
            self._pools,
            room.Room(self, self._background, self._changed, api.outages),
            self._resizes,
            transport.Proxy(api) if options.reach == 'proxy' else None)
        self._claims = claims.Claims(options, parts)
        self._images = images.Images(parts, options.ready_timeout)
        self._enforcement = enforcement.Enforcement(
            api, self._view, self._images, options.network_policy_probe)
        self._sweep = engines.Sweep(
            api, self._view, self._engines, (self._claims, self._images),
            options.orphan_timeout)
        self._lease_thread = threading.Thread(
            target=self._renew_lease, name='kubernetes-lease', daemon=True)

    # Contract

    def ensure_pool(self, runtime: base.RuntimeSpec) -> None:
        self._start()
        self._pools.ensure(runtime)
        self._enforcement.start(runtime)
        self._enforcement.check()

    def delete_pool(self, runtime_id: str) -> None:
        self._start()
        self._pools.delete(runtime_id)

    def pools(self) -> Mapping[str, base.Capacity]:
        self._start()
        return self._pools.list_capacities()

    def claim(self, runtime_id: str | None, function: base.FunctionKey,
              limits: base.Limits, build: str = '') -> base.Worker:
        self._start()
        self._enforcement.check()
        if limits.offline:
            self._enforcement.check_offline()
        return self._claims.claim(runtime_id, function, limits, build)

    def release(self, worker: base.Worker, disconnected: bool = False
                ) -> base.ExitReason | None:
        return self._claims.release(worker, disconnected)

    def claimed(self) -> Sequence[base.Worker]:
        self._start()
        return self._claims.list_claimed()

    def outdated(self) -> Sequence[base.Worker]:
        return self._claims.list_outdated()

    def run_image(self, run: base.ImageRun) -> base.ImageOutcome:
        self._start()
        self._enforcement.check()
        if run.offline:
            self._enforcement.check_offline()
        return self._images.run(run)

    def cancel_image(self, execution_id: str) -> None:
        self._images.cancel(execution_id)

    def describe(self) -> Mapping[str, str]:
        options = self._options
        return {
            'isolation': 'pods',
            'cluster': self._api.configuration.host,
            'namespace': options.namespace,
            'user': f'{manifests.USER}, in a user namespace of each pod'
            if options.user_namespaces else f'{manifests.USER} in all pods',
            'network': 'only engines reach workers; workers reach '
            + ('the Internet' if options.allow_egress
               else 'the name service')
            + (' and permitted addresses'
               if options.egress_cidrs or options.runtime_egress else ''),
            'network policies': self._enforcement.describe(),
            'untrusted runtimes':
                options.untrusted_runtime_class or 'like trusted ones',
            'reach': options.reach}

    def reserve(self, worker: base.Worker, limits: base.Limits, is_idle: bool
                ) -> None:
        self._resizes.request(worker.name, limits, is_idle)

    def find_missing_permissions(self) -> Sequence[str]:
        with apis.translate_errors('The permissions cannot be checked'):
            return permissions.find_missing(self._api, self._options)

    def close(self) -> None:
        """Leave the workers to other engines.

        Other engines adopt the workers, or destroy the workers later.
        """
        with self._starting:
            if self._stopped.is_set():
                return
            self._stopped.set()
            self._api.outages.stop()
            started = self._started
        with self._changed:
            self._changed.notify_all()
        if started:
            self._enforcement.stop()
            self._lease_thread.join(self._options.request_timeout)
            self._view.stop()
            try:
                self._engines.stop()
            except (apis.Rejected, apis.Unreachable) as e:
                LOG.warning('Could not delete the lease of this engine: %s',
                            e)
        self._background.close()
        self._slow_background.close(cancel=True)
        self._api.close()

    # Changes

    def handle_change(self, old: apis.Resource | None,
                      new: apis.Resource | None) -> None:
        """Handle a change of a pod, see :class:`.view.ChangeListener`."""
        self._demand.handle_change(old, new)
        worker = self._claims.remove_lost(old, new)
        if worker is not None:
            LOG.warning('Removing lost worker %s of function %s', worker.name,
                        worker.function)
            self._background.submit(self.on_lost, worker)
        elif new is None:
            if old is not None:
                self._images.record_removal(old)
        elif pods.get_label(new, labels.ENGINE) == self._engines.name:
            self._resizes.handle_change(old, new)
            worker = self._claims.find_leaving(old, new)
            if worker is not None:
                LOG.info('Draining worker %s, which the cluster ends',
                         worker.name)
                self._background.submit(self.on_leaving, worker)

    def make_room(self) -> None:
        """Ask the engine to destroy an idle worker."""
        self.on_full()

    # Life cycle

    def _start(self) -> None:
        """Connect to the cluster, unless connected.

        :raises TemporaryError, PermanentError: no connection is possible.
        """
        if self._started and not self._stopped.is_set():
            return
        with self._starting:
            if self._stopped.is_set():
                raise exception.TemporaryError('The orchestrator is closed.')
            if self._started:
                return
            with apis.translate_errors('The cluster cannot be used'):
                self._api.check(START_SECONDS)
                self._prepare()
            self._started = True
            self._lease_thread.start()

    def _prepare(self) -> None:
        api = self._api
        network.write_policies(api, self._conf)
        self._engines.start()
        self._resizes.can_resize = (
            self._options.resize == 'auto' and any(
                resource['name'] == 'pods/resize' for resource in
                api.call(api.core.get_api_resources)['resources']))
        if not self._view.start(self._options.request_timeout):
            LOG.warning('Could not list the pods of namespace %s in time',
                        self._options.namespace)

    def _renew_lease(self) -> None:
        """Renew the Lease and sweep; the target of a thread."""
        while not self._stopped.wait(self._options.engine_lease / 4):
            try:
                self._engines.renew_lease()
                self._engines.read_leases()
                self._sweep.run()
                with self._changed:
                    names = set(self._view.pods)
                self._claims.forget_pods(names)
                self._demand.shrink()
            except apis.Rejected as e:
                LOG.log(logging.INFO if e.temporary else logging.WARNING,
                        'Could not renew the lease of this engine: %s', e)
            except apis.Unreachable as e:
                LOG.info('Could not renew the lease of this engine: %s', e)
            except Exception:
                LOG.exception('Could not complete the sweep of pods')
