# SPDX-License-Identifier: Apache-2.0
"""Claiming workers, loading code into them, and giving them up."""

import contextlib
import dataclasses
import hashlib

from oslo_log import log

from qinling.engine.run import invoker
from qinling import exception
from qinling.orchestrators import base
from qinling.telemetry import metrics

LOG = log.getLogger(__name__)

#: Workers that are tried before an execution waits.
TRIES = 3


class Workers:
    """The workers of one engine's orchestrator.

    :param calls: an :class:`.invoker.Invoker`.
    :param code: a :class:`qinling.core.services.Code`.
    :param tokens: a :class:`.tokens.Tokens`.
    :param builds: a :class:`.builds.Builds`.
    """

    def __init__(self, conf, orchestrator, calls, code, tokens, builds):
        self._conf = conf
        self._orchestrator = orchestrator
        self._invoker = calls
        self._code = code
        self._tokens = tokens
        self._builds = builds

    @metrics.cold_starts.time()
    @metrics.cold_start_failures.count_exceptions()
    def start(self, target):
        """A claimed worker that has loaded the target's code.

        :raises TemporaryError: there is none at this moment.
        :raises PermanentError: there will never be one.
        """
        installed = self._builds.ready(target)
        for _ in range(TRIES):
            worker, loaded = self._next(target)
            try:
                if not loaded:
                    self._load(worker, target, installed)
                return worker
            except invoker.NotSent as e:
                # It died while it was idle, and nobody had noticed yet.
                LOG.info('Worker %s is gone: %s', worker.name, e)
                self.release(worker)
            except BaseException:
                self.release(worker)
                raise
        raise exception.TemporaryError(
            f'{TRIES} workers, one after the other, could not be reached.')

    def _next(self, target):
        """A claimed worker, and whether it has loaded the code already."""
        while True:
            worker = self._claim(target)
            state = self._state(worker) if worker.used else 'idle'
            if state in ('idle', 'loaded'):
                return worker, state == 'loaded'
            self.release(worker)

    def _claim(self, target):
        build = hashlib.sha256(
            repr((target.slot, target.build)).encode()).hexdigest()[:40]
        worker = self._orchestrator.claim(
            target.runtime_id, f'{target.function_id}/{target.version}',
            base.Limits(target.cpu, target.memory_size,
                        self._conf.engine.function_concurrency), build)
        # Not before: an upgrade leads versions elsewhere, and then changes
        # what workers are made of.
        runtime_id = self._builds.runtime(target)
        if runtime_id == target.runtime_id:
            return worker
        self.release(worker)
        try:
            return self._claim(
                dataclasses.replace(target, runtime_id=runtime_id))
        except exception.PermanentError as e:
            raise exception.TemporaryError(
                f'what versions run on is being made: {e}')

    def _state(self, worker):
        """What a worker of an engine that is gone says of itself; ``None``
        if it cannot go on here, for instance because it still runs something
        whose result nobody waits for."""
        try:
            status, answer = self._invoker.status(worker)
        except (invoker.NotSent, invoker.Lost):
            return None
        if status != 200 or answer['busy']:
            return None
        return answer['state']

    def _load(self, worker, target, installed):
        source = self._code.sources[target.code['source']]
        try:
            with contextlib.ExitStack() as opened:
                packages = [opened.enter_context(each) for each in (
                    source.open(target.code, target.package,
                                self._tokens.auth(target)),
                    *map(self._code.packages.open, installed))]
                status, answer = self._invoker.load(
                    worker, self._settings(target), *packages)
        except FileNotFoundError:
            self._builds.check(installed)
            raise exception.PermanentError('its package is gone')
        except invoker.Lost as e:
            raise exception.TemporaryError(f'worker {worker.name}: {e}')
        if status != 200:
            raise exception.PermanentError(answer.get('error', status))

    def _settings(self, target):
        conf = self._conf
        return {
            'function_id': target.function_id,
            'function_version': target.version, 'entry': target.entry,
            'memory_size': target.memory_size,
            'slots': conf.engine.function_concurrency,
            'max_log_size': conf.engine.max_log_size,
            'max_result_size': conf.engine.max_result_size,
            'max_unpacked_size': conf.resource_limits.max_unpacked_size,
            'environment': self._code.settings.opened(target.settings_id)}

    def release(self, worker, lost=False):
        """Destroy a worker; see :meth:`..base.Orchestrator.release`."""
        self._invoker.forget(worker)
        return self._orchestrator.release(worker, lost)
