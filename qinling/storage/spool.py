# SPDX-License-Identifier: Apache-2.0
"""Spool files between a stream and a store in the network.

Uploads need a file, since a key starts with the digest of all bytes.
Downloads need a file, since the bytes are checked before use, are seekable,
and must outlive the object in the store.
"""

from collections.abc import Iterable
from collections.abc import Iterator
import contextlib
import hashlib
import tempfile
import typing

from qinling import exception
from qinling.storage import base

CHUNK_BYTES = 1024 * 1024


def copy(stream: typing.BinaryIO, file: typing.BinaryIO
         ) -> base.StoredPackage:
    """Copy a stream to a file, and return a new key with the digests."""
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    size = 0
    while chunk := stream.read(CHUNK_BYTES):
        sha256.update(chunk)
        md5.update(chunk)
        size += file.write(chunk)
    return base.StoredPackage(
        base.create_key(sha256), sha256.hexdigest(), md5.hexdigest(), size)


@contextlib.contextmanager
def spool_upload(stream: typing.BinaryIO
                 ) -> Iterator[tuple[typing.BinaryIO, base.StoredPackage]]:
    """Yield the bytes of a stream as a file, and the package to store."""
    with tempfile.TemporaryFile() as file:
        package = copy(stream, file)
        file.seek(0)
        yield file, package


def spool_download(key: str, chunks: Iterable[bytes]) -> typing.BinaryIO:
    """Return a seekable file of the bytes that a store sends for a key.

    :raises TemporaryError: the digest differs from the key.
    """
    sha256 = hashlib.sha256()
    file = tempfile.TemporaryFile()
    try:
        for chunk in chunks:
            sha256.update(chunk)
            file.write(chunk)
        if not key.startswith(sha256.hexdigest()):
            raise exception.TemporaryError(
                f'The store sent wrong bytes for package {key}.')
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file
