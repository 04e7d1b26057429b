# SPDX-License-Identifier: Apache-2.0
"""Running what installs, on a worker of its own."""

import base64
import functools
import io
import pathlib
import re
import uuid
import zipfile

from qinling.engine.run import invoker
from qinling import exception
from qinling.orchestrators import base
from qinling import runtimes
from qinling.sources import dependencies

#: Seconds that a worker has beyond the time that it may take.
MARGIN = 60
#: Thousandths of a core.
CPU = 1000
CREDENTIALS = re.compile('//[^/@]*@')


class Failed(Exception):
    """It cannot be installed; with a sentence and the log."""

    def __init__(self, sentence, log=''):
        super().__init__(sentence)
        self.log = log


class Installer:
    """Installs what a target depends on.

    :param calls: an :class:`.invoker.Invoker`.
    :param code: a :class:`qinling.core.services.Code`.
    """

    def __init__(self, conf, orchestrator, calls, code):
        self._conf = conf
        self._orchestrator = orchestrator
        self._invoker = calls
        self._code = code

    def run(self, id, target):
        """(bytes of a ZIP archive, log).

        :raises Failed: there is nothing to install, or it takes too much.
        """
        files = self._files(target)
        worker = self._orchestrator.claim(
            target.runtime_id, f'{target.function_id}/{target.version}',
            base.Limits(CPU, self._conf.build.memory, 1, installs=True), id)
        death = None
        try:
            self._load(worker)
            status, answer = self._invoker.execute(
                worker, self._order(target, files),
                self._conf.build.timeout + MARGIN)
        except invoker.Lost:
            death = self._orchestrator.release(worker, lost=True)
            if death and death.own_fault:
                raise Failed(death.sentence)
            raise
        finally:
            self._invoker.forget(worker)
            self._orchestrator.release(worker)
        if status != 200:
            raise exception.TemporaryError(str(answer))
        text = scrubbed(answer['log'])
        if answer['duration'] >= self._conf.build.timeout:
            raise Failed(f'It took longer than {self._conf.build.timeout} '
                         'seconds.', text)
        if answer['status'] != 'success':
            raise Failed(scrubbed(str(answer['output'])), text)
        return base64.b64decode(answer['output']), text

    def _files(self, target):
        source = self._code.sources[target.code['source']]
        try:
            with source.open(target.code, target.package) as package:
                with zipfile.ZipFile(package) as archive:
                    return dependencies.read(
                        archive, target.code['dependencies']['kind'])
        except FileNotFoundError:
            raise exception.TemporaryError('the package is gone')

    def _load(self, worker):
        options, engine = self._conf.build, self._conf.engine
        status, answer = self._invoker.load(worker, {
            'function_id': '', 'function_version': 0, 'entry': 'main.main',
            'memory_size': options.memory, 'slots': 1, 'environment': {},
            'max_log_size': engine.max_log_size,
            # As text, which is a third longer.
            'max_result_size': options.max_size * 4 // 3 + 1024,
            'max_unpacked_size': 1 << 20}, io.BytesIO(_installer()))
        if status != 200:
            raise exception.PermanentError(answer.get('error', status))

    def _order(self, target, files):
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


def scrubbed(text):
    """A text for users, without NUL, which PostgreSQL refuses, and without
    what is secret in addresses."""
    return CREDENTIALS.sub('//***@', text.replace('\0', '\ufffd'))


@functools.lru_cache(maxsize=1)
def _installer():
    """The package of the function that installs."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, 'w') as archive:
        archive.writestr('main.py', pathlib.Path(
            runtimes.__file__).with_name('dependencies.py').read_bytes())
    return made.getvalue()
