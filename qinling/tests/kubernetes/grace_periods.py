# SPDX-License-Identifier: Apache-2.0
"""Grace periods."""

import time


class GracePeriod:
    """Grace period of containers before a kill."""

    def __init__(self, seconds):
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def shorten(self, seconds):
        """Apply a shorter period, counted from now."""
        if seconds < self._seconds:
            self._seconds = seconds
            self._end = min(self._end, time.monotonic() + seconds)

    def is_over(self):
        """Return whether the period has ended."""
        return time.monotonic() >= self._end

    def due(self):
        """Return the time of the next check."""
        return max(self._end, time.monotonic() + 0.05)
