# SPDX-License-Identifier: Apache-2.0
"""Dependencies of a package: files that list them, and permitted content."""

import base64
from collections.abc import Callable
import hashlib
import typing

from qinling import exception
from qinling.runtimes import agent_archive

#: Installer -> files for the installer, all in the root of a package.
KINDS = {'pip': ('requirements.txt',),
         'npm': ('package.json', 'package-lock.json')}
MAX_FILE_BYTES = 1024 * 1024
#: Function that checks the content of the files for an installer, and returns
#: the texts that the installer gets.
_Reader = Callable[[dict[str, bytes]], dict[str, str]]


def find_dependencies(archive: agent_archive.Archive
                      ) -> dict[str, str] | None:
    """Return the dependencies of a package, if any.

    :returns: ``{"kind": installer, "sha256": digest of the files}``.
    :raises Invalid: the files list dependencies that are not permitted.
    """
    for kind, files in KINDS.items():
        if archive.tree.keys() >= set(files):
            break
    else:
        return None
    texts = _read_texts(archive, kind)
    if not all(texts.values()):
        return None
    digest = hashlib.sha256()
    for name in files:
        digest.update(hashlib.sha256(texts[name].encode()).digest())
    for data in _read_wheels(archive, texts).values():
        digest.update(hashlib.sha256(data).digest())
    return {'kind': kind, 'sha256': digest.hexdigest()}


def read_files(package: typing.BinaryIO, kind: str, max_size: int
               ) -> dict[str, str]:
    """Return the texts for an installer, by file name; wheels in base64.

    :param package: an accepted package.
    :param max_size: maximum unpacked size in bytes.
    :raises Invalid: see :func:`find_dependencies`.
    """
    try:
        archive = agent_archive.Archive(package, agent_archive.Limits(
            agent_archive.MAX_MEMBERS, max_size, None))
    except agent_archive.BadArchive as error:
        raise exception.Invalid(str(error))
    texts = _read_texts(archive, kind)
    return texts | {path: base64.b64encode(data).decode('ascii')
                    for path, data in _read_wheels(archive, texts).items()}


def _read_wheels(archive: agent_archive.Archive, texts: dict[str, str]
                 ) -> dict[str, bytes]:
    """Return path -> content of the wheels that requirements.txt names."""
    if 'requirements.txt' not in texts:
        return {}
    from qinling.sources import pip_files
    from qinling.sources import wheels

    return wheels.read(archive, pip_files.find_wheels(
        texts['requirements.txt']))


def _read_texts(archive: agent_archive.Archive, kind: str) -> dict[str, str]:
    return _load_reader(kind)({name: _read_file(archive, name)
                               for name in KINDS[kind]})


def _load_reader(kind: str) -> _Reader:
    # Most packages have no such files, and the import takes long.
    from qinling.sources import npm_files
    from qinling.sources import pip_files

    readers: dict[str, _Reader] = {
        'pip': pip_files.read, 'npm': npm_files.read}
    return readers[kind]


def _read_file(archive: agent_archive.Archive, name: str) -> bytes:
    member = archive.tree.get(name)
    if member is None or member.kind != agent_archive.FILE:
        raise exception.Invalid(
            f'{name} is not a file; replace it by one.')
    if member.size > MAX_FILE_BYTES:
        raise exception.Invalid(
            f'{name} is too large: at most {MAX_FILE_BYTES} bytes are '
            'allowed.')
    try:
        return b''.join(archive.read_chunks(member))
    except agent_archive.BadArchive as error:
        raise exception.Invalid(str(error))
