# SPDX-License-Identifier: Apache-2.0
"""Alias with versions and executions, for tests of rollouts."""

import datetime

from qinling.core.rollout import turns
from qinling.db import crud
from qinling.db import models
from qinling.tests import fixtures

STEPS = [{'weight': 0.25, 'min_executions': 5, 'min_time': 0},
         {'weight': 0.5, 'min_executions': 5, 'min_time': 0}]


class Rollouts:
    """Mixin for test cases with an alias at version 1 of three versions."""

    backend = 'sqlite'

    def setUp(self):
        super().setUp()
        self.core = self.useFixture(fixtures.Core(self.backend))
        self.ctx = fixtures.caller()
        self.function = self.core.function().id
        for _ in range(3):
            self.core.services.versions.create(
                self.ctx, self.function, None)
        self.core.services.aliases.create(self.ctx, {
            'name': 'a', 'function_id': self.function,
            'function_version': 1})
        self.rollouts = self.core.services.rollouts
        self.turns = turns.Turns(self.core.db)
        #: Start of the next execution after the last.
        self.clock = models.now() - datetime.timedelta(seconds=30)

    def start(self, **values):
        row = self.rollouts.start(self.ctx, 'a', {
            'function_version': 2, 'steps': STEPS, **values})
        # The executions of the tests ended before the start.
        self.core.db.write(lambda tx: crud.update_all(
            tx, models.Rollout, {'seen_until': self.clock},
            models.Rollout.id == row.id))
        return row

    def end(self, version, count=1, status='success', **values):
        """Insert ended executions of a version through the alias."""
        for _ in range(count):
            self.clock += datetime.timedelta(milliseconds=10)
            self.core.insert(models.Execution, **{
                'function_id': self.function, 'function_version': version,
                'function_alias': 'a', 'status': status, 'duration': 0.1,
                'project_id': self.ctx.project_id,
                'created_at': self.clock, 'updated_at': self.clock,
                **values})

    def alias(self):
        row = self.core.services.aliases.get(self.ctx, 'a')
        return row.function_version, row.routing

    def history(self):
        return self.core.services.aliases.history(self.ctx, 'a')

    def get(self):
        return self.rollouts.get(self.ctx, 'a')
