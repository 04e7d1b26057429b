# SPDX-License-Identifier: Apache-2.0
"""Installation of dependencies on a worker, for any owner of workers.

Imports little, since ``qinling invoke --local`` waits for the import.
"""

import base64
from collections.abc import Mapping
import dataclasses
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

from qinling.engine.workers import invoker as invoker_module
from qinling import exception
from qinling.orchestrators import base
from qinling import runtimes

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


class WorkerSource(typing.Protocol):
    """Part of :class:`qinling.orchestrators.base.Orchestrator`."""

    def claim(self, runtime_id: str | None, function: base.FunctionKey,
              limits: base.Limits, build: str = '') -> base.Worker:
        """Claim a worker."""

    def release(self, worker: base.Worker, disconnected: bool = False
                ) -> base.ExitReason | None:
        """Destroy a claimed worker."""


@dataclasses.dataclass(frozen=True)
class Order:
    """Dependencies to install for a function.

    :ivar id: fingerprint of the build.
    :ivar kind: ``pip`` or ``npm``.
    :ivar files: see :func:`qinling.sources.dependencies.read_files`.
    """

    id: str
    kind: str
    files: Mapping[str, str]
    function: base.FunctionKey
    runtime_id: str | None = None


class PackageInstaller:
    """Installs dependencies.

    :param orchestrator: has workers that install dependencies.
    """

    def __init__(self, conf: cfg.ConfigOpts, orchestrator: WorkerSource,
                 invoker: invoker_module.Invoker) -> None:
        self._conf = conf
        self._orchestrator = orchestrator
        self._invoker = invoker

    def install(self, order: Order) -> tuple[bytes, str]:
        """Return a ZIP archive with the dependencies, and the log.

        :raises Failed: the installation failed or exceeded a limit.
        """
        worker = self._claim(order)
        try:
            self._load(worker)
            status, answer = self._invoker.execute(
                worker, self._request(order),
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

    def _claim(self, order: Order) -> base.Worker:
        """Claim a worker.

        :raises TemporaryError: no worker is free at the moment.
        """
        return self._orchestrator.claim(
            order.runtime_id, order.function,
            base.Limits(CPU_MILLICORES, self._conf.build.memory, 1,
                        installs=True), order.id)

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

    def _request(self, order: Order) -> dict[str, typing.Any]:
        options = self._conf.build
        return {'execution_id': str(uuid.uuid4()), 'args': [], 'context': {},
                'timeout': options.timeout, 'kwargs': {
                    'kind': order.kind, 'files': order.files, 'settings': {
                        'index': options.index_url,
                        'registry': options.npm_registry,
                        'options': options.pip_options,
                        'sources': options.allow_source_builds,
                        'max_size': options.max_size,
                        'max_unpacked_size': self._conf.resource_limits
                        .max_unpacked_size}}}


def fingerprint(options: cfg.ConfigOpts.GroupAttr,
                machine: Mapping[str, typing.Any],
                needs: Mapping[str, str]) -> str:
    """Return a hash of all inputs of an installation.

    :param machine: description of the orchestrator.
    :param needs: see :func:`qinling.sources.dependencies.find_dependencies`.
    """
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
