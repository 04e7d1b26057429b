# SPDX-License-Identifier: Apache-2.0
"""Installer of the dependencies of a function.

A package with this file as ``main.py`` runs like a function, with the same
confinement, on a worker with a network.  Dependencies are installed below the
code, in the directory where a language searches: ``python_modules`` or
``node_modules``.
"""

from __future__ import annotations

import base64
import io
import os
import subprocess
import sys
import zipfile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_ENTRIES = 30000  # the limit of a worker


class Failure(Exception):
    """The installation failed; the message is a sentence."""


def main(kind: str, files: dict[str, str], settings: dict[str, Any]) -> str:
    """Return the installed files as a ZIP archive in base64.

    :param kind: ``pip`` or ``npm``.
    :param files: name -> text of the input files.
    :param settings: ``index``, ``registry`` (URLs or ``null``), ``options``
        (a list), ``sources`` (whether packages may run code) and ``max_size``
        (bytes of the archive).
    """
    os.mkdir('.tmp')
    for name, text in files.items():
        with open(name, 'w', encoding='utf-8') as file:
            file.write(text)
    installers = {'pip': prepare_pip, 'npm': prepare_npm}
    command, environment, directory = installers[kind](settings)
    temporary = os.path.abspath('.tmp')
    try:
        code = subprocess.run(
            command, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT,
            env=dict(os.environ, HOME=temporary, TMPDIR=temporary,
                     **environment)).returncode
    except FileNotFoundError:
        raise Failure('There is no %s on this machine.' % kind) from None
    if code:
        raise Failure('%s ended with exit code %d.' % (kind, code))
    return base64.b64encode(
        create_archive(directory, settings['max_size'])).decode('ascii')


def prepare_pip(settings: dict[str, Any]
                ) -> tuple[list[str], dict[str, str], str]:
    """Return command, environment and target directory of pip."""
    command = [sys.executable, '-I', '-u', '-m', 'pip', 'install',
               '--no-input', '--no-cache-dir', '--no-compile',
               '--progress-bar', 'off',
               '--disable-pip-version-check', '--target', 'python_modules',
               '--requirement', 'requirements.txt']
    if not settings['sources']:
        command += ['--only-binary', ':all:']
    # A command line would show a password in the URL.
    environment = {'PIP_CONFIG_FILE': os.devnull}
    if settings['index']:
        environment['PIP_INDEX_URL'] = settings['index']
    return command + settings['options'], environment, 'python_modules'


def prepare_npm(settings: dict[str, Any]
                ) -> tuple[list[str], dict[str, str], str]:
    """Return command, environment and target directory of npm."""
    # The lock file must not select the host.
    command = ['npm', 'ci', '--omit=dev', '--no-audit', '--no-fund',
               '--no-update-notifier', '--replace-registry-host=always']
    if not settings['sources']:
        command.append('--ignore-scripts')
    environment = {}
    if settings['registry']:
        environment['npm_config_registry'] = settings['registry']
    return command, environment, 'node_modules'


def create_archive(directory: str, max_size: int) -> bytes:
    """Return the files of a directory as a ZIP archive.

    :param max_size: maximum bytes of the archive.
    """
    buffer = io.BytesIO()
    count = 0
    with zipfile.ZipFile(buffer, 'w', zipfile.ZIP_DEFLATED,
                         strict_timestamps=False) as package:
        for parent, _names, names in os.walk(directory):
            for name in names:
                path = os.path.join(parent, name)
                if os.path.islink(path) or not os.path.isfile(path):
                    continue
                package.write(path)
                count += 1
                if buffer.tell() > max_size:
                    raise Failure('What was installed is larger than %d '
                                  'bytes as a ZIP archive.' % max_size)
                if count > MAX_ENTRIES:
                    raise Failure('What was installed has more than %d '
                                  'files.' % MAX_ENTRIES)
    return buffer.getvalue()
