#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

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
