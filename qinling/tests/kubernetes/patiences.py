# SPDX-License-Identifier: Apache-2.0
"""How long something may take to end by itself."""

import time


class Patience:
    """The time that containers have to end, after which they are killed."""

    def __init__(self, seconds):
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def shorten(self, seconds):
        """Take note of another period, which begins now if it is shorter.
        """
        if seconds < self._seconds:
            self._seconds = seconds
            self._end = min(self._end, time.monotonic() + seconds)

    def over(self):
        return time.monotonic() >= self._end

    def due(self):
        """When to look again."""
        return max(self._end, time.monotonic() + 0.05)
