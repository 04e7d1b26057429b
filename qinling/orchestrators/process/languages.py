# SPDX-License-Identifier: Apache-2.0
"""Languages of this orchestrator; the image of a runtime names a language.

To add a language, add a declaration to :data:`LANGUAGES` and a bootstrap to
``qinling/runtimes``.
"""

from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
import json
import logging
import os
import re
import shutil
import subprocess
import sys

from oslo_config import cfg

from qinling import exception
from qinling import runtimes

LOG = logging.getLogger(__name__)

#: Directory of the agent and the bootstraps on the host.
DIRECTORY = os.path.dirname(os.path.abspath(runtimes.__file__))
#: Image of the workers that install dependencies.
INSTALLER = 'python3'
PROBE_TIMEOUT_SECONDS = 60
MINIMUM_PYTHON = [3, 9]
PYTHON_PROBE = ('import json, sys; print(json.dumps([sys.version_info[:3], '
                'sys.base_prefix, sys.base_exec_prefix]))')


@dataclasses.dataclass(frozen=True)
class Language:
    """Declaration of a language.

    A language without ``executables`` runs on the Python of the workers.

    :param name: name of the language, for clients and operators.
    :param bootstrap: file in ``qinling/runtimes``.
    :param arguments: arguments of the executable, before the bootstrap.
    :param executables: names to look up in the search path.
    :param version: pattern of the output of ``<executable> --version``, whose
        first group is the version.
    :param option: option of the group ``process`` with the path of the
        executable.
    :param paths: files and directories of the host that sandboxes show
        read-only, beside the executable and the system directories.
    :param environment: additional environment variables of executors.
    :param memory_reserve: bytes that an executor may reserve beyond its
        memory, for a language whose programs reserve more than they use;
        0 for a language that frees memory only when it cannot reserve more.
    :param memory_slack: bytes of the reserve that an executor may use between
        two measurements; 0 for all of the reserve.
    :param reports_version: clients see the version of the executable.
    """

    name: str
    bootstrap: str
    arguments: tuple[str, ...] = ('-I', '-S', '-u')
    executables: tuple[str, ...] = ()
    version: str = ''
    option: str | None = None
    paths: tuple[str, ...] = ()
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    memory_reserve: int = 0
    memory_slack: int = 0
    reports_version: bool = True


#: Image -> language.
LANGUAGES: dict[str, Language] = {
    'python3': Language('python', 'python.py', memory_reserve=1 << 30,
                        memory_slack=32 << 20),
    'command': Language('command', 'command.py', memory_reserve=256 << 20,
                        reports_version=False),
    'nodejs': Language(
        'nodejs', 'nodejs.js', executables=('node', 'nodejs'),
        version=r'v(\d+\.\d+\.\d+)\S*', option='nodejs',
        # Few threads and a small nursery, for functions with little memory.
        arguments=('--max-semi-space-size=4', '--v8-pool-size=1')),
}


@dataclasses.dataclass(frozen=True)
class Interpreter:
    """Executable of a language; ``paths`` are shown read-only to sandboxes."""

    path: str
    paths: tuple[str, ...] = ()
    version: str | None = None


@dataclasses.dataclass(frozen=True)
class Interpreters:
    """Interpreters of this machine.

    ``python`` runs the agent, and languages without an executable;
    ``executables`` are the other interpreters by image.
    """

    python: Interpreter
    executables: Mapping[str, Interpreter] = dataclasses.field(
        default_factory=dict)

    def list_all(self) -> list[Interpreter]:
        """Return all interpreters."""
        return [self.python, *self.executables.values()]

    def bootstrap_command(self, image: str, directory: str) -> list[str]:
        """Return the command of an executor, without the channel number.

        :param directory: :data:`DIRECTORY`, as the worker sees the directory.
        :raises PermanentError: this machine does not have the image.
        """
        language = find_language(image)
        interpreter = (self.executables.get(image) if language.executables
                       else self.python)
        if interpreter is None:
            raise exception.PermanentError(
                f'This machine has no executable {language.executables[0]}: '
                f'install {language.name}'
                + (f' or set [process] {language.option}' if language.option
                   else '') + ', then restart the service.')
        return [interpreter.path, *language.arguments,
                f'{directory}/{language.bootstrap}']

    def describe(self) -> dict[str, tuple[str, str | None]]:
        """Return image -> (language, version) of the available languages."""
        available = dict.fromkeys(LANGUAGES, self.python) | dict(
            self.executables)
        return {image: (language.name, available[image].version
                        if language.reports_version else None)
                for image, language in LANGUAGES.items()
                if not language.executables or image in self.executables}


def find_language(image: str) -> Language:
    """Return the language of an image.

    :raises PermanentError: no language has the image.
    """
    if image not in LANGUAGES:
        raise exception.PermanentError(
            f'There is no runtime image {image!r} on this machine; use one '
            f'of: {", ".join(sorted(LANGUAGES))}.')
    return LANGUAGES[image]


def find_interpreters(options: cfg.ConfigOpts.GroupAttr,
                      images: Iterable[str] = tuple(LANGUAGES)
                      ) -> Interpreters:
    """Return the interpreters of this machine.

    :param options: the configuration group ``process``.
    :param images: images to search executables for.
    :raises PermanentError: a configured interpreter does not work.
    """
    executables = {
        image: interpreter for image in images
        if (language := find_language(image)).executables
        if (interpreter := find_executable(
            language, language.option and options[language.option]))}
    return Interpreters(
        find_python(options.python or sys._base_executable),  # type: ignore
        executables)


def find_python(path: str) -> Interpreter:
    """Return the Python interpreter at a path.

    :raises PermanentError: the interpreter does not run or is too old.
    """
    path = os.path.realpath(path)
    version, *prefixes = json.loads(_run(
        'Python', [path, '-I', '-S', '-c', PYTHON_PROBE]))
    if version < MINIMUM_PYTHON:
        raise exception.PermanentError(
            f'The interpreter for workers, {path}, is older than '
            f'{".".join(map(str, MINIMUM_PYTHON))}.')
    paths = {os.path.realpath(prefix) for prefix in prefixes}
    if '/' in paths:
        raise exception.PermanentError(
            f'The interpreter for workers, {path}, is installed in /; '
            'sandboxes cannot show / to functions.')
    return Interpreter(path, tuple(sorted(paths)),
                       '.'.join(map(str, version)))


def find_executable(language: Language, path: str | None = None
                    ) -> Interpreter | None:
    """Return the executable of a language, ``None`` if not installed.

    :param path: configured path; without a path, search ``PATH``.
    :raises PermanentError: the executable at ``path`` does not work.
    """
    if path:
        return _probe_executable(language, path)
    for name in language.executables:
        path = path or shutil.which(name)
    try:
        return _probe_executable(language, path) if path else None
    except exception.PermanentError as error:
        LOG.warning('Could not use the runtime image of %s: %s',
                    language.name, error)
        return None


def _probe_executable(language: Language, path: str) -> Interpreter:
    path = os.path.realpath(path)
    output = _run(language.name, [path, '--version']).strip()
    version = re.fullmatch(language.version, output)
    if version is None:
        raise exception.PermanentError(
            f'{path} is not an executable of {language.name}: --version '
            f'printed {output[:80]!r}.')
    return Interpreter(path, (path, *filter(os.path.exists, language.paths)),
                       version[1])


def _run(name: str, command: list[str]) -> str:
    """Return the output of a probe.

    :raises PermanentError: the command fails.
    """
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, text=True, check=True,
            capture_output=True, timeout=PROBE_TIMEOUT_SECONDS).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise exception.PermanentError(
            f'The executable of {name} does not run: {error}') from error
