# SPDX-License-Identifier: Apache-2.0
"""Code that was fetched from elsewhere, kept by this process for a while."""

import collections
import dataclasses
import os
import tempfile
import threading

from qinling import exception


@dataclasses.dataclass(frozen=True)
class Kept:
    """What is in the cache under a name: an open ``file``, and the ``etag``
    that it had where it comes from."""

    etag: str
    file: object


class Cache:
    """Files in a directory of their own, which goes with the process.

    Whether what is here may be used is asked of its origin each time: the
    ETag says whether it is still the same.

    :param parent: where the directory is made; ``None`` for the usual place.
    :param limit: bytes that are kept; what was used longest ago goes first.
    """

    def __init__(self, parent, limit):
        self._parent = parent
        self._limit = limit
        self._lock = threading.Lock()
        self._directory = None
        #: name -> (etag, path, size)
        self._index = collections.OrderedDict()

    def find(self, name):
        """The :class:`Kept` of a name, whose file the caller closes, or
        ``None``."""
        with self._lock:
            if name not in self._index:
                return None
            self._index.move_to_end(name)
            etag, path, _size = self._index[name]
            return Kept(etag, open(path, 'rb'))

    def keep(self, name, found, pieces):
        """A file of what was fetched, which the caller closes.

        :param found: what has its ``etag`` and ``size``.
        :param pieces: the bytes, as an iterable.
        :raises TemporaryError: they are fewer or more.
        """
        file = tempfile.NamedTemporaryFile(
            dir=self._place(), delete=False)
        try:
            for piece in pieces:
                file.write(piece)
            if file.tell() != found.size:
                raise exception.TemporaryError(
                    f'{file.tell()} bytes came instead of {found.size}')
            file.flush()
            file.seek(0)
        except BaseException:
            file.close()
            os.unlink(file.name)
            raise
        self._enter(name, found, file.name)
        return file

    def _place(self):
        with self._lock:
            if self._directory is None:
                self._directory = tempfile.TemporaryDirectory(
                    prefix='qinling-code-', dir=self._parent)
            return self._directory.name

    def _enter(self, name, found, path):
        with self._lock:
            if name in self._index:
                os.unlink(self._index.pop(name)[1])
            self._index[name] = (found.etag, path, found.size)
            total = sum(size for _etag, _path, size in self._index.values())
            while total > self._limit:
                _name, (_etag, oldest, size) = self._index.popitem(
                    last=False)
                os.unlink(oldest)
                total -= size
