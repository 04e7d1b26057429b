# SPDX-License-Identifier: Apache-2.0
"""Pools of workers on this machine, and claims of workers."""

import collections
from collections.abc import Mapping
from collections.abc import Sequence
import logging
import os
import threading
import time

from oslo_config import cfg

from qinling import exception
from qinling.orchestrators import base
from qinling.orchestrators.process import cgroups
from qinling.orchestrators.process import cpu_throttle
from qinling.orchestrators.process import directories
from qinling.orchestrators.process import index_proxy
from qinling.orchestrators.process import languages
from qinling.orchestrators.process import pool as pool_module
from qinling.orchestrators.process import sandbox_selection
from qinling.orchestrators.process import sandbox_spec
from qinling.orchestrators.process import worker as workers
from qinling.orchestrators.process import worker_end

LOG = logging.getLogger(__name__)

STABLE_SECONDS = 5.0        # age of an idle worker whose start succeeded
#: Delays between failed starts.
MIN_DELAY_SECONDS, MAX_DELAY_SECONDS = 0.25, 30.0


class Driver(base.Orchestrator):
    """Orchestrator of workers as child processes.

    A thread per worker starts the worker, waits for its end and cleans up, so
    the pools refill without polling.

    :param conf: a configuration with the group ``process``.
    :param directory: path of the private directory of this driver.
    :raises PermanentError: the configured isolation does not work here, or
        another process uses the directory.
    """

    installs_dependencies = True

    def __init__(self, conf: cfg.ConfigOpts, directory: str) -> None:
        self._options = conf.process
        self._changed = threading.Condition()
        self._starts = threading.BoundedSemaphore(os.cpu_count() or 1)
        self._closing = threading.Event()
        self._pools: dict[str, pool_module.Pool] = {}
        #: pools of new images, until a worker is ready
        self._upcoming: set[pool_module.Pool] = set()
        self._installers = pool_module.Pool(base.RuntimeSpec(
            'dependencies', languages.INSTALLER), 0, installs=True)
        self._claimed: dict[str, tuple[base.Worker, workers.Process]] = {}
        self._processes: set[workers.Process] = set()
        self._total = 0        # processes, running or about to start
        self._interpreters = languages.find_interpreters(self._options)
        self._spec = sandbox_spec.create_spec(
            conf, self._interpreters.list_all())
        self._cgroups = cgroups.detect_cgroups(self._options, self._spec)
        self._directory = directories.open_directory(directory)
        self._throttle = cpu_throttle.CpuThrottle(
            self, self._cgroups, self._closing)
        try:
            self._starter, self._isolation = sandbox_selection.select_starter(
                self._options, self._directory, self._spec,
                self._interpreters, self._cgroups)
            self._proxy = index_proxy.start_proxy(conf, self._starter)
        except BaseException:
            self._directory.close()
            raise
        self._throttle.start()

    def ensure_pool(self, runtime: base.RuntimeSpec) -> None:
        self._interpreters.bootstrap_command(runtime.image, '')
        with self._changed:
            self._check_open()
            pool = self._pools.get(runtime.id)
            if pool is None or pool.error \
                    or pool.runtime.image != runtime.image:
                pool = self._open_pool(runtime)
            elif not pool.starting:
                pool.runtime = runtime
                return
            has_room = pool.idle or pool.starting
        if not has_room:
            self.on_full()
        with self._changed:
            self._changed.wait_for(
                lambda: pool.idle or pool.error or pool.closed,
                self._options.start_timeout)
            if pool in self._upcoming and pool.idle:
                self._install_pool(pool)
            if pool.idle or pool.closed:
                return
            self._upcoming.discard(pool)
            if self._pools.get(runtime.id) is pool:
                del self._pools[runtime.id]
            shortage = '' if pool.starting else ' ' + pool.explain_shortage(
                self._options.max_workers)
            self._close_pool(pool)
        if pool.error:
            raise exception.PermanentError(
                f'No worker for {runtime.image} starts: {pool.error}')
        raise exception.TemporaryError(
            f'No worker for {runtime.image} became ready in '
            f'{self._options.start_timeout} seconds.{shortage}')

    def delete_pool(self, runtime_id: str) -> None:
        with self._changed:
            self._close_pools(runtime_id)

    def pools(self) -> Mapping[str, base.Capacity]:
        with self._changed:
            busy = collections.Counter(
                worker.runtime_id
                for worker, _process in self._claimed.values())
            return {id: base.Capacity(self._options.pool_size + busy[id],
                                      len(pool.idle))
                    for id, pool in self._pools.items()}

    def claim(self, runtime_id: str | None, function: base.FunctionKey,
              limits: base.Limits, build: str = '') -> base.Worker:
        with self._changed:
            self._check_open()
            pool = (self._installers if limits.installs
                    else self._pools.get(runtime_id or ''))
            if pool is None:
                raise base.NoPool(runtime_id)
            if limits.offline and self._starter.check_offline():
                pool = pool.get_offline_pool()
            process = self._acquire_process(pool)
            worker = base.Worker(process.name, runtime_id or '',
                                 process.address, process.secret, function)
            self._claimed[process.name] = (worker, process)
            process.image = pool.runtime.image
            pool.failures = 0
            self._refill(pool)
        process.memory_size = limits.memory_size
        process.group.set_limits(limits)
        return worker

    def release(self, worker: base.Worker, disconnected: bool = False
                ) -> base.ExitReason | None:
        with self._changed:
            _worker, process = self._claimed.pop(worker.name, (None, None))
        if process is None:
            return None
        reason = worker_end.destroy(process, disconnected)
        with self._changed:
            # The next claim may need the place of the worker.
            self._changed.wait_for(lambda: process not in self._processes,
                                   worker_end.STOP_TIMEOUT_SECONDS)
        return reason

    def claimed(self) -> Sequence[base.Worker]:
        with self._changed:
            return [worker for worker, _process in self._claimed.values()]

    def outdated(self) -> Sequence[base.Worker]:
        with self._changed:
            return [
                worker for worker, process in self._claimed.values()
                if worker.runtime_id in self._pools and process.image
                != self._pools[worker.runtime_id].runtime.image]

    def describe(self) -> Mapping[str, str]:
        users = self._starter.users
        confined = self._starter.backend.confined
        return {
            'isolation': self._isolation,
            **self._starter.confinement.describe(),
            'network': 'of the machine' if not confined
            or self._spec.network else 'none',
            'builds': 'of the machine' if self._proxy is None
            else 'package indexes only',
            'user': 'one for each worker' if users else 'of the service',
            'limits': 'rlimits; ' + self._cgroups.description,
            'interpreter': self._interpreters.python.path,
            'languages': ', '.join(sorted(
                ' '.join(filter(None, names))
                for names in self.languages().values())),
        }

    def languages(self) -> Mapping[str, tuple[str, str | None]]:
        return self._interpreters.describe()

    def close(self) -> None:
        with self._changed:
            if self._closing.is_set():
                return
            self._closing.set()
            self._installers.closed = True
            for pool in [*self._pools.values(), *self._upcoming]:
                self._close_pools(pool.runtime.id)
            self._claimed.clear()
            processes = list(self._processes)
            for process in processes:
                process.stop()
            self._wait_empty()
        for process in processes:
            process.destroy(worker_end.STOP_TIMEOUT_SECONDS)
        with self._changed:
            self._wait_empty()
        if self._proxy is not None:
            self._proxy.close()
        self._directory.close()

    def list_claimed_groups(self) -> list[cgroups.NoGroup]:
        """Return the control groups of the claimed workers."""
        with self._changed:
            return [process.group
                    for _worker, process in self._claimed.values()]

    def _wait_empty(self) -> None:
        """Wait until no process is left; the caller holds the lock."""
        self._changed.wait_for(lambda: not self._total,
                               worker_end.STOP_TIMEOUT_SECONDS)

    def _check_open(self) -> None:
        if self._closing.is_set():
            raise exception.TemporaryError('The orchestrator is closed.')

    def _acquire_process(self, pool: pool_module.Pool) -> workers.Process:
        """Return an idle process of a pool; wait for a process if necessary.

        The caller holds the lock.

        :raises TemporaryError: no process is available.
        """
        deadline = time.monotonic() + self._options.start_timeout
        pool.waiting_claims += 1
        try:
            while True:
                while pool.idle:
                    process = pool.idle.popleft()
                    if process.is_alive():
                        return process
                self._refill(pool)
                if pool.closed or pool.error or not pool.starting:
                    error = (exception.TemporaryError
                             if pool.closed or pool.error
                             else exception.NoRoom)
                    raise error(
                        f'No worker of the runtime {pool.runtime.id} is '
                        'free: ' + pool.explain_shortage(
                            self._options.max_workers))
                if not self._changed.wait(deadline - time.monotonic()):
                    raise exception.TemporaryError(
                        f'No worker of the runtime {pool.runtime.id} became '
                        f'ready in {self._options.start_timeout} seconds.')
        finally:
            pool.waiting_claims -= 1

    def _refill(self, pool: pool_module.Pool) -> None:
        """Start the missing workers of a pool; the caller holds the lock."""
        if pool.closed:
            return
        missing = (pool.size + pool.waiting_claims - len(pool.idle)
                   - pool.starting)
        delay = 0.0
        if pool.failures:
            missing = min(missing, 1 - pool.starting)
            delay = min(MAX_DELAY_SECONDS,
                        MIN_DELAY_SECONDS * 2 ** (pool.failures - 1))
        for _number in range(min(missing,
                                 self._options.max_workers - self._total)):
            pool.starting += 1
            self._total += 1
            threading.Thread(target=self._run_worker, args=(pool, delay),
                             name='worker', daemon=True).start()

    def _run_worker(self, pool: pool_module.Pool, delay: float) -> None:
        """Start a worker and wait for the end; the target of a thread."""
        process, started_at = None, 0.0
        try:
            if delay:
                self._closing.wait(delay)
            process = self._start_process(pool)
            if process is not None:
                started_at = time.monotonic()
                process.wait()
        finally:
            with self._changed:
                self._total -= 1
                self._remove_process(pool, process,
                                     time.monotonic() - started_at)
                # The emptiest pool takes the place.
                for other_pool in sorted(self._pools.values(), key=(
                        lambda pool: len(pool.idle) + pool.starting)):
                    self._refill(other_pool)
                self._changed.notify_all()

    def _start_process(self, pool: pool_module.Pool) -> workers.Process | None:
        """Return a new ready process of the pool, or ``None``."""
        process = error = None
        try:
            with self._starts:
                process = self._launch(pool)
        except (workers.StartFailed, OSError) as e:
            error = str(e)
        except Exception as e:
            LOG.exception('Could not start a worker')
            error = repr(e)
        with self._changed:
            pool.starting -= 1
            if error and not pool.closed:
                LOG.warning('Could not start a worker for %s: %s',
                            pool.runtime.image, error)
                pool.failures += 1
                pool.error = error
            elif process is not None:
                pool.error = None
                pool.idle.append(process)
                if pool.closed:
                    process.stop()
            self._changed.notify_all()
        return process

    def _launch(self, pool: pool_module.Pool) -> workers.Process | None:
        with self._changed:
            if pool.closed:
                return None
        if pool.installs and self._proxy is not None:
            self._proxy.start()
        process = self._starter.launch(pool.runtime.image, pool.installs,
                                       pool.offline)
        with self._changed:
            self._processes.add(process)
            if pool.closed:
                process.stop()
        try:
            process.wait_ready(self._options.start_timeout)
        except BaseException:
            with self._changed:
                self._processes.discard(process)
            raise
        return process

    def _remove_process(self, pool: pool_module.Pool,
                        process: workers.Process | None, age: float) -> None:
        """Unregister an ended process; the caller holds the lock.

        :param age: seconds since the start.
        """
        if process is None:
            return
        self._processes.discard(process)
        if process in pool.idle and not pool.closed:
            pool.idle.remove(process)
            pool.failures = 1 if age > STABLE_SECONDS else pool.failures + 1
            LOG.warning('Replacing a dead idle worker for %s: %s',
                        pool.runtime.image, process.stderr_tail)

    def _open_pool(self, runtime: base.RuntimeSpec) -> pool_module.Pool:
        """Return a new pool with starting workers; the caller holds the lock.

        A pool with another image serves until the new pool is ready, unless
        both have no room together.
        """
        pool = pool_module.Pool(runtime, self._options.pool_size)
        self._upcoming.add(pool)
        self._refill(pool)
        old = self._pools.get(runtime.id)
        if old is None or old.error or not pool.starting:
            self._install_pool(pool)
            self._refill(pool)
        return pool

    def _install_pool(self, pool: pool_module.Pool) -> None:
        """Replace the pool of a runtime; the caller holds the lock."""
        self._upcoming.discard(pool)
        self._close_pools(pool.runtime.id)
        self._pools[pool.runtime.id] = pool

    def _close_pools(self, runtime_id: str) -> None:
        """Close all pools of a runtime; the caller holds the lock."""
        closing = {pool for pool in self._upcoming
                   if pool.runtime.id == runtime_id}
        self._upcoming -= closing
        if runtime_id in self._pools:
            closing.add(self._pools.pop(runtime_id))
        for pool in closing:
            self._close_pool(pool)

    def _close_pool(self, pool: pool_module.Pool) -> None:
        """Stop the idle workers of a pool; the caller holds the lock."""
        pool.close()
        self._changed.notify_all()
