# SPDX-License-Identifier: Apache-2.0
"""The contract of package storage.

Each :meth:`Storage.put` makes a key of its own, which begins with the
SHA-256 of the bytes.  Since nobody else can ever make or hold that key, what
has lost its last reference can be deleted without asking who might be
storing the same bytes at this moment.
"""

import abc
import dataclasses
import uuid


@dataclasses.dataclass(frozen=True)
class Stored:
    """What was stored: ``key`` finds it again, ``size`` is in bytes."""

    key: str
    sha256: str
    md5: str
    size: int


def new_key(sha256):
    """A key that nobody else has, for bytes with this digest."""
    return f'{sha256.hexdigest()}-{uuid.uuid4().hex[:8]}'


class Storage(abc.ABC):
    """Keeps packages.  Drivers raise ``TemporaryError`` when the store does
    not answer or refuses: an operator can mend that, a user cannot.

    Nothing is asked of the store when a driver is made, so that the service
    starts while it is down.
    """

    @abc.abstractmethod
    def put(self, stream):
        """Store the bytes of a binary stream, read in pieces.

        An interrupted put leaves nothing that :meth:`open` could find.

        :returns: a :class:`Stored`.
        """

    @abc.abstractmethod
    def open(self, key):
        """A binary stream of the package; the caller closes it.

        :raises FileNotFoundError: nothing is stored under the key.
        """

    @abc.abstractmethod
    def delete(self, key):
        """Remove a package; an unknown key is no error."""

    @abc.abstractmethod
    def keys(self, older_than):
        """The keys stored at least ``older_than`` seconds ago, for the sweep
        of what nothing refers to."""
