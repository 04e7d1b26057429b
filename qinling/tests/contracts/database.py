# SPDX-License-Identifier: Apache-2.0
"""Helpers for tests on every database."""

import threading

from qinling.db import crud
from qinling.db import models
from qinling.tests import databases
from qinling.tests import fixtures


class OnDatabase:
    """Mixin for test cases whose ``backend`` names the database."""

    def setUp(self):
        super().setUp()
        self.database = self.useFixture(databases.Database(self.backend))
        self.db = self.database.db

    def insert(self, model, **values):
        """Return the id of a new row; create what it refers to, too."""
        values = databases.sample(model, **values)
        if model in (models.FunctionVersion, models.FunctionAlias):
            values.setdefault('function_id', self.insert(
                models.Function, project_id=values['project_id']))
        if model is models.ReplayResult:
            values.setdefault('operation_id', self.insert(
                models.Operation, project_id=values['project_id']))
        return self.db.write(lambda tx: crud.insert(tx, model, **values))

    def get(self, model, id, ctx=None):
        """Return a row as seen by ``ctx``, by default the test project."""
        return self.db.read(lambda tx: crud.get(
            tx, ctx or fixtures.caller(), model, id=id))

    def update(self, model, id, values, *conditions, **kwargs):
        return self.db.write(lambda tx: crud.update(
            tx, model, id, values, *conditions, **kwargs))


def run_together(*actions):
    """Run actions at the same time and return their results.

    :raises: the first error of an action.
    """
    results = [None] * len(actions)
    barrier = threading.Barrier(len(actions))

    def run(index):
        try:
            barrier.wait(databases.PATIENCE)
            results[index] = actions[index]()
        except BaseException as e:
            results[index] = e

    threads = [threading.Thread(target=run, args=(index,), daemon=True)
               for index in range(len(actions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(databases.PATIENCE)
        if thread.is_alive():
            raise AssertionError('A thread does not end.')
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results
