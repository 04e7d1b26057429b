# SPDX-License-Identifier: Apache-2.0
"""Dependency builds of one engine, on workers of their own."""

from collections.abc import Callable
from concurrent import futures
import contextlib
import functools
import io
import threading
import time
import typing

from oslo_config import cfg
from oslo_log import log
import tenacity

from qinling.core.function import builds as build_rows
from qinling.core import services
from qinling.core import targets
from qinling.db import session
from qinling.engine.workers import installer as installer_module
from qinling.engine.workers import invoker as invoker_module
from qinling.engine.workers import package_installer
from qinling import exception
from qinling.orchestrators import base
from qinling.states import BuildStatus

LOG = log.getLogger(__name__)

#: Seconds between two polls for the build of another engine.
POLL_SECONDS = 0.5
#: Longest pause between two tries to get a worker.
MAX_PAUSE_SECONDS = 30


class NotInstalled(exception.PermanentError):
    """The dependencies of a function are not installed."""


class Builds:
    """Installs dependencies for one engine.

    :param owner: name of the engine.
    """

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database,
                 orchestrator: base.Orchestrator,
                 invoker: invoker_module.Invoker,
                 backends: services.Backends, owner: str) -> None:
        self._conf = conf
        self._db = db
        self._orchestrator = orchestrator
        self._installer = installer_module.Installer(
            conf, orchestrator, invoker, backends)
        self._backends = backends
        self._owner = owner
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._running: dict[str, futures.Future[None]] = {}
        #: Ids of builds that asynchronous executions no longer wait for.
        self._settled: set[str] = set()
        self._threads = futures.ThreadPoolExecutor(
            conf.build.max_concurrent, 'build')

    def use_evictor(self, evictor: installer_module.Evictor) -> None:
        """Make room for builds by the eviction of idle workers."""
        self._installer.evictor = evictor

    def start(self, alone: bool) -> None:
        """Release the builds of dead engines.

        :param alone: no other engine uses the database.
        """
        if alone:
            build_rows.release(self._db)

    def stop(self) -> None:
        """Leave the unfinished builds to other engines."""
        self._stopping.set()
        self._threads.shutdown(wait=False, cancel_futures=True)
        build_rows.release(self._db, self._owner)

    def purge(self) -> None:
        """Delete builds that no function has used for long."""
        build_rows.purge(self._db, self._backends.packages,
                         self._conf.build.keep)

    def current_runtime_id(self, target: targets.Target) -> str | None:
        """Return the runtime of a target at this moment."""
        if not target.version:
            return target.runtime_id
        return self._db.read(lambda tx: targets.current_runtime_id(
            tx, target))

    def install(self, target: targets.Target) -> None:
        """Install the dependencies of a target, also after a failure.

        Return immediately.
        """
        id = self._id(target)
        build_rows.forget(self._db, id, BuildStatus.FAILED)
        self._submit(id, target)

    def wait_for(self, target: targets.Target) -> list[str]:
        """Wait for the dependencies of a target.

        :returns: storage keys of ZIP archives: one or none.
        :raises TargetReplaced: the package is gone.
        :raises NotInstalled: the installation failed, or takes too long.
        """
        if not target.code.get('dependencies'):
            return []
        id = self._id(target)
        row = self._wait_until_ended(id, target,
                                     self._conf.engine.queue_timeout)
        if row is None:
            raise _not_installed(target, 'are not installed yet')
        if row.status == BuildStatus.FAILED:
            raise _not_installed(target, 'could not be installed')
        build_rows.touch(self._db, row)
        return [row.package]

    def settle(self, target: targets.Target,
               is_abandoned: Callable[[], bool]) -> None:
        """Wait for the dependencies of an asynchronous execution.

        The wait lasts as long as an installation may take, since no client
        waits.

        :param is_abandoned: returns whether to stop waiting.
        """
        if not target.code.get('dependencies'):
            return
        id = self._id(target)
        if id in self._settled:
            return
        # The attempt that follows asks for the latest code.
        with contextlib.suppress(exception.TargetReplaced):
            self._wait_until_ended(
                id, target, self._lease_seconds(), is_abandoned)
            if not is_abandoned():
                self._settled.add(id)

    def forget_missing(self, keys: list[str]) -> bool:
        """Forget builds whose package is missing from the storage.

        :param keys: result of :meth:`wait_for`.
        :returns: whether any was missing.
        """
        is_missing = False
        for key in keys:
            try:
                self._backends.packages.open(key).close()
            except FileNotFoundError:
                LOG.error('Could not find the package %s of a build.', key)
                build_rows.forget_package(self._db, key)
                is_missing = True
        return is_missing

    def _wait_until_ended(self, id: str, target: targets.Target,
                          seconds: float,
                          is_abandoned: Callable[[], bool] | None = None
                          ) -> typing.Any:
        """Return the row of an ended build.

        :returns: ``None`` after ``seconds``, or when the caller abandons.
        :raises TargetReplaced: the package is gone, so nothing installs it.
        """
        deadline = time.monotonic() + seconds
        while is_abandoned is None or not is_abandoned():
            row = build_rows.find(self._db, id)
            if row is not None and row.status != BuildStatus.BUILDING:
                return row
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                break
            if is_abandoned is not None:
                remaining = min(remaining, POLL_SECONDS)
            self._wait(id, target, row, remaining)
        return None

    def _wait(self, id: str, target: targets.Target, row: typing.Any,
              seconds: float) -> None:
        with self._lock:
            running = self._running.get(id)
        if running is None and row is None:
            running = self._submit(id, target)
        if running is not None:
            with contextlib.suppress(futures.TimeoutError):
                running.result(seconds)
        else:
            time.sleep(min(POLL_SECONDS, seconds))

    def _submit(self, id: str, target: targets.Target
                ) -> 'futures.Future[None]':
        with self._lock:
            if id not in self._running:
                self._running[id] = self._threads.submit(
                    self._build, id, target)
            return self._running[id]

    def _id(self, target: targets.Target) -> str:
        return package_installer.fingerprint(
            self._conf.build, self._orchestrator.describe(),
            target.code['dependencies'])

    def _build(self, id: str, target: targets.Target) -> None:
        try:
            if not build_rows.claim(
                    self._db, id, target.code['dependencies'], self._owner,
                    self._lease_seconds()):
                return
            LOG.info('Starting build %s.', id)
            self._run(id, target)
        except exception.Unavailable as e:
            LOG.warning('Could not write build %s; another engine takes over '
                        'after its lease: %s', id, e)
        finally:
            with self._lock:
                self._running.pop(id, None)

    def _run(self, id: str, target: targets.Target) -> None:
        """Run a build and write its end."""
        try:
            package, text = self._install(id, target)
        except package_installer.Failed as e:
            self._write_failure(id, str(e), e.log)
        except exception.TargetReplaced:
            build_rows.forget(self._db, id, BuildStatus.BUILDING)
            raise
        except exception.PermanentError as e:
            self._write_failure(id, f'No worker can install it: {e}.', '')
        except exception.TemporaryError as e:
            # The next execution that needs the build tries again.
            LOG.warning('Could not run build %s: %s', id, e)
            build_rows.forget(self._db, id, BuildStatus.BUILDING)
        except exception.Unavailable:
            raise
        except Exception:
            LOG.exception('Could not run build %s.', id)
            self._write_failure(id, exception.INTERNAL_FAULT, '')
        else:
            self._write_success(id, package, text)

    def _install(self, id: str, target: targets.Target
                 ) -> tuple[bytes, str]:
        """Install with retries while no worker is free.

        :raises TemporaryError: no worker was free in time.
        """
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type((
                exception.TemporaryError, invoker_module.Lost,
                invoker_module.NotSent)),
            wait=tenacity.wait_exponential(max=MAX_PAUSE_SECONDS),
            stop=tenacity.stop_after_delay(self._conf.build.timeout)
            | tenacity.stop_when_event_set(self._stopping),
            sleep=tenacity.sleep_using_event(self._stopping),
            before_sleep=functools.partial(self._record_wait, id),
            retry_error_callback=_raise_temporary_error)(
                self._installer.run, id, target)

    def _record_wait(self, id: str, state: tenacity.RetryCallState) -> None:
        """Show users why a build waits, and extend the lease."""
        error = state.outcome and state.outcome.exception()
        LOG.info('Build %s waits for a worker: %s', id, error)
        build_rows.extend(
            self._db, id, self._owner, self._lease_seconds(),
            f'Waiting for a worker: {error}')

    def _lease_seconds(self) -> float:
        return float(self._conf.build.timeout
                     + package_installer.MARGIN_SECONDS)

    def _write_failure(self, id: str, sentence: str, text: str) -> None:
        LOG.warning('Build %s failed: %s', id, sentence)
        build_rows.end(self._db, id, self._owner, BuildStatus.FAILED,
                       status_reason=sentence, log=text)

    def _write_success(self, id: str, package: bytes, text: str) -> None:
        stored = self._backends.packages.put(io.BytesIO(package))
        with self._backends.packages.dropped_on_error(stored.key):
            if not build_rows.end(
                    self._db, id, self._owner, BuildStatus.READY,
                    package=stored.key, size=stored.size, log=text):
                self._backends.packages.drop(stored.key)


def _raise_temporary_error(state: tenacity.RetryCallState
                           ) -> typing.NoReturn:
    error = state.outcome.exception() if state.outcome else None
    raise exception.TemporaryError(str(error)) from error


def _not_installed(target: targets.Target, state: str) -> NotInstalled:
    path = f'/v1/functions/{target.function_id}'
    if target.version:
        path += f'/versions/{target.version}'
    return NotInstalled(
        f'its dependencies {state}; GET {path}/build says more')
