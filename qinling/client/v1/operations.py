# SPDX-License-Identifier: Apache-2.0
"""Operations: one action on many executions."""

from collections.abc import Iterator
from collections.abc import Mapping
import typing

from qinling.client import http
from qinling.client.v1 import base


class Operations(base.Collection):
    """Operations."""

    path = 'operations'
    key = 'operations'
    noun = 'Operation'
    busy = ('running',)

    def create(self, action: str, filter: Mapping[str, typing.Any],
               idempotency_key: str | None = None, **fields: typing.Any
               ) -> base.Resource:
        """Rerun, cancel or delete the executions that a filter selects.

        :param action: ``'rerun'``, ``'cancel'`` or ``'delete'``.
        :param filter: filters of a list of executions; a text, or a list of
            texts that all must hold.
        :param idempotency_key: a second request with the same key returns
            the first operation.
        :param fields: ``all`` for an empty filter, ``rate`` in executions
            per second, ``function_version`` of reruns, and ``dry_run`` for
            the ``total`` alone.
        """
        headers = http.drop_none({'Idempotency-Key': idempotency_key})
        return self._call('POST', headers=headers, json=http.drop_none(
            dict(fields, action=action, filter=dict(filter))))

    def replay(self, alias: str, function_version: int,
               **fields: typing.Any) -> base.Resource:
        """Run recorded executions of an alias on another version.

        :param fields: ``network`` to permit the network, ``last``,
            ``filter``, ``rate`` and ``ignore``, a list of JSON pointers.
        :returns: an operation with the action ``replay``.
        """
        response = self._transport.request(
            'POST', http.build_path('aliases', alias, 'replay'),
            json=http.drop_none(dict(
                fields, function_version=function_version)))
        return base.Resource(http.read_json(response))

    def list_results(self, id: str, **query: typing.Any
                     ) -> Iterator[dict[str, typing.Any]]:
        """Iterate over the results of a replay.

        :param query: ``different``, and the query of a list.
        """
        return self._transport.iterate_pages(
            http.build_path(self.path, id, 'results'), 'results',
            http.drop_none(query))

    def change(self, id: str, verb: str) -> base.Resource:
        """Pause, resume or cancel an operation."""
        return self._call('POST', id, verb)
