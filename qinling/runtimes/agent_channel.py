# SPDX-License-Identifier: Apache-2.0
"""Channel of an executor: frames to and from the agent.

For bootstraps in Python; ``agent_executor.py`` describes the frames.
"""

from __future__ import annotations

import json
import os
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

HEADER = struct.Struct('>I')


class Channel:
    """End of the channel in the executor.

    :param number: file descriptor.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        os.set_inheritable(number, False)

    def receive(self) -> Any:
        """Return the object in the next frame; exit if the agent is gone."""
        size, = HEADER.unpack(self._read(HEADER.size))
        return json.loads(self._read(size))

    def send(self, text: str) -> None:
        """Send a frame of JSON."""
        data = text.encode()
        rest = memoryview(HEADER.pack(len(data)) + data)
        while rest:
            rest = rest[os.write(self._number, rest):]

    def _read(self, size: int) -> bytes | bytearray:
        data = os.read(self._number, size)
        if len(data) == size:
            return data
        buffer = bytearray(data)
        while len(buffer) < size:
            data = os.read(self._number, size - len(buffer))
            if not data:
                os._exit(0)
            buffer += data
        return buffer
