# SPDX-License-Identifier: Apache-2.0
"""``qinling-standalone backup`` and ``restore``: a server in one file.

A backup is consistent while the server works: the database is a snapshot, and
packages never change.  A package that is deleted meanwhile needs another
snapshot.
"""

import argparse
from collections.abc import Sequence
import contextlib
import os
import pathlib
import shutil
import sqlite3
import sys
import tarfile
import tempfile
import zlib

from qinling.cmd import process
from qinling.cmd import state_directory

MAX_TRIES = 10
#: Fast rather than small: packages are compressed already.
COMPRESSION_LEVEL = 1
#: All packages that rows refer to.
PACKAGES_QUERY = ' UNION '.join(
    f'SELECT package FROM {table} WHERE package IS NOT NULL'
    for table in ('functions', 'function_versions', 'builds'))


class PackageIsGone(Exception):
    """A package was deleted after the snapshot."""


def main(arguments: Sequence[str], default_directory: str) -> None:
    """Run a command; exit with a sentence when it fails.

    :param arguments: command, file and options.
    """
    parser = argparse.ArgumentParser(
        prog='qinling-standalone', description='Write the state directory to '
        'a file, also while the server works, or restore it.')
    commands = parser.add_subparsers(dest='command', required=True)
    for name, text in (
            ('backup', 'Write the database, all packages and the key of the '
                       'secrets to a file. Keep the file as safe as the '
                       'directory.'),
            ('restore', 'Create a state directory from a backup.')):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument('file', help='The backup, such as qinling.tgz.')
        command.add_argument(
            '--state-dir', default=default_directory, metavar='DIR',
            help='State directory; default is %(default)s.')
    options = parser.parse_args(arguments)
    file, state = (pathlib.Path(path).absolute()
                   for path in (options.file, options.state_dir))
    try:
        if options.command == 'backup':
            print(f'Wrote {file}: {backup(state, file)}.')
        else:
            print(f'Restored {state}: {restore(file, state)}. Start '
                  f'qinling-standalone --state-dir {state}')
    except (OSError, EOFError, zlib.error, sqlite3.Error,
            tarfile.TarError) as e:
        process.fail(f'The {options.command} failed: {e}')


def backup(state: pathlib.Path, file: pathlib.Path) -> str:
    """Write a backup; return a summary."""
    if not (state / state_directory.DATABASE).exists():
        process.fail(f'{state} is no state directory: it has no file '
                     f'{state_directory.DATABASE}. Choose another with '
                     '--state-dir.')
    for _ in range(MAX_TRIES):
        with tempfile.TemporaryDirectory(dir=file.parent) as directory:
            snapshot = pathlib.Path(directory, state_directory.DATABASE)
            packed = pathlib.Path(directory, 'backup')
            _copy_database(state / state_directory.DATABASE, snapshot)
            try:
                count = _pack(state, snapshot, packed)
            except PackageIsGone:
                continue
            packed.rename(file)
            return f'{count} packages, {file.stat().st_size:,} bytes'
    process.fail('Packages are deleted faster than they can be copied; try '
                 'again later.')


def _copy_database(path: pathlib.Path, copy: pathlib.Path) -> None:
    """Write a snapshot of a database that others may use."""
    with contextlib.closing(sqlite3.connect(path)) as source, (
            contextlib.closing(sqlite3.connect(copy))) as target:
        source.backup(target)


def _pack(state: pathlib.Path, snapshot: pathlib.Path, packed: pathlib.Path
          ) -> int:
    """Write the archive; return the number of packages."""
    keys = _list_packages(snapshot)
    descriptor = os.open(packed, os.O_WRONLY | os.O_CREAT, 0o600)
    with open(descriptor, 'wb') as stream, tarfile.open(
            fileobj=stream, mode='w:gz',
            compresslevel=COMPRESSION_LEVEL) as archive:
        archive.add(snapshot, state_directory.DATABASE)
        archive.add(state / state_directory.KEY, state_directory.KEY)
        for key in keys:
            name = _package_path(key)
            try:
                archive.add(state / name, str(name))
            except FileNotFoundError:
                raise PackageIsGone(key) from None
        stream.flush()
        os.fsync(stream.fileno())
    return len(keys)


def _list_packages(database: pathlib.Path) -> list[str]:
    """Return the storage keys that rows refer to."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return sorted(key for key, in connection.execute(PACKAGES_QUERY))


def _package_path(key: str) -> pathlib.Path:
    return pathlib.Path(state_directory.PACKAGES, key[:2], key)


def restore(file: pathlib.Path, state: pathlib.Path) -> str:
    """Create a state directory from a backup; return a summary."""
    if state.exists() and any(state.iterdir()):
        process.fail(f'{state} is not empty. Choose a new directory with '
                     '--state-dir.')
    state.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=state.parent) as directory:
        place = pathlib.Path(directory, 'state')
        place.mkdir(mode=0o700)
        with tarfile.open(file) as archive:
            _unpack(archive, place)
        count = _check(place, file)
        for path in place.rglob('*'):
            path.chmod(0o700 if path.is_dir() else 0o600)
        if state.exists():
            state.rmdir()
        place.rename(state)
    return f'{count} packages'


def _unpack(archive: tarfile.TarFile, place: pathlib.Path) -> None:
    """Write the files of a backup; safe also with early Python 3.11.

    :raises TarError: the archive has something else.
    """
    for member in archive:
        path = pathlib.Path(os.path.normpath(place / member.name))
        content = archive.extractfile(member) if member.isfile() else None
        if not path.is_relative_to(place) or not (
                content or member.isdir()):
            raise tarfile.ExtractError(f'{member.name} is not expected')
        if content:
            path.parent.mkdir(parents=True, exist_ok=True)
            with content, path.open('xb') as file:
                shutil.copyfileobj(content, file)


def _check(place: pathlib.Path, file: pathlib.Path) -> int:
    """Exit unless a backup is complete; return the number of packages."""
    database = place / state_directory.DATABASE
    if not (database.exists() and (place / state_directory.KEY).exists()):
        process.fail(f'{file} is no backup of qinling-standalone.')
    with contextlib.closing(sqlite3.connect(database)) as connection:
        result, = connection.execute('PRAGMA quick_check(1)').fetchone()
    if result != 'ok':
        process.fail(f'The database in {file} is damaged: {result}')
    keys = _list_packages(database)
    missing = [key for key in keys if not (place / _package_path(key)
                                           ).exists()]
    if missing:
        process.fail(f'{file} lacks {len(missing)} packages; it is damaged.')
    return len(keys)


def is_wanted() -> bool:
    """Return whether the command line names a command of this module."""
    return sys.argv[1:2] in (['backup'], ['restore'])
