# SPDX-License-Identifier: Apache-2.0
"""Runtimes: languages and images for functions."""

import typing

from qinling.client import http
from qinling.client.v1 import base


class Runtimes(base.Collection):
    """Runtimes.

    Fields of an update: ``name``, ``description``, ``image``, ``language``,
    ``language_version``, ``upgrade_versions``.
    """

    path = 'runtimes'
    key = 'runtimes'
    noun = 'Runtime'
    busy = ('creating', 'upgrading', 'deleting')

    def create(self, image: str, **fields: typing.Any) -> base.Resource:
        """Create a runtime; an engine then creates the pool.

        :param fields: ``name``, ``description``, ``language``,
            ``language_version``, ``is_public``, ``trusted``.
        """
        return self._call('POST', json=http.drop_none(
            dict(fields, image=image)))

    def get_pool(self, id: str) -> base.Resource:
        """Return ``name`` and ``capacity`` of the pool."""
        return self._call('GET', id, 'pool')
