#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

"""Claiming workers, loading code into them, and giving them up."""

import hashlib

from qinling.engine import invoker
from qinling import exception
from qinling.orchestrators import base


class Workers:
    """The workers of one engine's orchestrator.

    :param calls: an :class:`.invoker.Invoker`.
    :param code: a :class:`qinling.core.services.Code`.
    :param tokens: a :class:`.tokens.Tokens`.
    """

    def __init__(self, conf, orchestrator, calls, code, tokens):
        self._conf = conf
        self._orchestrator = orchestrator
        self._invoker = calls
        self._code = code
        self._tokens = tokens

    def start(self, target):
        """A claimed worker that has loaded the target's code.

        :raises TemporaryError: there is none at this moment.
        :raises PermanentError: there will never be one.
        """
        conf = self._conf
        worker = self._claim(target)
        while worker.used:
            state = self._state(worker)
            if state == 'loaded':
                return worker
            if state == 'idle':
                break
            self.release(worker)
            worker = self._claim(target)
        settings = {
            'function_id': target.function_id,
            'function_version': target.version, 'entry': target.entry,
            'memory_size': target.memory_size,
            'slots': conf.engine.function_concurrency,
            'max_log_size': conf.engine.max_log_size,
            'max_result_size': conf.engine.max_result_size,
            'max_unpacked_size': conf.resource_limits.max_unpacked_size,
            'environment': {}}
        try:
            self._load(worker, settings, target)
        except BaseException:
            self.release(worker)
            raise
        return worker

    def _claim(self, target):
        build = hashlib.sha256(
            repr((target.slot, target.build)).encode()).hexdigest()[:40]
        return self._orchestrator.claim(
            target.runtime_id, f'{target.function_id}/{target.version}',
            base.Limits(target.cpu, target.memory_size,
                        self._conf.engine.function_concurrency), build)

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

    def _load(self, worker, settings, target):
        source = self._code.sources[target.code['source']]
        try:
            with source.open(target.code, target.package,
                             self._tokens.auth(target)) as package:
                status, answer = self._invoker.load(
                    worker, settings, package)
        except FileNotFoundError:
            raise exception.PermanentError('its package is gone')
        except (invoker.NotSent, invoker.Lost) as e:
            raise exception.TemporaryError(f'worker {worker.name}: {e}')
        if status != 200:
            raise exception.PermanentError(answer.get('error', status))

    def release(self, worker, lost=False):
        """Destroy a worker; see :meth:`..base.Orchestrator.release`."""
        self._invoker.forget(worker)
        return self._orchestrator.release(worker, lost)
