# SPDX-License-Identifier: Apache-2.0
"""Telling others that this engine lives, and has workers of its own."""

import contextlib

from qinling.db import engines
from qinling import exception


class Presence:
    """The row of one engine in the table of those that live.

    Where all engines have the same workers, any of them can tell of all, and
    there is none.
    """

    def __init__(self, conf, db, orchestrator):
        self._conf = conf
        self._db = db
        self._shared = orchestrator.shared
        self._name = None

    def begin(self, name):
        """Be known by a name on the message bus."""
        if not self._shared:
            self._name = name
            self.tell()

    def tell(self):
        """Give a sign of life."""
        if self._name:
            engines.tell(self._db, self._name)
            engines.bury(self._db, 10 * self._conf.engine.lease)

    def end(self):
        """Be gone."""
        if self._name:
            # Else it is buried in time.
            with contextlib.suppress(exception.Unavailable):
                engines.forget(self._db, self._name)
