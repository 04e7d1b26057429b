# SPDX-License-Identifier: Apache-2.0
"""Executions and engines, for tests of operations."""

import datetime

from qinling.core.operation import turns
from qinling.db import crud
from qinling.db import models
from qinling.tests import fixtures


class Engine:
    """Engine that records what to start and what to cancel."""

    def __init__(self, owner):
        self.owner = owner
        self.started = []
        self.cancelled = []

    def start(self, message, target):
        self.started.append((message, target))

    def cancel(self, id):
        self.cancelled.append(id)


class Operations:
    """Mixin for test cases with a function of one version."""

    backend = 'sqlite'

    def setUp(self):
        super().setUp()
        self.core = self.useFixture(fixtures.Core(self.backend))
        self.ctx = fixtures.caller()
        self.function = self.core.function().id
        self.core.services.versions.create(self.ctx, self.function, None)
        self.operations = self.core.services.operations
        self.engine = Engine('e1/1')
        self.turns = self.create_turns(self.engine)
        #: Creation of the last execution.
        self.clock = models.now() - datetime.timedelta(hours=1)

    def create_turns(self, engine, db=None):
        return turns.Turns(self.core.conf, db or self.core.db, engine)

    def add(self, count=1, status='failed', **values):
        """Return the ids of new executions."""
        ids = []
        for _ in range(count):
            self.clock += datetime.timedelta(milliseconds=1)
            ended_at = None if status == 'running' else self.clock
            ids.append(self.core.insert(models.Execution, **{
                'function_id': self.function, 'status': status,
                'project_id': self.ctx.project_id, 'input': '{"n": 1}',
                'created_at': self.clock, 'updated_at': ended_at, **values}))
        return ids

    def create(self, action, **values):
        """Return a new operation on failed executions."""
        return self.operations.create(self.ctx, {
            'action': action, 'filter': {'status': ['failed']}, **values})

    def finish(self, action, **values):
        """Return an operation after its end."""
        row = self.create(action, **values)
        while self.turns.run():
            continue
        return self.operations.get(self.ctx, row.id)

    def rows(self, *conditions):
        """Return executions in the order of their creation."""
        return self.core.db.read(lambda tx: crud.select(
            tx, models.Execution, *conditions,
            order=(models.Execution.created_at,)))

    def reruns(self):
        return self.rows(models.Execution.rerun_of.is_not(None))

    def change(self, id, **values):
        """Change the row of an operation behind the back of the engines."""
        self.core.db.write(lambda tx: crud.update_all(
            tx, models.Operation, values, models.Operation.id == id))
