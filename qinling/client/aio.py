# SPDX-License-Identifier: Apache-2.0
"""Python client for asyncio.

The requests run in threads of the event loop's default executor, so that
programs need no second library of HTTP.
"""

import asyncio
from collections.abc import AsyncIterator
from collections.abc import Callable
from collections.abc import Iterator
import functools
import typing

from qinling.client import v1
from qinling.client.v1 import base

_T = typing.TypeVar('_T')
_END = object()


class Client:
    """Client of the whole API, with the parameters of :class:`v1.Client`::

        client = aio.Client('http://127.0.0.1:7070')
        function = await client.functions.get(id)
        async for execution in client.executions.list(limit=100):
            print(execution['status'])

    Methods have the names and parameters of :class:`v1.Client`.
    """

    def __init__(self, *arguments: typing.Any, **options: typing.Any
                 ) -> None:
        self._client = v1.Client(*arguments, **options)

    async def ping(self) -> tuple[float, float | None]:
        """Return duration and lead; see :meth:`v1.Client.ping`."""
        return await asyncio.to_thread(self._client.ping)

    async def openapi(self) -> dict[str, typing.Any]:
        """Return the description of the API in OpenAPI 3.1."""
        return await asyncio.to_thread(self._client.openapi)

    def __getattr__(self, name: str) -> 'Collection':
        return Collection(getattr(self._client, name))


class Collection:
    """Resources of one kind.

    Methods that yield resources return an asynchronous iterator; all others
    are coroutines.
    """

    def __init__(self, collection: base.Collection) -> None:
        self._collection = collection

    def __getattr__(self, name: str) -> Callable[..., typing.Any]:
        method = getattr(self._collection, name)
        result = typing.get_type_hints(method).get('return')
        if typing.get_origin(result) is Iterator:
            return functools.partial(_iterate, method)
        return functools.partial(asyncio.to_thread, method)


async def _iterate(method: Callable[..., Iterator[_T]],
                   *arguments: typing.Any, **options: typing.Any
                   ) -> AsyncIterator[_T]:
    values = await asyncio.to_thread(method, *arguments, **options)
    while (value := await asyncio.to_thread(next, values, _END)) is not _END:
        yield typing.cast(_T, value)
