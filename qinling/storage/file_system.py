# SPDX-License-Identifier: Apache-2.0
"""Packages as files of a directory."""

from collections.abc import Iterator
import os
import pathlib
import tempfile
import time
import typing

from oslo_config import cfg

from qinling.storage import base
from qinling.storage import spool

#: Prefix of unfinished packages, which a sweep deletes like other keys.
UNFINISHED_PREFIX = '.put-'


class Driver(base.Storage):
    """Storage in files ``<directory>/<2 digits>/<key>``."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._root = pathlib.Path(conf.storage.file_system_dir)
        parent = self._path(UNFINISHED_PREFIX).parent
        try:
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
            parent.mkdir(exist_ok=True, mode=0o700)
        except OSError as e:
            raise ValueError(f'[storage] file_system_dir: {e}')

    def put(self, stream: typing.BinaryIO) -> base.StoredPackage:
        descriptor, name = tempfile.mkstemp(
            prefix=UNFINISHED_PREFIX,
            dir=self._path(UNFINISHED_PREFIX).parent)
        path = pathlib.Path(name)
        try:
            with open(descriptor, 'wb') as file:
                package = spool.copy(stream, file)
                file.flush()
                os.fsync(file.fileno())
            final_path = self._path(package.key)
            final_path.parent.mkdir(exist_ok=True, mode=0o700)
            path = path.rename(final_path)
            _sync_directory(final_path.parent)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return package

    def open(self, key: str) -> typing.BinaryIO:
        return self._path(key).open('rb')

    def delete(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)

    def list_keys(self, older_than: float) -> Iterator[str]:
        limit = time.time() - older_than
        for path in self._root.glob('??/*'):
            try:
                if path.stat().st_mtime <= limit:
                    yield path.name
            except FileNotFoundError:
                continue

    def _path(self, key: str) -> pathlib.Path:
        return self._root / key[:2] / key


def _sync_directory(directory: pathlib.Path) -> None:
    """Sync a directory, so that new names survive a power loss."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
