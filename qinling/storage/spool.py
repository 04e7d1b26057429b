# SPDX-License-Identifier: Apache-2.0
"""Packages on their way between a stream and a store in the network.

Both ways lead through a file without a name: a key begins with the digest of
all bytes, so they are known before the first is sent; and what was fetched
can be sought, is checked before anybody sees a byte of it, and outlives the
store's own copy.
"""

import contextlib
import hashlib
import tempfile

from qinling import exception
from qinling.storage import base

PIECE = 1024 * 1024


@contextlib.contextmanager
def taken(stream):
    """The bytes of a binary stream, as a file and the :class:`base.Stored`
    that they shall become."""
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    size = 0
    with tempfile.TemporaryFile() as file:
        while piece := stream.read(PIECE):
            sha256.update(piece)
            md5.update(piece)
            size += file.write(piece)
        file.seek(0)
        yield file, base.Stored(
            base.new_key(sha256), sha256.hexdigest(), md5.hexdigest(), size)


def fetched(key, pieces):
    """A seekable file of the bytes that a store sends for a key.

    :param pieces: the bytes, as an iterable.
    :raises TemporaryError: they are not those that were put.
    """
    sha256 = hashlib.sha256()
    file = tempfile.TemporaryFile()
    try:
        for piece in pieces:
            sha256.update(piece)
            file.write(piece)
        if not key.startswith(sha256.hexdigest()):
            raise exception.TemporaryError(
                f'The store does not send the bytes of package {key}, but '
                'others.')
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file
