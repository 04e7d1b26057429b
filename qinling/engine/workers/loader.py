# SPDX-License-Identifier: Apache-2.0
"""Claiming of workers, and loading of code into workers."""

import contextlib
import dataclasses
import hashlib
import typing

from oslo_config import cfg
from oslo_log import log

from qinling.core import services
from qinling.core import targets
from qinling.engine.workers import builds as builds_module
from qinling.engine.workers import invoker as invoker_module
from qinling.engine.workers import tokens as tokens_module
from qinling import exception
from qinling.orchestrators import base
from qinling.telemetry import metrics

LOG = log.getLogger(__name__)

#: Workers to try before an execution waits.
MAX_TRIES = 3
#: Hexadecimal digits of a fingerprint, which has to fit into a label.
FINGERPRINT_LENGTH = 40


class Loader:
    """Source of loaded workers of one engine."""

    def __init__(self, conf: cfg.ConfigOpts,
                 orchestrator: base.Orchestrator,
                 invoker: invoker_module.Invoker,
                 backends: services.Backends,
                 tokens: tokens_module.Tokens,
                 builds: builds_module.Builds) -> None:
        self._conf = conf
        self._orchestrator = orchestrator
        self._invoker = invoker
        self._backends = backends
        self._tokens = tokens
        self._builds = builds

    @metrics.cold_starts.time()
    @metrics.cold_start_failures.count_exceptions()
    def start(self, target: targets.Target) -> base.Worker:
        """Return a worker that has loaded the code of the target.

        :raises TemporaryError: no worker is free at the moment.
        :raises TargetReplaced: code or settings were replaced meanwhile.
        :raises PermanentError: the target can have no worker.
        """
        dependencies = self._builds.wait_for(target)
        # Before the claim: a replaced target must not cost a worker.
        settings = self._settings(target)
        with contextlib.ExitStack() as stack:
            packages = self._open(stack, target, dependencies)
            for _ in range(MAX_TRIES):
                worker, is_loaded = self._claim_usable(target)
                try:
                    if not is_loaded:
                        self._load(worker, settings, packages)
                    return worker
                except invoker_module.NotSent as e:
                    # An idle worker died unnoticed.
                    LOG.info('Replacing worker %s: %s', worker.name, e)
                    self.release(worker)
                except BaseException:
                    self.release(worker)
                    raise
        raise exception.TemporaryError(
            f'{MAX_TRIES} workers, one after the other, could not be '
            'reached.')

    def _open(self, stack: contextlib.ExitStack, target: targets.Target,
              dependencies: list[str]) -> list[typing.BinaryIO]:
        """Return the open packages of a target.

        :raises TargetReplaced: the package is gone.
        """
        source = self._backends.sources[target.code['source']]
        try:
            return [stack.enter_context(package) for package in (
                source.open(target.code, target.package,
                            self._tokens.auth(target)),
                *map(self._backends.packages.open, dependencies))]
        except FileNotFoundError:
            if self._builds.forget_missing(dependencies):
                raise exception.TemporaryError('its dependencies are gone')
            raise exception.TargetReplaced('its package is gone')

    def _claim_usable(self, target: targets.Target
                      ) -> tuple[base.Worker, bool]:
        """Return a claimed worker and whether its code is loaded."""
        while True:
            worker = self._claim(target)
            state = self._state(worker) if worker.used else 'idle'
            if state in ('idle', 'loaded'):
                return worker, state == 'loaded'
            self.release(worker)

    def limits_of(self, target: targets.Target) -> base.Limits:
        """Return the limits of the workers of a target."""
        return base.Limits(target.cpu, target.memory_size,
                           self._conf.engine.function_concurrency,
                           offline=target.offline)

    def _claim(self, target: targets.Target) -> base.Worker:
        digest = hashlib.sha256(repr(
            (target.function_key, target.fingerprint)).encode()).hexdigest()
        worker = self._orchestrator.claim(
            target.runtime_id,
            base.FunctionKey(target.function_id, target.version),
            self.limits_of(target),
            digest[:FINGERPRINT_LENGTH])
        # After the claim: an upgrade first moves the versions to another
        # runtime, then replaces the workers.
        runtime_id = self._builds.current_runtime_id(target)
        if runtime_id == target.runtime_id:
            return worker
        self.release(worker)
        try:
            return self._claim(
                dataclasses.replace(target, runtime_id=runtime_id))
        except exception.PermanentError as e:
            raise exception.TemporaryError(
                f'the runtime of the published versions is not ready: {e}')

    def _state(self, worker: base.Worker) -> str | None:
        """Return the state of a worker of a dead engine.

        :returns: ``None`` for an unusable worker, for instance during an
            execution.
        """
        try:
            status, answer = self._invoker.status(worker)
        except (invoker_module.NotSent, invoker_module.Lost):
            return None
        if status != 200 or answer['busy']:
            return None
        return str(answer['state'])

    def _load(self, worker: base.Worker, settings: dict[str, typing.Any],
              packages: list[typing.BinaryIO]) -> None:
        try:
            status, answer = self._invoker.load(worker, settings, *packages)
        except invoker_module.Lost as e:
            raise exception.TemporaryError(
                f'worker {worker.name} did not load the package: {e}')
        if status == 503:
            raise invoker_module.NotSent(answer.get('error', status))
        if status != 200:
            raise exception.PermanentError(answer.get('error', status))

    def _settings(self, target: targets.Target) -> dict[str, typing.Any]:
        conf = self._conf
        return {
            'function_id': target.function_id,
            'function_version': target.version, 'entry': target.entry,
            'memory_size': target.memory_size, 'cpu': target.cpu,
            'slots': conf.engine.function_concurrency,
            'import_timeout': conf.engine.import_timeout,
            'max_log_size': conf.engine.max_log_size,
            'max_result_size': conf.engine.max_result_size,
            'max_unpacked_size': conf.resource_limits.max_unpacked_size,
            'environment': self._backends.environments.decrypt(
                target.settings_id)}

    def release(self, worker: base.Worker, disconnected: bool = False
                ) -> base.ExitReason | None:
        """Destroy a worker.

        :param disconnected: find out why the worker died.
        """
        self._invoker.forget(worker)
        return self._orchestrator.release(worker, disconnected)
