# SPDX-License-Identifier: Apache-2.0
"""Counting of ended executions for the statistics."""

import datetime

from qinling.core.execution import rollup
from qinling.db import models
from qinling.db import session

#: Transactions of one turn, so that other tasks wait briefly.
MAX_BATCHES = 30


class StatisticsTask:
    """Counts for one engine; other engines may as well, one at a time."""

    def __init__(self, db: session.Database) -> None:
        self._db = db
        #: Time of the next sum of a day, which saves a query per turn.
        self._day_at = datetime.datetime.min

    def run(self) -> bool:
        """Count the executions that have ended since the last turn.

        :returns: whether some are left for the next turn.
        """
        return all(rollup.count_ended(self._db) == rollup.MAX_BATCH_ROWS
                   for _ in range(MAX_BATCHES)) or self._add_up_day()

    def _add_up_day(self) -> bool:
        """Add up a part of a day; return whether another part is due."""
        if models.now() < self._day_at:
            return False
        due_at = rollup.add_up_days(self._db)
        self._day_at = due_at or self._day_at
        return due_at is None
