# SPDX-License-Identifier: Apache-2.0
"""Output of executions."""

from __future__ import annotations

TAIL_BYTES = 1 << 14  # V8 prints a stack trace after its error
LATE_BEGIN = b'[output since the end of the previous execution]\n'
LATE_END = b'[end of the output of the previous execution]\n'


class Output:
    """Output of an execution.

    :param limit: maximum number of bytes; ``tail`` has the last bytes in any
        case.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._data = bytearray()
        self._dropped_bytes = 0
        self.tail = b''

    def add(self, data: bytes) -> None:
        """Add output, up to the limit."""
        self.tail = (self.tail + data)[-TAIL_BYTES:]
        room = self._limit - len(self._data)
        self._data += data[:room]
        self._dropped_bytes += max(0, len(data) - room)

    def add_late(self, data: bytes) -> None:
        """Add output of the time before the execution, with marks."""
        end = b'' if data.endswith(b'\n') else b'\n'
        self.add(LATE_BEGIN + data + end + LATE_END)

    def text(self) -> str:
        """Return the output, with a note about dropped bytes."""
        text = self._data.decode('utf-8', 'replace')
        if self._dropped_bytes:
            text = ('%s\n[%d bytes of output were dropped: the log is limited '
                    'to %d bytes]\n'
                    % (text, self._dropped_bytes, self._limit))
        return text
