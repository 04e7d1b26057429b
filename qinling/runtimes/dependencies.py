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
import shutil
import socket
import stat
import subprocess
import sys
import threading
import zipfile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_ENTRIES = 30000  # the limit of a worker
#: Unix socket of a proxy, in a worker without another network.
PROXY = '/run/qinling/index.sock'
CHUNK_BYTES = 65536


class Failure(Exception):
    """The installation failed; the message is a sentence."""


def main(kind: str, files: dict[str, str], settings: dict[str, Any]
         ) -> str | dict[str, str]:
    """Return the installed files as a ZIP archive in base64.

    Return ``error``, a sentence, when the installation fails: the log then
    ends with the words of pip or npm.

    :param kind: ``pip`` or ``npm``.
    :param files: name -> text of the input files; wheels in base64.
    :param settings: ``index``, ``registry`` (URLs or ``null``), ``options``
        (a list), ``sources`` (whether packages may run code), ``max_size``
        and ``max_unpacked_size`` (bytes of the archive and of its files).
    """
    try:
        return install(kind, files, settings)
    except Failure as e:
        return {'error': str(e)}


def install(kind: str, files: dict[str, str], settings: dict[str, Any]
            ) -> str:
    """Return the installed files; see :func:`main`.

    :raises Failure: the installation failed.
    """
    os.mkdir('.tmp')
    for name, text in files.items():
        write_file(name, text)
    installers = {'pip': prepare_pip, 'npm': prepare_npm}
    command, environment, directory = installers[kind](settings)
    temporary = os.path.abspath('.tmp')
    if os.path.exists(PROXY):
        environment.update(start_relay())
    try:
        code = subprocess.run(
            command, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT,
            env=dict(os.environ, HOME=temporary, TMPDIR=temporary,
                     **environment)).returncode
    except FileNotFoundError:
        raise Failure('There is no %s on this machine.' % kind) from None
    if code:
        raise Failure('%s ended with exit code %d.' % (kind, code))
    if kind == 'pip':
        compile_modules(directory)
    try:
        archive = create_archive(directory, settings)
    except Failure:
        remove_bytecode(directory)
        archive = create_archive(directory, settings)
    return base64.b64encode(archive).decode('ascii')


def compile_modules(directory: str) -> None:
    """Compile the modules of Python in a directory to bytecode.

    Each worker would compile the modules otherwise, for longer than the import
    takes.  The files of a worker have other times, so bytecode is valid for
    any source.
    """
    # Libraries may have files that are no Python, such as templates.
    subprocess.run(
        [sys.executable, '-I', '-m', 'compileall', '-qq',
         '--invalidation-mode', 'unchecked-hash', directory],
        stdin=subprocess.DEVNULL, check=False)


def remove_bytecode(directory: str) -> None:
    """Remove the bytecode that has no room in a package."""
    for parent, directories, _names in os.walk(directory):
        if '__pycache__' in directories:
            directories.remove('__pycache__')
            shutil.rmtree(os.path.join(parent, '__pycache__'))


def write_file(name: str, text: str) -> None:
    """Write an input file."""
    if not name.endswith('.whl'):
        with open(name, 'w', encoding='utf-8') as file:
            file.write(text)
        return
    os.makedirs(os.path.dirname(name) or '.', exist_ok=True)
    with open(name, 'wb') as wheel:
        wheel.write(base64.b64decode(text))


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
    # The lock file must not select the host, and no package a repository.
    command = ['npm', 'ci', '--omit=dev', '--no-audit', '--no-fund',
               '--no-update-notifier', '--replace-registry-host=always',
               '--git=/bin/false']
    if not settings['sources']:
        command.append('--ignore-scripts')
    environment = {}
    if settings['registry']:
        environment['npm_config_registry'] = settings['registry']
    return command, environment, 'node_modules'


def start_relay() -> dict[str, str]:
    """Start a relay to the proxy at a port of the own loopback device.

    :returns: the environment variables for pip and npm.
    """
    listener = socket.create_server(('127.0.0.1', 0))
    threading.Thread(target=accept_connections, args=(listener,),
                     daemon=True).start()
    url = 'http://127.0.0.1:%d' % listener.getsockname()[1]
    return {**dict.fromkeys((
        'http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY',
        'npm_config_proxy', 'npm_config_https_proxy'), url),
        'no_proxy': '', 'NO_PROXY': '', 'npm_config_noproxy': ''}


def accept_connections(listener: socket.socket) -> None:
    """Connect each client to the proxy; the target of a thread."""
    while True:
        client, _address = listener.accept()
        proxy = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        proxy.connect(PROXY)
        for source, target in ((client, proxy), (proxy, client)):
            threading.Thread(target=copy_bytes, args=(source, target),
                             daemon=True).start()


def copy_bytes(source: socket.socket, target: socket.socket) -> None:
    """Copy bytes until the source ends; the target of a thread."""
    try:
        while data := source.recv(CHUNK_BYTES):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        # The other direction ends, too.
        for end in (source, target):
            end.close()


def create_archive(directory: str, settings: dict[str, Any]) -> bytes:
    """Return the files and links of a directory as a ZIP archive."""
    buffer = io.BytesIO()
    count = size = 0
    with zipfile.ZipFile(buffer, 'w', zipfile.ZIP_DEFLATED,
                         strict_timestamps=False) as package:
        for parent, directories, names in os.walk(directory):
            links = [name for name in directories
                     if os.path.islink(os.path.join(parent, name))]
            for name in names + links:
                path = os.path.join(parent, name)
                if not add_member(package, path, os.path.realpath(directory)):
                    continue
                count += 1
                size += os.lstat(path).st_size
                check_size(buffer.tell(), size, count, settings)
    return buffer.getvalue()


def add_member(package: zipfile.ZipFile, path: str, root: str) -> bool:
    """Add a file, or a link that stays in the directory.

    :returns: whether the file was added.
    """
    if os.path.islink(path):
        target = os.readlink(path)
        if os.path.isabs(target) or not os.path.realpath(path).startswith(
                root + os.sep):
            return False
        link = zipfile.ZipInfo(path)
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        package.writestr(link, target)
        return True
    if not os.path.isfile(path):
        return False
    package.write(path)
    return True


def check_size(packed: int, size: int, count: int, settings: dict[str, Any]
               ) -> None:
    """Raise ``Failure`` if no worker could unpack the archive."""
    if packed > settings['max_size']:
        raise Failure('The installed files are larger than %d bytes as a ZIP '
                      'archive; install less.' % settings['max_size'])
    if size > settings['max_unpacked_size']:
        raise Failure('The installed files have more than %d bytes; install '
                      'less.' % settings['max_unpacked_size'])
    if count > MAX_ENTRIES:
        raise Failure('There are more than %d installed files; install less.'
                      % MAX_ENTRIES)
