# SPDX-License-Identifier: Apache-2.0
"""Output of executions, and the pipe that carries the output."""

from __future__ import annotations

import codecs
import fcntl
import os

CHUNK_BYTES = 65536  # the capacity of a pipe
MAX_PIPE_BYTES = 1 << 20  # the capacity that a program may set
MAX_PACKETS = 512  # of such a pipe in packet mode
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
        data = data.replace(LATE_END, LATE_END.replace(b'[', b'\\['))
        end = b'' if data.endswith(b'\n') else b'\n'
        self.add(LATE_BEGIN + data + end + LATE_END)

    def read_text(self, offset: int) -> str:
        """Return complete characters from an offset in characters.

        Any thread may read while the execution runs.
        """
        decoder = codecs.getincrementaldecoder('utf-8')('replace')
        return decoder.decode(bytes(self._data))[offset:]

    def text(self) -> str:
        """Return the output, with a note about dropped bytes."""
        text = self._data.decode('utf-8', 'replace')
        if self._dropped_bytes:
            text = ('%s\n[%d bytes of output were dropped: the log is limited '
                    'to %d bytes]\n'
                    % (text, self._dropped_bytes, self._limit))
        return text


class Pipe:
    """Pipe from an executor to the agent.

    The agent keeps the writing end open, so the pipe never reports an end of
    file, even if the user closes all descriptors.
    """

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)

    def restore(self) -> None:
        """Restore the mode, which each program with the pipe can change.

        Writes wait for room, and keep together only by chance.
        """
        fcntl.fcntl(self.writer, fcntl.F_SETFL, os.O_WRONLY)

    def read(self) -> bytes:
        """Return the next bytes, without waiting."""
        try:
            return os.read(self.reader, CHUNK_BYTES)
        except BlockingIOError:
            return b''

    def read_all(self) -> bytes:
        """Return the content, without waiting.

        The number of reads is bounded, since other processes may write.
        """
        content = bytearray()
        for _packet in range(MAX_PACKETS):
            data = self.read()
            content += data
            if not data or len(content) >= MAX_PIPE_BYTES:
                break
        return bytes(content)

    def close(self) -> None:
        """Close both ends."""
        os.close(self.reader)
        os.close(self.writer)
