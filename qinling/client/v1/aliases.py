# SPDX-License-Identifier: Apache-2.0
"""Aliases, addressed by name."""

import typing

from qinling.client import http
from qinling.client.v1 import base


class Aliases(base.Collection):
    """Aliases.

    Fields of an update: ``function_id``, ``function_version``,
    ``description``, ``routing``, ``tool`` and ``flow_control``; an empty
    ``routing`` removes the weights, an empty ``tool`` the tool, an empty
    ``flow_control`` the flow control.
    """

    path = 'aliases'
    key = 'function_aliases'
    noun = 'FunctionAlias'

    def create(self, name: str, function_id: str,
               **fields: typing.Any) -> base.Resource:
        """Create an alias.

        :param fields: ``function_version``, ``routing`` (weights by version
            number), ``description``, ``tool`` and ``flow_control``.
        """
        return self._call('POST', json=http.drop_none(
            dict(fields, name=name, function_id=function_id)))

    def list_history(self, name: str) -> base.Rows:
        """Return the targets of an alias, the newest first."""
        return self._call('GET', name, 'history')['history']

    def roll_back(self, name: str, revision: int | None = None,
                  if_match: str | None = None) -> base.Resource:
        """Point an alias at the previous target.

        :param revision: entry of the history to use instead.
        """
        return self._call('POST', name, 'rollback', if_match=if_match,
                          json={'revision': revision})
