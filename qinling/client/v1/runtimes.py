# SPDX-License-Identifier: Apache-2.0
"""Runtimes: what functions are written for."""

from qinling.client import http
from qinling.client.v1 import base


class Runtimes(base.Collection):
    path = 'runtimes'
    key = 'runtimes'
    noun = 'Runtime'
    busy = ('creating', 'upgrading', 'deleting')

    def create(self, image, **fields):
        """Its pool is made afterwards.  ``fields``: ``name``,
        ``description``, ``language``, ``language_version``,
        ``is_public``, ``trusted``."""
        return self._call('POST', json=http.given(
            dict(fields, image=image)))

    def update(self, id, if_match=None, **fields):
        """``fields``: ``name``, ``description``, ``image``, ``language``,
        ``language_version``, ``upgrade_versions``."""
        return self._call('PUT', id, if_match=if_match,
                          json=http.given(fields))

    def pool(self, id):
        """``name`` and ``capacity`` of the pool."""
        return self._call('GET', id, 'pool')
