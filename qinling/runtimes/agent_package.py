# SPDX-License-Identifier: Apache-2.0
"""Extraction of packages: ZIP archives from untrusted users."""

from __future__ import annotations

import os
import stat
import zipfile
import zlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

MAX_ENTRIES = 30000
CHUNK_BYTES = 1 << 18


class UnsafePackage(Exception):
    """The package cannot be unpacked; the message is a sentence."""


def unpack(archive: BinaryIO, directory: str, max_size: int) -> None:
    """Extract a ZIP archive into a directory.

    Creates files and directories inside the directory only, no links, and
    preserves only the executable bit of modes.

    :param max_size: maximum bytes of all files together.
    :raises UnsafePackage: the archive is invalid or too large, or has paths
        outside the directory, or entries of other types.
    """
    try:
        with zipfile.ZipFile(archive) as package:
            entries = package.infolist()
            _check(entries, max_size)
            remaining = max_size
            for entry in entries:
                remaining -= _extract(package, entry, directory, remaining)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError,
            RuntimeError, ValueError, IndexError) as error:
        raise UnsafePackage('The package is not a valid ZIP archive: %s.'
                            % error) from error
    except FileExistsError as error:
        raise UnsafePackage('The package holds %s twice.'
                            % os.path.relpath(error.filename, directory)
                            ) from error
    except OSError as error:
        raise UnsafePackage('The package cannot be unpacked: %s.'
                            % error.strerror) from error


def _check(entries: Sequence[zipfile.ZipInfo], max_size: int) -> None:
    if len(entries) > MAX_ENTRIES:
        raise UnsafePackage('The package holds more than %d files.'
                            % MAX_ENTRIES)
    if sum(entry.file_size for entry in entries) > max_size:
        raise _create_size_error(max_size)
    for entry in entries:
        _check_entry(entry)


def _check_entry(entry: zipfile.ZipInfo) -> None:
    name = entry.orig_filename
    if '\0' in name or name.startswith('/') or '..' in name.split('/'):
        raise UnsafePackage('The package has an entry with a path that is not '
                            'allowed: %r.' % name)
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise UnsafePackage('The package holds something else than files and '
                            'directories: %r.' % name)


def _extract(package: zipfile.ZipFile, entry: zipfile.ZipInfo, directory: str,
             remaining: int) -> int:
    """Extract an entry, and return its bytes.

    :param remaining: maximum number of bytes.
    """
    path = os.path.join(directory, entry.filename)
    if entry.is_dir():
        os.makedirs(path, exist_ok=True)
        return 0
    os.makedirs(os.path.dirname(path), exist_ok=True)
    executable = (entry.external_attr >> 16) & 0o111
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o755 if executable else 0o644)
    size = 0
    with package.open(entry) as source, open(descriptor, 'wb') as target:
        # The size in the directory of the archive may be wrong.
        while data := source.read(CHUNK_BYTES):
            size += len(data)
            if size > remaining:
                raise _create_size_error(remaining)
            target.write(data)
    return size


def _create_size_error(max_size: int) -> UnsafePackage:
    return UnsafePackage('The unpacked package is larger than %d bytes.'
                         % max_size)
