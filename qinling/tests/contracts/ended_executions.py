# SPDX-License-Identifier: Apache-2.0
"""Random executions that ended at given times, for tests of statistics."""

import datetime
import random

from qinling.core.execution import rollup
from qinling.db import crud
from qinling.db import models
from qinling.tests.contracts import database

START = datetime.datetime(2026, 1, 30)


class OnStatistics(database.OnDatabase):
    """Mixin for test cases; nothing is counted before :data:`START`.

    ``SEED`` is that of the executions, ``FUNCTIONS`` the number of functions.
    """

    def setUp(self):
        super().setUp()
        self.random = random.Random(self.SEED)
        rollup.count_ended(self.db)
        self.set_progress(ended_at=START, id='', as_of=START)

    def set_progress(self, **values):
        self.db.write(lambda tx: crud.update_all(
            tx, models.StatisticsProgress, values))

    def insert_ended(self, time):
        """Write an execution that ended at a time."""
        choose = self.random.choice
        status = choose(('success', 'success', 'failed'))
        return self.insert(
            models.Execution, project_id=choose(('p1', 'p2')),
            function_id=f'f{choose(range(self.FUNCTIONS))}', status=status,
            reason=None if status == 'success' else 'timeout',
            function_version=choose((0, 1)),
            function_alias=choose((None, 'prod')), import_ms=choose((0, 9)),
            duration=self.random.lognormvariate(-2, 1.5),
            memory_size=1 << 29, updated_at=time)
