# SPDX-License-Identifier: Apache-2.0
"""Rollouts, addressed by the name of their alias."""

import typing

from qinling.client import http
from qinling.client.v1 import base


class Rollouts(base.Collection):
    """Rollouts; only the latest of an alias is shown."""

    path = 'aliases'
    noun = 'Rollout'
    busy = ('running',)

    def start(self, alias: str, function_version: int,
              if_match: str | None = None, **fields: typing.Any
              ) -> base.Resource:
        """Begin to move an alias to another version.

        :param fields: ``steps``, ``guards``, ``on_breach``,
            ``requires_replay`` and ``max_differences``.
        """
        return self._call(
            'POST', *self._locate(alias), if_match=if_match,
            json=http.drop_none(dict(
                fields, function_version=function_version)))

    def change(self, alias: str, verb: str) -> base.Resource:
        """Pause, resume, promote or abort a rollout."""
        return self._call('POST', *self._locate(alias), verb)

    def _locate(self, *address: str | int) -> tuple[str | int, ...]:
        return *address, 'rollout'
