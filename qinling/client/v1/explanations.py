# SPDX-License-Identifier: Apache-2.0
"""Explanations of requests: what would a request do?"""

from __future__ import annotations

import typing

from qinling.client import http


class Explained(Exception):
    """End of a request that was explained and not carried out."""

    def __init__(self, explanation: dict[str, typing.Any]) -> None:
        super().__init__()
        self.explanation = explanation


class ExplainingSender(http.Sender):
    """Sender that has the first change explained; reads work as usual."""

    def __init__(self, sender: http.Sender) -> None:
        self._sender = sender

    def send(self, method: str, path: str, **options: typing.Any
             ) -> http.Response:
        """Return the answer to a read, or to a change that is not valid.

        :raises Explained: the request is a change.
        """
        if method == 'GET':
            return self._sender.send(method, path, **options)
        options.pop('headers', None)
        response = self._sender.send('POST', f'{path}/explain', **options)
        if response.status_code >= 400:
            return response
        raise Explained(http.read_json(response))
