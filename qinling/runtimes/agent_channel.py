# SPDX-License-Identifier: Apache-2.0
"""The channel of an executor: frames to and from the agent.

For bootstraps in Python; see ``agent_executor.py`` for what goes over it.
"""

import json
import os
import struct

HEADER = struct.Struct('>I')


class Channel:
    """The executor's end.

    :param number: of the file descriptor.
    """

    def __init__(self, number):
        self._number = number
        os.set_inheritable(number, False)

    def receive(self):
        """The object in the next frame; ends the process with the agent."""
        size, = HEADER.unpack(self._read(HEADER.size))
        return json.loads(self._read(size))

    def send(self, text):
        data = text.encode()
        data = memoryview(HEADER.pack(len(data)) + data)
        while data:
            data = data[os.write(self._number, data):]

    def _read(self, size):
        data = os.read(self._number, size)
        if len(data) < size:
            data = bytearray(data)
            while len(data) < size:
                more = os.read(self._number, size - len(data))
                if not more:
                    os._exit(0)
                data += more
        return data
