# SPDX-License-Identifier: Apache-2.0
"""Deliveries to a webhook, addressed by the ids of webhook and delivery."""

from collections.abc import Iterator
import typing

from qinling.client import http
from qinling.client.v1 import base


class Deliveries(base.Collection):
    """Deliveries on record."""

    path = 'webhooks'
    key = 'deliveries'
    noun = 'Delivery'

    def list_of(self, webhook: str, **query: typing.Any
                ) -> Iterator[dict[str, typing.Any]]:
        """Iterate over the deliveries to a webhook.

        :param query: as of :meth:`list`.
        """
        return self._transport.iterate_pages(
            http.build_path(self.path, webhook, self.key), self.key,
            http.drop_none(query))

    def get_body(self, webhook: str, id: str) -> bytes:
        """Return the bytes of the body.

        :raises HttpError: if the body is not on record.
        """
        data: bytes = self._send(
            'GET', *self._locate(webhook, id), 'body').content
        return data

    def replay(self, webhook: str, id: str, **target: typing.Any
               ) -> base.Resource:
        """Run a function with the bytes of a delivery again.

        :param target: ``function_version`` or ``function_alias`` of the
            function of the webhook, or ``function_id``.
        :returns: the new delivery.
        """
        return self._call('POST', *self._locate(webhook, id), 'replay',
                          json=http.drop_none(target))

    def replay_many(self, webhook: str, **fields: typing.Any
                    ) -> base.Resource:
        """Replay the deliveries that a filter selects, one page.

        :param fields: ``filter``, ``limit``, ``marker``, ``dry_run`` and the
            target of :meth:`replay`.
        :returns: ``count``, ``replays`` and ``marker`` of the next page.
        """
        return self._call('POST', webhook, self.key, 'replay',
                          json=http.drop_none(fields))

    def _locate(self, *address: str | int) -> tuple[str | int, ...]:
        webhook, id = address
        return webhook, self.key, id
