# SPDX-License-Identifier: Apache-2.0
"""Channel of an executor: frames to and from the agent.

For bootstraps in Python; ``agent_executor.py`` describes the frames.
"""

from __future__ import annotations

import json
import json.scanner
import os
import select
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

HEADER = struct.Struct('>I')
# Copies, since the code of the user may replace the originals.
_read, _write, _exit, _close = os.read, os.write, os._exit, os.close
_poll = select.poll
_scan_value = json.scanner.make_scanner(
    json.JSONDecoder())  # type: ignore[arg-type]


# Numbers stay texts: only the ends of values matter.
_scan = json.JSONDecoder(parse_int=str, parse_float=str).raw_decode


def split_object(text: str) -> dict[str, str]:
    """Return the members of a JSON object as JSON texts.

    Decoding and encoding would lose digits of numbers.
    """
    members = {}
    index = _skip_blanks(text, _skip_blanks(text, 0) + 1)
    while text[index] != '}':
        name, index = _scan(text, index)
        start = _skip_blanks(text, _skip_blanks(text, index) + 1)
        _value, end = _scan(text, start)
        members[name] = text[start:end]
        index = _skip_blanks(text, end)
        if text[index] == ',':
            index = _skip_blanks(text, index + 1)
    return members


def first_element(text: str) -> str | None:
    """Return the JSON text of the first element of an array, if any."""
    start = _skip_blanks(text, 1)
    if text[start] == ']':
        return None
    return text[start:_scan(text, start)[1]]


def _skip_blanks(text: str, index: int) -> int:
    while text[index] in ' \t\n\r':
        index += 1
    return index


class Channel:
    """End of the channel in the executor.

    The code of the user may make the channel non-blocking.

    :param number: file descriptor.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        os.set_inheritable(number, False)

    def receive(self) -> Any:
        """Return the object in the next frame; exit if the agent is gone."""
        return _scan_value(self.receive_text().decode(), 0)[0]

    def receive_text(self) -> bytes | bytearray:
        """Return the next frame; exit if the agent is gone."""
        size, = HEADER.unpack(self._read(HEADER.size))
        return self._read(size)

    def close(self) -> None:
        """Close the channel, unless the user has."""
        try:
            _close(self.number)
        except OSError:
            pass

    def send(self, text: str) -> None:
        """Send a frame of JSON."""
        data = text.encode()
        rest = memoryview(HEADER.pack(len(data)) + data)
        while rest:
            try:
                rest = rest[_write(self.number, rest):]
            except BlockingIOError:
                self._wait(select.POLLOUT)

    def _read(self, size: int) -> bytes | bytearray:
        data = self._read_part(size)
        if len(data) == size:
            return data
        buffer = bytearray(data)
        while len(buffer) < size:
            buffer += self._read_part(size - len(buffer))
        return buffer

    def _read_part(self, size: int) -> bytes:
        """Return at least one byte; exit if there is no channel."""
        while True:
            try:
                data = _read(self.number, size)
            except BlockingIOError:
                self._wait(select.POLLIN)
                continue
            except OSError:
                data = b''  # the user closed or replaced the channel
            if not data and size:
                _exit(0)
            return data

    def _wait(self, event: int) -> None:
        poller = _poll()
        poller.register(self.number, event)
        poller.poll()
