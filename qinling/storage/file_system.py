# SPDX-License-Identifier: Apache-2.0
"""Packages as files in one directory."""

import hashlib
import os
import pathlib
import tempfile
import time

from qinling.storage import base

PIECE = 1024 * 1024
#: How the keys of unfinished packages begin.  They are keys like others, so
#: that a sweep finds what a process that died left behind.
UNFINISHED = '.put-'


class Driver(base.Storage):
    """Keeps each package in ``<directory>/<2 digits>/<key>``."""

    def __init__(self, conf):
        self._root = pathlib.Path(conf.storage.file_system_dir)
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path(UNFINISHED).parent.mkdir(exist_ok=True, mode=0o700)

    def put(self, stream):
        sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        descriptor, name = tempfile.mkstemp(
            prefix=UNFINISHED, dir=self._path(UNFINISHED).parent)
        path = pathlib.Path(name)
        try:
            size = 0
            with open(descriptor, 'wb') as out:
                while piece := stream.read(PIECE):
                    sha256.update(piece)
                    md5.update(piece)
                    size += out.write(piece)
                out.flush()
                os.fsync(out.fileno())
            key = base.new_key(sha256)
            final = self._path(key)
            final.parent.mkdir(exist_ok=True, mode=0o700)
            path = path.rename(final)
            _sync(final.parent)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return base.Stored(key, sha256.hexdigest(), md5.hexdigest(), size)

    def open(self, key):
        return self._path(key).open('rb')

    def delete(self, key):
        self._path(key).unlink(missing_ok=True)

    def keys(self, older_than):
        limit = time.time() - older_than
        for path in self._root.glob('??/*'):
            try:
                if path.stat().st_mtime <= limit:
                    yield path.name
            except FileNotFoundError:
                continue

    def _path(self, key):
        return self._root / key[:2] / key


def _sync(directory):
    """A new name survives a power loss only once its directory is synced."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
