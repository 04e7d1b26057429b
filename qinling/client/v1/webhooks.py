# SPDX-License-Identifier: Apache-2.0
"""Webhooks: URLs that run functions."""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import json
import typing
import urllib.parse

from qinling.client import http
from qinling.client.v1 import base

#: Header with the id of the execution that a webhook started.
EXECUTION = 'X-Qinling-Execution-Id'


@dataclasses.dataclass(frozen=True)
class Delivery:
    """Request to a webhook.

    :ivar words: of the path behind the id of the webhook.
    """

    body: bytes
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    words: Sequence[str | int] = ('invoke',)
    method: str = 'POST'
    query: str = ''


class Webhooks(base.Collection):
    """Webhooks.

    Fields of an update: those of :meth:`create` except ``signature`` and
    ``secret``.  Requests and answers with a secret are never logged.
    """

    path = 'webhooks'
    key = 'webhooks'
    noun = 'Webhook'
    #: Webhooks have no field ``name``.
    name = 'description'

    def create(self, **fields: typing.Any) -> base.Resource:
        """Create a webhook; only the present answer contains the ``secret``.

        :param fields: ``function_id`` and ``function_version``, or
            ``function_alias``; ``description``, ``sync``, ``payload``,
            ``methods``, ``origins``, ``previews``, ``keep_deliveries``,
            ``stream``,
            ``signature``, ``secret``.
        """
        return self._call('POST', json=http.drop_none(fields), log=False)

    def rotate_secret(self, id: str, if_match: str | None = None,
                      **fields: typing.Any) -> base.Resource:
        """Replace the secret of a webhook; the answer contains the new
        secret.

        :param fields: ``secret`` (random by default), ``signature``,
            ``overlap`` (seconds for which the old secret stays valid).
        """
        return self._call('POST', id, 'secret', if_match=if_match,
                          json=http.drop_none(fields), log=False)

    def clear_secret(self, id: str, if_match: str | None = None) -> None:
        """Remove the secret: the webhook then accepts unsigned requests."""
        self._send('DELETE', id, 'secret', if_match=if_match)

    def invoke(self, id: str, input: dict[str, typing.Any] | None = None,
               body: bytes | None = None,
               headers: dict[str, str] | None = None,
               preview: Sequence[str | int] = ()
               ) -> dict[str, typing.Any]:
        """Run the function with a JSON object, or with any body.

        :param body: replaces ``input``.
        :param headers: of the request, such as ``Content-Type``.
        :param preview: ``('versions', 2)`` or ``('aliases', 'next')`` for a
            webhook with ``previews``.
        :returns: dict with ``execution_id``, ``status_code`` and, if the
            webhook is synchronous, the answer as the text ``output``, the
            bytes ``content`` and ``content_type``.
        :raises HttpError: if the execution fails, or the function answers
            with an error.
        """
        return self.deliver(id, Delivery(
            encode_input(input) if body is None else body, headers or {},
            (*preview, 'invoke')))

    def deliver(self, id: str, delivery: 'Delivery'
                ) -> dict[str, typing.Any]:
        """Send a request to a webhook; see :meth:`invoke`."""
        response = self._send(
            delivery.method, id, *delivery.words, data=delivery.body,
            headers={'Content-Type': 'application/json', **delivery.headers},
            params=urllib.parse.parse_qsl(delivery.query,
                                          keep_blank_values=True),
            timeout=http.EXECUTION_READ_SECONDS)
        execution = response.headers.get(EXECUTION)
        answer: dict[str, typing.Any] = {'status_code': response.status_code}
        if response.status_code == 202:
            execution = execution or response.json()['execution_id']
        else:
            answer.update(
                output=response.content.decode('utf-8', 'replace'),
                content=response.content,
                content_type=response.headers.get('Content-Type'))
        return dict(answer, execution_id=execution)


def encode_input(input: dict[str, typing.Any] | None) -> bytes:
    """Return the body of a delivery with a JSON object."""
    return json.dumps(input or {}).encode()
