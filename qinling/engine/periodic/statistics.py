# SPDX-License-Identifier: Apache-2.0
"""Counting of ended executions for the statistics."""

from qinling.core.execution import rollup
from qinling.db import session

#: Transactions of one turn, so that other tasks wait briefly.
MAX_BATCHES = 10


class StatisticsTask:
    """Counts for one engine; other engines may as well, one at a time."""

    def __init__(self, db: session.Database) -> None:
        self._db = db

    def run(self) -> bool:
        """Count the executions that have ended since the last turn.

        :returns: whether some are left for the next turn.
        """
        return all(rollup.count_ended(self._db) == rollup.MAX_BATCH_ROWS
                   for _ in range(MAX_BATCHES))
