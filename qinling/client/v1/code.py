# SPDX-License-Identifier: Apache-2.0
"""Packages and workers, which functions and versions both have."""

from collections.abc import Iterator

from qinling.client.v1 import base

CHUNK_BYTES = 64 * 1024


class CodeCollection(base.Collection):
    """Functions or versions.

    ``address`` is the id of the function; for a version, the number follows.
    """

    path = 'functions'

    def download(self, *address: str | int) -> Iterator[bytes]:
        """Return the package, as an iterator over chunks of bytes."""
        response = self._send('GET', *self._locate(*address), stream=True,
                              params={'download': 'true'})
        return response.iter_content(CHUNK_BYTES)

    def scale_up(self, *address: str | int, count: int = 1) -> None:
        """Add workers."""
        self._send('POST', *self._locate(*address), 'scale_up',
                   json={'count': count})

    def scale_down(self, *address: str | int, count: int = 1) -> None:
        """Remove workers."""
        self._send('POST', *self._locate(*address), 'scale_down',
                   json={'count': count})

    def provision(self, *address: str | int, count: int = 1) -> None:
        """Let each engine hold ``count`` workers ready, 0 for none."""
        self._send('POST', *self._locate(*address), 'provision',
                   json={'count': count})

    def detach(self, *address: str | int) -> None:
        """Remove all workers."""
        self._send('POST', *self._locate(*address), 'detach')
