# SPDX-License-Identifier: Apache-2.0
"""Executions: runs of functions."""

from collections.abc import Iterable
from collections.abc import Iterator
import time
import typing

from qinling.client import events
from qinling.client import exceptions
from qinling.client import http
from qinling.client.v1 import base


#: Bytes of the largest piece to read at once.
CHUNK_BYTES = 1 << 16


class Executions(base.Collection):
    """Executions."""

    path = 'executions'
    key = 'executions'
    noun = 'Execution'
    busy = ('running',)

    def create(self, idempotency_key: str | None = None,
               **fields: typing.Any) -> base.Resource:
        """Run a function.

        :param idempotency_key: a second request with the same key returns
            the first execution.
        :param fields: ``function_id`` and ``function_version``, or
            ``function_alias``, with ``function_version`` to run another
            version than the alias selects; ``sync``, ``input``,
            ``routing_key``, ``description``.
        """
        headers = http.drop_none({'Idempotency-Key': idempotency_key})
        return self._call(
            'POST', json=http.drop_none(fields), headers=headers,
            timeout=_read_timeout(fields.get('sync')))

    def stream(self, **fields: typing.Any) -> Iterator[events.Event]:
        """Run a function, and yield events while the function yields.

        The events are ``start`` with the ``id`` of the execution, ``output``
        with a ``text`` or a ``value``, perhaps ``head`` before, and ``end``
        with ``status``, and for a failure ``reason`` and ``output``.

        :param fields: as in :meth:`create`, and ``cancel_on_disconnect``.
        :raises ClientError: if the connection ends before the execution.
        """
        response = self._send('POST', json=http.drop_none(fields), headers={
            'Accept': 'text/event-stream'}, stream=True,
            timeout=http.EXECUTION_READ_SECONDS)
        name = None
        for name, data in events.parse(response.iter_content(CHUNK_BYTES)):
            yield name, data
        if name != 'end':
            raise exceptions.ClientError(
                'The connection ended before the execution; show its state '
                'with "function execution show".')

    def create_batch(self, **fields: typing.Any) -> base.Resource:
        """Run functions many times, asynchronously.

        :param fields: the target as in :meth:`create`, and ``inputs``; or
            ``executions``, a list of the fields of :meth:`create`.
        :returns: ``group_id``, and ``executions`` with an ``id`` or an
            ``error`` (``code`` and ``faultstring``) for each, in order.
        """
        return self._call('POST', 'batch', json=http.drop_none(fields))

    def wait_all(self, ids: Iterable[str], timeout: float | None = None
                 ) -> Iterator[base.Resource]:
        """Yield executions, each after its end.

        :param timeout: seconds for all; without limit if ``None``.
        :raises ClientError: if the time runs out.
        """
        deadline = time.monotonic() + timeout if timeout else None
        for id in ids:
            rest = deadline and max(deadline - time.monotonic(), 0.001)
            yield self.wait(id, rest)

    def get_log(self, id: str, offset: int = 0) -> str:
        """Return the output of the function, of a running one until now.

        :param offset: characters to leave out.
        """
        return self._send(
            'GET', id, 'log', params={'offset': offset} if offset else None
        ).content.decode('utf-8', 'replace')

    def follow_log(self, id: str) -> Iterator[str]:
        """Yield the output of the function until the end of the execution."""
        offset, status = 0, None
        while status is None:
            response = self._send(
                'GET', id, 'log', params={'follow': 'true', 'offset': offset},
                headers={'Accept': 'text/event-stream'}, stream=True,
                timeout=http.EXECUTION_READ_SECONDS)
            for name, data in events.parse(
                    response.iter_content(CHUNK_BYTES)):
                if name == 'log':
                    offset += len(data['text'])
                    yield data['text']
                else:
                    status = data['status']

    def cancel(self, id: str) -> base.Resource:
        """Stop a running or waiting execution."""
        return self._call('POST', id, 'cancel')

    def rerun(self, id: str, version: str | int | None = None,
              sync: bool | None = None) -> base.Resource:
        """Repeat an execution, and return the new execution.

        :param version: a number, ``'original'`` (the default) or
            ``'current'`` for the present target of the alias or function.
        """
        return self._call('POST', id, 'rerun', json=http.drop_none(
            {'version': version, 'sync': sync}), timeout=_read_timeout(sync))


def _read_timeout(sync: bool | None) -> float:
    """Return the seconds to wait for an answer."""
    return (http.READ_SECONDS if sync is False
            else http.EXECUTION_READ_SECONDS)
