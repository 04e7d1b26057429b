# SPDX-License-Identifier: Apache-2.0
"""Contract of package storage.

Each :meth:`Storage.put` creates a unique key, which starts with the SHA-256 of
the bytes.  A key without references can therefore be deleted safely, while
another request stores the same bytes.
"""

import abc
from collections.abc import Iterable
import dataclasses
import typing
import uuid

if typing.TYPE_CHECKING:
    import hashlib


@dataclasses.dataclass(frozen=True)
class StoredPackage:
    """Package in the storage; ``size`` in bytes."""

    key: str
    sha256: str
    md5: str
    size: int


def create_key(sha256: 'hashlib._Hash') -> str:
    """Return a unique key for bytes with a digest."""
    return f'{sha256.hexdigest()}-{uuid.uuid4().hex[:8]}'


class Storage(abc.ABC):
    """Storage of packages.

    Drivers raise ``TemporaryError`` if the store does not answer or refuses,
    since operators can repair the store.

    Constructors must not call the store, so the service starts during an
    outage of the store.
    """

    @abc.abstractmethod
    def put(self, stream: typing.BinaryIO) -> StoredPackage:
        """Store the bytes of a stream, read in chunks.

        An interrupted call leaves no bytes for :meth:`open`.
        """

    @abc.abstractmethod
    def open(self, key: str) -> typing.BinaryIO:
        """Return a seekable stream of a package; the caller closes it.

        :raises FileNotFoundError: no package has the key.
        """

    @abc.abstractmethod
    def delete(self, key: str) -> None:
        """Delete a package; ignore an unknown key."""

    @abc.abstractmethod
    def list_keys(self, older_than: float) -> Iterable[str]:
        """Return the keys of packages, for the sweep.

        :param older_than: minimum age in seconds.
        """
