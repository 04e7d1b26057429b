# SPDX-License-Identifier: Apache-2.0
"""Streamed result of a function in Python: the items of a generator.

Texts, and bytes of UTF-8, are joined to a text; other values become a list.
A dict with ``status_code`` before texts is the head of an HTTP answer, and
the text becomes its ``body``.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterator
    from typing import Any

HEAD_KEYS = frozenset(('status_code', 'headers'))
NO_TEXT = ('The function yielded a value of type %s after texts; yield either '
           'texts (str or bytes of UTF-8), or other values.')
NO_VALUE = ('The function yielded a text after other values; yield either '
            'texts, or other values.')


def is_stream(result: Any) -> bool:
    """Return whether a result is a generator or another iterator."""
    return hasattr(result, '__next__') or hasattr(result, '__anext__')


class Stream:
    """Items of a stream.

    :param executor: :class:`python.Executor`.
    :param is_sent: whether the agent gets each item at once.
    :param fault: class of the errors.
    :param limit: bytes of the JSON of the result.
    """

    def __init__(self, executor: Any, is_sent: bool, fault: Any, limit: int
                 ) -> None:
        self._encode = executor.encode_output
        self._send = executor.send
        self._is_sent = is_sent
        self._fault = fault
        self._limit = limit
        self._head: str | None = None
        self._decoder: Any = None
        self._texts: list[str] | None = None
        self._values: list[str] = []
        self._size = 2

    def join(self, result: Any, run: Callable[[Any], Any]) -> str:
        """Send the items of a result, and return the JSON of all.

        :param run: returns the result of a coroutine.
        """
        if hasattr(result, '__next__'):
            self._join_all(result)
        else:
            run(self._join_async(result))
        if self._decoder is not None:
            self._add_text(self._decode(b'', True))
        if self._texts is None:
            return '[%s]' % ', '.join(self._values)
        text = self._encode(''.join(self._texts))
        if self._head is None:
            return text
        return '%s, "body": %s}' % (self._head[:-1], text)

    def _join_all(self, items: Iterator[Any]) -> None:
        try:
            for item in items:
                self._add(item)
        finally:
            if hasattr(items, 'close'):
                items.close()

    async def _join_async(self, items: Any) -> None:
        try:
            async for item in items:
                self._add(item)
        finally:
            if hasattr(items, 'aclose'):
                await items.aclose()

    def _add(self, item: Any) -> None:
        if isinstance(item, (str, bytes, bytearray)):
            self._add_text(item if isinstance(item, str)
                           else self._decode(item, False))
        elif self._texts is not None:
            raise self._fault(NO_TEXT % type(item).__name__,
                              'invalid_output')
        else:
            text = self._encode(item)
            if (isinstance(item, dict) and 'status_code' in item
                    and HEAD_KEYS.issuperset(item) and not self._values):
                self._head, self._texts = text, []
            else:
                self._values.append(text)
            self._count_and_send(text, len(text) + 2)

    def _add_text(self, item: str) -> None:
        if self._values:
            raise self._fault(NO_VALUE, 'invalid_output')
        if self._texts is None:
            self._texts = []
        if item:
            text = self._encode(item)
            self._texts.append(item)
            self._count_and_send(text, len(text) - 2)

    def _decode(self, data: bytes | bytearray, is_last: bool) -> str:
        if self._decoder is None:
            from codecs import getincrementaldecoder
            self._decoder = getincrementaldecoder('utf-8')()
        try:
            text: str = self._decoder.decode(data, is_last)
        except UnicodeDecodeError as error:
            raise self._fault(
                'The function yielded bytes that are no UTF-8: %s' % error,
                'invalid_output') from None
        return text

    def _count_and_send(self, text: str, size: int) -> None:
        self._size += size
        if self._size > self._limit:
            raise self._fault(
                'The result of the function is longer than the limit of %d '
                'bytes; yield less.' % self._limit, 'output_too_large')
        if self._is_sent:
            self._send('{"chunk": %s}' % text)
