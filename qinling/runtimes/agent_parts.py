# SPDX-License-Identifier: Apache-2.0
"""Parts of a streamed result, on their way from an executor to the client."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agent_http import LineSender

BEGIN = b'{"chunk":'
# Bytes of all parts, compared to the result: JSON may escape a byte as six.
MAX_FACTOR = 8


class Parts:
    """Receiver of the frames with parts.

    :param lines: sends each frame.
    :param max_result_size: bytes of the whole result.
    """

    def __init__(self, lines: LineSender, max_result_size: int) -> None:
        self._lines = lines
        self._rest = MAX_FACTOR * max_result_size

    def take(self, frame: bytes) -> bool:
        """Return whether a frame is a part; send the part.

        The code of the user can write arbitrary frames: what exceeds the
        limit is no part.
        """
        if not frame.startswith(BEGIN):
            return False
        self._rest -= len(frame) - len(BEGIN)
        if self._rest < 0:
            return False
        # Between values, a line feed is white space.
        self._lines.send_line(frame.replace(b'\n', b' '))
        return True
