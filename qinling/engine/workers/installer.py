# SPDX-License-Identifier: Apache-2.0
"""Installation of dependencies on a worker of its own."""

import base64
import functools
import io
import pathlib
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
#: Base64 makes the result a third longer, beside a short envelope.
ENVELOPE_BYTES = 1024
CREDENTIALS = re.compile('//[^/@]*@')


class Failed(Exception):
    """Dependencies that cannot be installed, with a sentence and a log."""

    def __init__(self, sentence: str, log: str = '') -> None:
        super().__init__(sentence)
        self.log = log


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

    def run(self, id: str, target: targets.Target) -> tuple[bytes, str]:
        """Return a ZIP archive with the dependencies, and the log.

        :raises Failed: the installation failed or exceeded a limit.
        """
        files = self._read_files(target)
        worker = self._orchestrator.claim(
            target.runtime_id,
            base.FunctionKey(target.function_id, target.version),
            base.Limits(CPU_MILLICORES, self._conf.build.memory, 1,
                        installs=True), id)
        try:
            self._load(worker)
            status, answer = self._invoker.execute(
                worker, self._request(target, files),
                self._conf.build.timeout + MARGIN_SECONDS)
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

    def _result(self, answer: dict[str, typing.Any]) -> tuple[bytes, str]:
        text = scrub(answer['log'])
        if answer['duration'] >= self._conf.build.timeout:
            raise Failed(f'It took longer than {self._conf.build.timeout} '
                         'seconds.', text)
        if answer['status'] != 'success':
            raise Failed(scrub(str(answer['output'])), text)
        return base64.b64decode(answer['output']), text

    def _read_files(self, target: targets.Target) -> typing.Any:
        source = self._backends.sources[target.code['source']]
        try:
            with source.open(target.code, target.package) as package:
                with zipfile.ZipFile(package) as archive:
                    return dependencies.read_files(
                        archive, target.code['dependencies']['kind'])
        except FileNotFoundError:
            raise exception.TemporaryError('the package is gone')

    def _load(self, worker: base.Worker) -> None:
        options = self._conf.build
        status, answer = self._invoker.load(worker, {
            'function_id': '', 'function_version': 0, 'entry': 'main.main',
            'memory_size': options.memory, 'slots': 1, 'environment': {},
            'max_log_size': self._conf.engine.max_log_size,
            'max_result_size': options.max_size * 4 // 3 + ENVELOPE_BYTES,
            'max_unpacked_size': MAX_INSTALLER_BYTES},
            io.BytesIO(_installer_package()))
        if status != 200:
            raise exception.PermanentError(answer.get('error', status))

    def _request(self, target: targets.Target, files: typing.Any
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
                        'max_size': options.max_size}}}


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
