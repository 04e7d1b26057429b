# SPDX-License-Identifier: Apache-2.0
"""Aliases, addressed by their names."""

from qinling.client import http
from qinling.client.v1 import base


class Aliases(base.Collection):
    path = 'aliases'
    key = 'function_aliases'
    noun = 'FunctionAlias'

    def create(self, name, function_id, **fields):
        """``fields``: ``function_version``, ``routing`` (version numbers and
        weights) and ``description``."""
        return self._call('POST', json=http.given(
            dict(fields, name=name, function_id=function_id)))

    def update(self, name, if_match=None, **fields):
        """``fields`` as above and ``function_id``; the empty ``routing``
        ends one."""
        return self._call('PUT', name, if_match=if_match,
                          json=http.given(fields))

    def history(self, name):
        """What the alias pointed at, the newest first."""
        return self._call('GET', name, 'history')['history']

    def rollback(self, name, revision=None, if_match=None):
        """Point the alias at what it pointed at before, or at what an entry
        of the history says."""
        return self._call('POST', name, 'rollback', if_match=if_match,
                          json={'revision': revision})

    def references(self, name):
        """What keeps the alias from being deleted."""
        return self._call('GET', name, 'references')['references']
