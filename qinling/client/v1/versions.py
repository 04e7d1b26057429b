# SPDX-License-Identifier: Apache-2.0
"""Versions of functions, addressed by function id and number."""

from collections.abc import Iterator
import typing

from qinling.client import http
from qinling.client.v1 import base
from qinling.client.v1 import code


class Versions(code.CodeCollection):
    """Versions; an update changes ``description`` and ``tags``."""

    key = 'function_versions'
    noun = 'FunctionVersion'

    def list(self, function_id: str = '', **query: typing.Any
             ) -> Iterator[dict[str, typing.Any]]:
        """Iterate over the versions of a function."""
        return self._transport.iterate_pages(
            http.build_path(self.path, function_id, 'versions'), self.key,
            http.drop_none(query))

    def create(self, function_id: str,
               description: str | None = None, **fields: typing.Any
               ) -> base.Resource:
        """Publish the latest code.

        :param fields: ``message`` and ``tags``.
        """
        return self._call('POST', function_id, 'versions', json={
            'description': description, **http.drop_none(fields)})

    def compare(self, function_id: str, old: int | None = None,
                new: int = 0) -> base.Resource:
        """Return what changed between two versions.

        :param old: number of a version, by default of the latest.
        :param new: likewise, by default 0 for the latest code.
        """
        return self._call('GET', function_id, 'versions', 'diff',
                          params=http.drop_none({'from': old, 'to': new}))

    def get_usage(self, function_id: str, number: int) -> base.Resource:
        """Return what still uses a version."""
        return self._call('GET', *self._locate(function_id, number), 'usage')

    def verify(self, function_id: str, number: int) -> base.Resource:
        """Compare a version with its digest.

        :returns: ``digest``, ``recomputed``, ``valid``, and ``parts``, the
            names of what differs.
        """
        return self._call('GET', *self._locate(function_id, number), 'verify')

    def _locate(self, *address: str | int) -> tuple[str | int, ...]:
        function_id, number = address
        return function_id, 'versions', number
