# SPDX-License-Identifier: Apache-2.0
"""Output of a streamed execution between its worker and its reader.

The buffer keeps the whole output, which is as bounded as a result.  So a slow
reader, or none, holds up neither the function nor a thread of the engine.
"""

import bisect
import threading
import time
import typing

from qinling.core.execution import outcomes

#: Characters, or values, of one part.
MAX_PART_LENGTH = 1 << 16
#: Members of the head of an HTTP answer, which comes before texts.
STATUS, HEAD_MEMBERS = 'status_code', frozenset(('status_code', 'headers'))


class OutputBuffer:
    """Output of one execution, as far as the function has yielded it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._head: dict[str, typing.Any] | None = None
        self._has_texts = False
        #: Texts, or lists of one value.
        self._items: list[typing.Any] = []
        #: Number of characters or values up to the end of each item.
        self._ends: list[int] = []
        self._has_ended = False
        self._is_read = False

    def add(self, value: typing.Any) -> None:
        """Add what the function has yielded.

        A worker that mixes texts and values has lied; what does not fit is
        left out, since the result decides.
        """
        with self._changed:
            if not self._items and self._head is None and is_head(value):
                self._head, self._has_texts = value, True
            elif isinstance(value, str):
                self._has_texts |= not self._items
                if value and self._has_texts:
                    self._append(value, len(value))
            elif not self._has_texts:
                self._append([value], 1)
            self._changed.notify_all()

    def _append(self, item: typing.Any, length: int) -> None:
        self._items.append(item)
        self._ends.append((self._ends[-1] if self._ends else 0) + length)

    def end(self) -> None:
        """End the output, after the row of the execution."""
        with self._changed:
            self._has_ended = True
            self._changed.notify_all()

    def read(self, offset: int, seconds: float) -> outcomes.OutputPart:
        """Return the next part.

        :param offset: characters or values to leave out, -1 to get a head
            before texts.
        :param seconds: time to wait for more.
        """
        with self._changed:
            self._changed.wait_for(lambda: (
                self._has_ended or self._length > max(0, offset)
                or offset < 0 and self._head is not None), seconds)
            offset = max(0, offset)
            output = self._slice(offset)
            is_open = not self._has_ended or (
                offset + len(output) < self._length)
            self._is_read |= not is_open
            if self._is_read:
                self._changed.notify_all()
            return outcomes.OutputPart(output, self._head, is_open)

    @property
    def _length(self) -> int:
        return self._ends[-1] if self._ends else 0

    def _slice(self, offset: int) -> str | list[typing.Any]:
        """Return a part from an offset on."""
        first = bisect.bisect_right(self._ends, offset)
        items, length = [], 0
        if first < len(self._items):
            start = self._ends[first] - len(self._items[first])
            items = [self._items[first][offset - start:]]
            length = len(items[0])
        for item in self._items[first + 1:first + 1 + MAX_PART_LENGTH]:
            if length >= MAX_PART_LENGTH:
                break
            items.append(item)
            length += len(item)
        if self._has_texts or not items:
            return ''.join(items)
        return [value for item in items for value in item]

    def wait_until_read(self, seconds: float) -> None:
        """Wait until the reader has the end."""
        end = time.monotonic() + seconds
        with self._changed:
            while not self._is_read and time.monotonic() < end:
                self._changed.wait(end - time.monotonic())


def is_head(value: typing.Any) -> bool:
    return (isinstance(value, dict) and STATUS in value
            and HEAD_MEMBERS.issuperset(value))
