# SPDX-License-Identifier: Apache-2.0
"""Keeps workers that want all processors from delaying the others.

Weights alone do not: a worker with little to do still waits for the turns of
each of those that have much.  So while processors are short, the workers that
use most of them run at the scheduler's idle priority: whoever else wants to
run is let in at once, and nothing that nobody wants is withheld from them.
"""

import os
import threading
import time

PERIOD = 0.1   # seconds between two looks
SHORT = 0.5    # part of all processors that workers use when they are short
RELAXED = 0.25  # and the part below which they are not any more
ACTIVE = 0.01  # processors that a worker uses unless it is idle
LARGE = 0.5    # part of the mean of active workers that makes a large user


class Governor:
    """Looks at the workers from a thread of its own.

    :param groups: function that returns the groups of claimed workers, see
        :class:`.cgroups.Group`.
    :param closing: the event that ends it.
    """

    def __init__(self, groups, closing):
        self._groups = groups
        self._closing = closing
        self._seen = {}  # group -> seconds of processor time
        self._when = time.monotonic()
        self._yielding = set()

    def start(self):
        threading.Thread(target=self._run, name='governor',
                         daemon=True).start()

    def _run(self):
        while not self._closing.wait(PERIOD):
            self.look()

    def look(self):
        """Let those yield who should, and no others."""
        now = time.monotonic()
        seen = {group: group.processor_time() for group in self._groups()}
        elapsed = max(now - self._when, PERIOD / 10)
        use = {group: (spent - self._seen[group]) / elapsed
               for group, spent in seen.items() if group in self._seen}
        self._seen, self._when = seen, now
        self._yielding &= set(use)
        wanted = self._large(use)
        for group in wanted ^ self._yielding:
            group.let_others_first(group in wanted)
        self._yielding = wanted

    def _large(self, use):
        """The groups that should yield; ``use`` is in processors."""
        total = sum(use.values())
        if total > SHORT * os.cpu_count():
            active = [each for each in use.values() if each > ACTIVE]
            return self._yielding | {
                group for group, each in use.items()
                if each > LARGE * total / len(active)}
        if total < RELAXED * os.cpu_count():
            return set()
        return self._yielding
