# SPDX-License-Identifier: Apache-2.0
"""Cache of fetched code, for the life of the process."""

import collections
from collections.abc import Iterable
import dataclasses
import os
import tempfile
import threading
import typing

from qinling import exception


@dataclasses.dataclass(frozen=True)
class CachedFile:
    """Open ``file``, with its ``etag`` at the origin."""

    etag: str
    file: typing.BinaryIO


class FileInfo(typing.Protocol):
    """Description of a fetched file; ``size`` in bytes."""

    @property
    def etag(self) -> str:
        """Return the ETag at the origin."""

    @property
    def size(self) -> int:
        """Return the bytes."""


class Cache:
    """Files in a temporary directory.

    Callers must validate the ETag at the origin before each use.

    :param parent: parent of the directory; ``None`` for the default.
    :param limit: maximum of bytes; least recently used files are deleted.
    """

    def __init__(self, parent: str | None, limit: int) -> None:
        self._parent = parent
        self._limit = limit
        self._lock = threading.Lock()
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        #: name -> (etag, path, size)
        self._index: collections.OrderedDict[
            str, tuple[str, str, int]] = collections.OrderedDict()

    def find(self, name: str) -> CachedFile | None:
        """Return the file of a name, if cached; the caller closes it."""
        with self._lock:
            if name not in self._index:
                return None
            self._index.move_to_end(name)
            etag, path, _size = self._index[name]
            return CachedFile(etag, open(path, 'rb'))

    def add(self, name: str, info: FileInfo, chunks: Iterable[bytes]
            ) -> typing.BinaryIO:
        """Cache and return a file; the caller closes it.

        :raises TemporaryError: the number of bytes is not ``info.size``.
        """
        descriptor, path = tempfile.mkstemp(dir=self._find_directory())
        file = open(descriptor, 'w+b')
        try:
            for chunk in chunks:
                file.write(chunk)
            if file.tell() != info.size:
                raise exception.TemporaryError(
                    f'{file.tell()} bytes came instead of {info.size}')
            file.flush()
            file.seek(0)
        except BaseException:
            file.close()
            os.unlink(path)
            raise
        self._index_file(name, info, path)
        return file

    def _find_directory(self) -> str:
        """Return the directory; create the directory on first use."""
        with self._lock:
            if self._directory is None:
                self._directory = tempfile.TemporaryDirectory(
                    prefix='qinling-code-', dir=self._parent)
            return self._directory.name

    def _index_file(self, name: str, info: FileInfo, path: str) -> None:
        with self._lock:
            if name in self._index:
                os.unlink(self._index.pop(name)[1])
            self._index[name] = (info.etag, path, info.size)
            total = sum(size for _etag, _path, size in self._index.values())
            while total > self._limit:
                _name, (_etag, oldest, size) = self._index.popitem(
                    last=False)
                os.unlink(oldest)
                total -= size
