# SPDX-License-Identifier: Apache-2.0
"""Unpacks a function's package: a ZIP archive that nobody has to trust."""

import os
import stat
import zipfile
import zlib

MAX_ENTRIES = 30000
CHUNK = 1 << 18


class UnsafePackage(Exception):
    """The package cannot be unpacked, with a sentence that says why."""


def unpack(archive, directory, max_size):
    """Unpack the ZIP in the binary file ``archive`` below ``directory``.

    Nothing is written outside of the directory and no links are made; of
    the modes only the executable bit is kept.

    :param max_size: bytes that all files together may have.
    :raises UnsafePackage: the archive is broken, tries to break out, holds
        something else than files and directories, or is too large.
    """
    try:
        with zipfile.ZipFile(archive) as package:
            entries = package.infolist()
            _check(entries, max_size)
            left = max_size
            for entry in entries:
                left -= _extract(package, entry, directory, left)
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


def _check(entries, max_size):
    if len(entries) > MAX_ENTRIES:
        raise UnsafePackage('The package holds more than %d files.'
                            % MAX_ENTRIES)
    if sum(entry.file_size for entry in entries) > max_size:
        raise _too_large(max_size)
    for entry in entries:
        _check_entry(entry)


def _check_entry(entry):
    name = entry.orig_filename
    if '\0' in name or name.startswith('/') or '..' in name.split('/'):
        raise UnsafePackage('The package has an entry with a path that is not '
                            'allowed: %r.' % name)
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise UnsafePackage('The package holds something else than files and '
                            'directories: %r.' % name)


def _extract(package, entry, directory, left):
    """Unpack one entry; returns how many bytes it has."""
    path = os.path.join(directory, entry.filename)
    if entry.is_dir():
        os.makedirs(path, exist_ok=True)
        return 0
    os.makedirs(os.path.dirname(path), exist_ok=True)
    executable = (entry.external_attr >> 16) & 0o111
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    target = os.open(path, flags, 0o755 if executable else 0o644)
    size = 0
    with package.open(entry) as source, open(target, 'wb') as sink:
        # What the archive's directory says of the size may be a lie.
        for data in iter(lambda: source.read(CHUNK), b''):
            size += len(data)
            if size > left:
                raise _too_large(left)
            sink.write(data)
    return size


def _too_large(max_size):
    return UnsafePackage('The unpacked package is larger than %d bytes.'
                         % max_size)
