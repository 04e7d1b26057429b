# SPDX-License-Identifier: Apache-2.0
"""Installs what a function depends on.

A package with this file as ``main.py`` is run like a function, on a worker
that has a network, and so in the same confinement.  What is installed lands
where a language looks for it, below the code: ``python_modules`` or
``node_modules``.
"""

import base64
import io
import os
import subprocess
import sys
import zipfile

MAX_ENTRIES = 30000  # as many as a worker unpacks


class Failure(Exception):
    """It was not installed, with a sentence that says why."""


def main(kind, files, settings):
    """The installed files as a ZIP archive in base64.

    :param kind: ``pip`` or ``npm``.
    :param files: name -> text of what it reads.
    :param settings: ``index``, ``registry`` (URLs or ``null``), ``options``
        (a list), ``sources`` (whether code may be run) and ``max_size``
        (bytes of the archive).
    """
    os.mkdir('.tmp')
    for name, text in files.items():
        with open(name, 'w', encoding='utf-8') as file:
            file.write(text)
    command, environment, place = {'pip': pip, 'npm': npm}[kind](settings)
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
        archive(place, settings['max_size'])).decode('ascii')


def pip(settings):
    command = [sys.executable, '-I', '-u', '-m', 'pip', 'install',
               '--no-input', '--no-cache-dir', '--no-compile',
               '--progress-bar', 'off',
               '--disable-pip-version-check', '--target', 'python_modules',
               '--requirement', 'requirements.txt']
    if not settings['sources']:
        command += ['--only-binary', ':all:']
    # The URL may have a password, which a command line would show.
    environment = {'PIP_CONFIG_FILE': os.devnull}
    if settings['index']:
        environment['PIP_INDEX_URL'] = settings['index']
    return command + settings['options'], environment, 'python_modules'


def npm(settings):
    # A lock may say where things are, but not which host is asked.
    command = ['npm', 'ci', '--omit=dev', '--no-audit', '--no-fund',
               '--no-update-notifier', '--replace-registry-host=always']
    if not settings['sources']:
        command.append('--ignore-scripts')
    environment = {}
    if settings['registry']:
        environment['npm_config_registry'] = settings['registry']
    return command, environment, 'node_modules'


def archive(place, max_size):
    """The files below ``place`` as the bytes of a ZIP archive."""
    made = io.BytesIO()
    count = 0
    with zipfile.ZipFile(made, 'w', zipfile.ZIP_DEFLATED,
                         strict_timestamps=False) as package:
        for directory, _names, names in os.walk(place):
            for name in names:
                path = os.path.join(directory, name)
                if os.path.islink(path) or not os.path.isfile(path):
                    continue
                package.write(path)
                count += 1
                if made.tell() > max_size:
                    raise Failure('What was installed is larger than %d '
                                  'bytes as a ZIP archive.' % max_size)
                if count > MAX_ENTRIES:
                    raise Failure('What was installed has more than %d '
                                  'files.' % MAX_ENTRIES)
    return made.getvalue()
