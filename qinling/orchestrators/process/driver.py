# SPDX-License-Identifier: Apache-2.0
"""Pools of workers on this machine, and who has claimed which."""

import collections
import fcntl
import logging
import os
import shutil
import sys
import threading
import time

from qinling import exception
from qinling.orchestrators import base
from qinling.orchestrators.process import cgroups
from qinling.orchestrators.process import governor
from qinling.orchestrators.process import languages
from qinling.orchestrators.process import plan as plans
from qinling.orchestrators.process import starters
from qinling.orchestrators.process import worker

LOG = logging.getLogger(__name__)

PATIENCE = 3.0       # seconds that the end of a worker may take
STABLE = 5.0         # seconds after which an idle worker's start was good
FIRST_PAUSE = 0.25   # seconds before another start after a failed one
LONGEST_PAUSE = 30.0


class Pool:
    """The supply of one runtime; guarded by the driver's lock."""

    def __init__(self, spec, size, network=False):
        self.spec = spec
        self.size = size     # idle workers that are kept
        self.network = network
        self.idle = collections.deque()
        self.starting = 0
        self.waiting = 0     # claims
        self.failures = 0    # in a row
        self.complaint = None  # of the last start, if it failed
        self.closed = False


class Driver(base.Orchestrator):
    """Workers as child processes.

    Each worker has a thread of its own, which starts it, waits for its end
    and cleans up; so the pools refill without polling.

    :param conf: a ``ConfigOpts`` with the group ``process``.
    :param directory: path of a private directory of this driver.
    :raises PermanentError: the isolation that was asked for is not to be
        had, or another process uses the directory.
    """

    def __init__(self, conf, directory):
        self._options = conf.process
        self._changed = threading.Condition()
        self._starts = threading.BoundedSemaphore(os.cpu_count() or 1)
        self._closing = threading.Event()
        self._pools = {}
        self._installers = Pool(base.RuntimeSpec(
            'dependencies', languages.INSTALLER), 0, network=True)
        self._claimed = {}     # name -> (Worker, Process)
        self._processes = set()
        self._total = 0        # processes, and those about to be started
        self._interpreter = plans.find_interpreter(
            self._options.python or sys._base_executable)
        self._nodejs = plans.find_nodejs(self._options.nodejs)
        self._programs = languages.Programs(
            self._interpreter.path, self._nodejs and self._nodejs.path)
        self._plan = plans.make(
            conf, [each for each in (self._interpreter, self._nodejs) if each])
        self._cgroups = cgroups.find(self._options, self._plan)
        self._directory = open_directory(directory)
        self._governor = governor.Governor(self._claimed_groups,
                                           self._closing)
        try:
            self._starter, self._isolation = starters.choose(
                self._options, self._directory, self._plan, self._programs,
                self._cgroups)
        except BaseException:
            self._directory.close()
            raise
        self._governor.start()

    # The contract

    def ensure_pool(self, runtime):
        languages.bootstrap(runtime.image, self._programs, '')
        with self._changed:
            self._check_open()
            pool = self._pools.get(runtime.id)
            if pool is None or pool.complaint \
                    or pool.spec.image != runtime.image:
                self._drop(runtime.id)
                pool = self._pools[runtime.id] = Pool(
                    runtime, self._options.pool_size)
            elif not pool.starting:
                pool.spec = runtime
                return
            self._fill(pool)
            self._changed.wait_for(
                lambda: pool.idle or pool.complaint or pool.closed,
                self._options.start_timeout)
            if pool.idle or pool.closed:
                return
            if self._pools.get(runtime.id) is pool:
                self._drop(runtime.id)
        if pool.complaint:
            raise exception.PermanentError(
                f'No worker for {runtime.image} starts: {pool.complaint}')
        raise exception.TemporaryError(
            f'No worker for {runtime.image} became ready in '
            f'{self._options.start_timeout} seconds.')

    def delete_pool(self, runtime_id):
        with self._changed:
            self._drop(runtime_id)

    def pools(self):
        with self._changed:
            busy = collections.Counter(
                each.runtime_id for each, _process in self._claimed.values())
            return {id: base.Capacity(self._options.pool_size + busy[id],
                                      len(pool.idle))
                    for id, pool in self._pools.items()}

    def claim(self, runtime_id, function, limits, build=''):
        with self._changed:
            self._check_open()
            pool = (self._installers if limits.installs
                    else self._pools.get(runtime_id))
            if pool is None:
                raise base.NoPool(runtime_id)
            process = self._take(pool)
            claimed = base.Worker(process.name, runtime_id, process.address,
                                  process.secret, function)
            self._claimed[process.name] = (claimed, process)
            pool.failures = 0
            self._fill(pool)
        process.group.limit(limits)
        return claimed

    def release(self, worker, lost=False):
        with self._changed:
            _worker, process = self._claimed.pop(worker.name, (None, None))
        if process is None:
            return
        process.group.let_others_first(False)  # it takes time to end
        process.destroy(PATIENCE)
        with self._changed:
            # Its place is free then, for who claims another one at once.
            self._changed.wait_for(lambda: process not in self._processes,
                                   PATIENCE)

    def claimed(self):
        with self._changed:
            return [each for each, _process in self._claimed.values()]

    def describe(self):
        users = self._starter.users
        confined = self._starter.launcher.confined
        return {
            'isolation': self._isolation,
            **self._starter.confinement.report(),
            'network': 'of the machine' if not confined
            or self._plan.network else 'none',
            'user': 'one for each worker' if users else 'of the service',
            'limits': 'rlimits; ' + self._cgroups.description,
            'interpreter': self._interpreter.path,
            'languages': ', '.join(
                ' '.join(filter(None, each))
                for each in sorted(self.languages().values())),
        }

    def languages(self):
        found = {'python3': ('python', self._interpreter.version),
                 'command': ('command', None)}
        if self._nodejs:
            found['nodejs'] = ('nodejs', self._nodejs.version)
        return found

    def close(self):
        with self._changed:
            if self._closing.is_set():
                return
            self._closing.set()
            self._installers.closed = True
            for runtime_id in list(self._pools):
                self._drop(runtime_id)
            self._claimed.clear()
            processes = list(self._processes)
            for process in processes:
                process.end()
            self._changed.wait_for(lambda: not self._total, PATIENCE)
        for process in processes:
            process.destroy(PATIENCE)
        with self._changed:
            self._changed.wait_for(lambda: not self._total, PATIENCE)
        self._directory.close()

    # How it is done

    def _claimed_groups(self):
        with self._changed:
            return [process.group
                    for _worker, process in self._claimed.values()]

    def _check_open(self):
        if self._closing.is_set():
            raise exception.TemporaryError('The orchestrator is closed.')

    def _take(self, pool):
        """An idle process of a pool, waited for if there is none now."""
        deadline = time.monotonic() + self._options.start_timeout
        pool.waiting += 1
        try:
            while True:
                while pool.idle:
                    process = pool.idle.popleft()
                    if process.alive():
                        return process
                self._fill(pool)
                if pool.closed or pool.complaint or not pool.starting:
                    raise exception.TemporaryError(
                        f'No worker of the runtime {pool.spec.id} is free: '
                        + self._why_none(pool))
                if not self._changed.wait(deadline - time.monotonic()):
                    raise exception.TemporaryError(
                        f'No worker of the runtime {pool.spec.id} became '
                        f'ready in {self._options.start_timeout} seconds.')
        finally:
            pool.waiting -= 1

    def _why_none(self, pool):
        if pool.closed:
            return 'Its pool was deleted.'
        if pool.complaint:
            return f'None starts: {pool.complaint}'
        return (f'There are {self._options.max_workers} workers on this '
                'machine already.')

    def _fill(self, pool):
        """Start what a pool lacks; the lock is held."""
        if pool.closed:
            return
        missing = (pool.size + pool.waiting - len(pool.idle)
                   - pool.starting)
        if pool.failures:
            missing = min(missing, 1 - pool.starting)
        pause = 0
        if pool.failures:
            pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (pool.failures - 1))
        for _each in range(min(missing,
                               self._options.max_workers - self._total)):
            pool.starting += 1
            self._total += 1
            threading.Thread(target=self._keep, args=(pool, pause),
                             name='worker', daemon=True).start()

    def _keep(self, pool, pause):
        """A worker from its start to its end: what its thread does."""
        process, started = None, 0
        try:
            if pause:
                self._closing.wait(pause)
            process = self._start(pool)
            if process is not None:
                started = time.monotonic()
                process.wait()
        finally:
            with self._changed:
                self._total -= 1
                self._gone(pool, process, time.monotonic() - started)
                for each in self._pools.values():
                    self._fill(each)
                self._changed.notify_all()

    def _start(self, pool):
        """A ready process in the pool, or ``None``."""
        process = complaint = None
        try:
            with self._starts:
                process = self._launch(pool)
        except (worker.StartFailed, OSError) as error:
            complaint = str(error)
        except Exception as error:
            LOG.exception('Starting a worker failed')
            complaint = repr(error)
        with self._changed:
            pool.starting -= 1
            if complaint and not pool.closed:
                LOG.warning('A worker for %s did not start: %s',
                            pool.spec.image, complaint)
                pool.failures += 1
                pool.complaint = complaint
            elif process is not None:
                pool.complaint = None
                pool.idle.append(process)
                if pool.closed:
                    process.end()
            self._changed.notify_all()
        return process

    def _launch(self, pool):
        with self._changed:
            if pool.closed:
                return None
        process = self._starter.launch(pool.spec.image, pool.network)
        with self._changed:
            self._processes.add(process)
            if pool.closed:
                process.end()
        try:
            process.await_ready(self._options.start_timeout)
        except BaseException:
            with self._changed:
                self._processes.discard(process)
            raise
        return process

    def _gone(self, pool, process, age):
        """An ended process leaves the books; the lock is held."""
        self._processes.discard(process)
        if process in pool.idle and not pool.closed:
            pool.idle.remove(process)
            pool.failures = 1 if age > STABLE else pool.failures + 1
            LOG.warning('An idle worker for %s died. %s',
                        pool.spec.image, process.last_words)

    def _drop(self, runtime_id):
        """Close a pool and end its idle workers; the lock is held."""
        pool = self._pools.pop(runtime_id, None)
        if pool is not None:
            pool.closed = True
            for process in pool.idle:
                process.end()
            self._changed.notify_all()


def open_directory(path):
    """The :class:`.worker.Directory` at ``path``, ours alone and empty."""
    os.makedirs(path, 0o700, exist_ok=True)
    os.chmod(path, 0o700)
    directory = worker.Directory(path)
    try:
        fcntl.flock(directory.number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        directory.close()
        raise exception.PermanentError(
            f'Another process uses the directory {path}.') from None
    for entry in os.scandir(path):
        # What a service that was killed has left.
        if entry.name.endswith('.sock'):
            os.unlink(entry.path)
        elif entry.name.endswith('.worker'):
            shutil.rmtree(entry.path)
    return directory
