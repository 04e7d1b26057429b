# SPDX-License-Identifier: Apache-2.0
"""Installation of dependencies on a worker of its own."""

import base64
from collections.abc import Mapping
import functools
import hashlib
import io
import pathlib
import platform
import re
import typing
import uuid
import zipfile

from oslo_config import cfg

from qinling.core import services
from qinling.core import targets
from qinling.engine.workers import invoker as invoker_module
from qinling import exception
from qinling.orchestrators import base
from qinling import runtimes
from qinling.sources import dependencies

#: Seconds that a worker has beyond the timeout of the installation.
MARGIN_SECONDS = 60
#: Thousandths of a core for an installation.
CPU_MILLICORES = 1000
#: Bytes of the unpacked installer.
MAX_INSTALLER_BYTES = 1 << 20
#: Bytes of an answer for a byte of the log, which JSON may escape.
LOG_FACTOR = 6
#: Characters of the reason that pip or npm gives.
MAX_ERROR_LENGTH = 500
#: Base64 makes the result a third longer, beside a short envelope.
ENVELOPE_BYTES = 1024
CREDENTIALS = re.compile('//[^/@]*@')


class Failed(Exception):
    """Dependencies that cannot be installed, with a sentence and a log."""

    def __init__(self, sentence: str, log: str = '') -> None:
        super().__init__(sentence)
        self.log = log


def find_error(log: str) -> str:
    """Return the line of a log in which pip or npm says what failed."""
    lines = log.splitlines()
    pip = [line for line in lines if line.startswith('ERROR: ')]
    npm = [line for line in lines if line.startswith('npm error ')
           and not line.startswith('npm error code ')]
    return (pip[-1:] or npm[:1] or [''])[0][:MAX_ERROR_LENGTH]


class Evictor(typing.Protocol):
    """Owner of the idle workers of functions."""

    def evict(self) -> bool:
        """Destroy the worker that was idle longest.

        :returns: whether any worker was idle.
        """


class Installer:
    """Installs the dependencies of targets."""

    def __init__(self, conf: cfg.ConfigOpts,
                 orchestrator: base.Orchestrator,
                 invoker: invoker_module.Invoker,
                 backends: services.Backends) -> None:
        self._conf = conf
        self._orchestrator = orchestrator
        self._invoker = invoker
        self._backends = backends
        self.evictor: Evictor | None = None

    def run(self, id: str, target: targets.Target) -> tuple[bytes, str]:
        """Return a ZIP archive with the dependencies, and the log.

        :raises Failed: the installation failed or exceeded a limit.
        """
        files = self._read_files(target)
        worker = self._claim(id, target)
        try:
            self._load(worker)
            status, answer = self._invoker.execute(
                worker, self._request(target, files),
                self._conf.build.timeout + MARGIN_SECONDS,
                self._max_result_bytes() + LOG_FACTOR
                * self._conf.engine.max_log_size)
        except invoker_module.Lost:
            exit_reason = self._orchestrator.release(worker, disconnected=True)
            if exit_reason and exit_reason.own_fault:
                raise Failed(exit_reason.sentence)
            raise
        finally:
            self._invoker.forget(worker)
            self._orchestrator.release(worker)
        if status != 200:
            raise exception.TemporaryError(str(answer))
        return self._result(answer)

    def _max_result_bytes(self) -> int:
        return int(self._conf.build.max_size * 4 // 3 + ENVELOPE_BYTES)

    def _claim(self, id: str, target: targets.Target) -> base.Worker:
        """Claim a worker; idle workers of functions make room.

        :raises TemporaryError: no worker is free at the moment.
        """
        while True:
            try:
                return self._orchestrator.claim(
                    target.runtime_id,
                    base.FunctionKey(target.function_id, target.version),
                    base.Limits(CPU_MILLICORES, self._conf.build.memory, 1,
                                installs=True), id)
            except exception.NoRoom:
                if self.evictor is None or not self.evictor.evict():
                    raise

    def _result(self, answer: dict[str, typing.Any]) -> tuple[bytes, str]:
        text = scrub(answer['log'])
        if answer['duration'] >= self._conf.build.timeout:
            raise Failed(f'It took longer than {self._conf.build.timeout} '
                         'seconds.', text)
        if answer['status'] != 'success':
            raise Failed(scrub(str(answer['output'])), text)
        if isinstance(answer['output'], dict):
            reasons = answer['output']['error'], find_error(text)
            raise Failed(scrub(' '.join(filter(None, reasons))), text)
        return base64.b64decode(answer['output']), text

    def _read_files(self, target: targets.Target) -> dict[str, str]:
        source = self._backends.sources[target.code['source']]
        try:
            with source.open(target.code, target.package) as package:
                return dependencies.read_files(
                    package, target.code['dependencies']['kind'],
                    self._conf.resource_limits.max_unpacked_size)
        except FileNotFoundError:
            raise exception.TargetReplaced('its package is gone')
        except exception.Invalid as e:
            # An older release accepted the package.
            raise Failed(str(e))

    def _load(self, worker: base.Worker) -> None:
        options = self._conf.build
        status, answer = self._invoker.load(worker, {
            'function_id': '', 'function_version': 0, 'entry': 'main.main',
            'memory_size': options.memory, 'slots': 1, 'environment': {},
            'max_log_size': self._conf.engine.max_log_size,
            'max_result_size': self._max_result_bytes(),
            'max_unpacked_size': MAX_INSTALLER_BYTES},
            io.BytesIO(_installer_package()))
        if status != 200:
            raise exception.PermanentError(answer.get('error', status))

    def _request(self, target: targets.Target, files: dict[str, str]
                 ) -> dict[str, typing.Any]:
        options = self._conf.build
        return {'execution_id': str(uuid.uuid4()), 'args': [], 'context': {},
                'timeout': options.timeout, 'kwargs': {
                    'kind': target.code['dependencies']['kind'],
                    'files': files, 'settings': {
                        'index': options.index_url,
                        'registry': options.npm_registry,
                        'options': options.pip_options,
                        'sources': options.allow_source_builds,
                        'max_size': options.max_size,
                        'max_unpacked_size': self._conf.resource_limits
                        .max_unpacked_size}}}


def fingerprint(options: cfg.ConfigOpts.GroupAttr,
                machine: Mapping[str, typing.Any],
                target: targets.Target) -> str:
    """Return a hash of all inputs of an installation.

    :param machine: description of the orchestrator.
    """
    needs = target.code['dependencies']
    return hashlib.sha256(repr((
        needs['kind'], needs['sha256'], options.allow_source_builds,
        *(CREDENTIALS.sub('//', url or '') for url in (
            options.index_url, options.npm_registry)),
        options.pip_options, platform.machine(),
        machine.get('interpreter'), machine.get('languages'),
    )).encode()).hexdigest()


def scrub(text: str) -> str:
    """Remove credentials in URLs, and NUL, which PostgreSQL refuses."""
    return CREDENTIALS.sub('//***@', text.replace('\0', '\ufffd'))


@functools.lru_cache(maxsize=1)
def _installer_package() -> bytes:
    """Return the package of the function that installs dependencies."""
    package = io.BytesIO()
    with zipfile.ZipFile(package, 'w') as archive:
        archive.writestr('main.py', pathlib.Path(
            runtimes.__file__).with_name('dependencies.py').read_bytes())
    return package.getvalue()
