# SPDX-License-Identifier: Apache-2.0
"""State directory of ``qinling-standalone``: only for the owner.

The database holds inputs, results and environments in plain text.
"""

from collections.abc import Iterator
import fcntl
import os
import pathlib
import stat
import typing

from oslo_log import log
import tenacity

from qinling.cmd import process
from qinling.core import secrets

LOG = log.getLogger(__name__)

DATABASE, PACKAGES, WORKERS = 'qinling.db', 'packages', 'workers'
KEY, LOCK, ENDPOINT = 'secret.key', 'lock', 'endpoint'
#: Socket of the engine, for the other processes of the server.
SOCKET = 'engine.sock'
#: Directory of metrics of several processes.
METRICS = 'metrics'
#: Seconds to wait for the end of another server.
LOCK_SECONDS = 1
#: Files in the directory; SQLite adds suffixes to the name of the database.
_FILES = (KEY, LOCK, ENDPOINT, SOCKET, DATABASE, f'{DATABASE}-wal',
          f'{DATABASE}-shm', f'{DATABASE}-journal', f'{DATABASE}-lock')
#: Modes for others than the owner.
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def prepare(path: pathlib.Path) -> typing.TextIO:
    """Create or repair the directory; return a file that locks it.

    Exit when the directory cannot be used.
    """
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        if _belongs_to_others(path):
            process.fail(
                f'The directory {path} has files of others, and the server '
                'would deny them access. Choose a new or empty directory '
                'with --state-dir.')
        path.chmod(0o700)
        lock = _lock(path)
        count = sum(map(_repair, _list_files(path)))
    except OSError as e:
        process.fail(f'The state directory cannot be used: {e}. Choose '
                     'another with --state-dir.')
    if count:
        LOG.warning('Removed the access of other users to %d files in %s.',
                    count, path)
    return lock


def _belongs_to_others(path: pathlib.Path) -> bool:
    """Return whether others use a directory, for instance ``/tmp``."""
    mode = path.stat().st_mode
    if mode & stat.S_ISVTX:
        return True
    names = set(os.listdir(path)) if mode & _OTHERS else set()
    return bool(names) and names.isdisjoint(_FILES)


def _lock(path: pathlib.Path) -> typing.TextIO:
    lock = open(path / LOCK, 'a')
    try:
        # The processes of a killed server end a moment later.
        tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(BlockingIOError),
            stop=tenacity.stop_after_delay(LOCK_SECONDS),
            wait=tenacity.wait_fixed(LOCK_SECONDS / 20), reraise=True)(
                fcntl.flock, lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        process.fail(
            f'Another qinling-standalone uses the state directory {path}. '
            'Stop it first, or choose another with --state-dir.')
    return lock


def _list_files(path: pathlib.Path) -> Iterator[str]:
    """Yield the files and directories that the server wrote."""
    for name in (*_FILES, WORKERS, PACKAGES):
        if os.path.lexists(path / name):
            yield str(path / name)
    for directory, names, files in os.walk(path / PACKAGES):
        for name in (*names, *files):
            yield os.path.join(directory, name)


def _repair(path: str) -> bool:
    """Remove the access of others; return whether the mode was wrong."""
    mode = os.lstat(path).st_mode
    if stat.S_ISLNK(mode) or not mode & _OTHERS:
        return False
    os.chmod(path, stat.S_IMODE(mode) & ~_OTHERS)
    return True


def ensure_key(path: pathlib.Path) -> str:
    """Return the encryption key of the installation; create a missing key.

    Exit when the file of the key is damaged.
    """
    key = path / KEY
    if not key.exists():
        write_file(key, secrets.new_key() + '\n')
    text = key.read_text().strip()
    if not secrets.is_key(text):
        process.fail(f'The file {key} has no valid key. Restore the file from '
                     'a backup: the secrets in the database need the key.')
    return text


def write_file(path: pathlib.Path, text: str) -> None:
    """Write a file atomically, also with respect to a power loss."""
    temporary = path.with_suffix('.new')
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL,
                         0o600)
    with open(descriptor, 'w') as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.rename(path)
