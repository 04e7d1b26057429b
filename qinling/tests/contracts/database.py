# SPDX-License-Identifier: Apache-2.0
"""What tests that run on every database are made of."""

import threading

from qinling.db import crud
from qinling.db import models
from qinling.tests import databases
from qinling.tests import fixtures


class OnDatabase:
    """Mixed into a test case whose ``backend`` names the database."""

    def setUp(self):
        super().setUp()
        self.database = self.useFixture(databases.Database(self.backend))
        self.db = self.database.db

    def insert(self, model, **values):
        """The id of a new row, with the function that it needs."""
        values = databases.sample(model, **values)
        if model in (models.FunctionVersion, models.FunctionAlias):
            values.setdefault('function_id', self.insert(
                models.Function, project_id=values['project_id']))
        return self.db.write(lambda tx: crud.insert(tx, model, **values))

    def get(self, model, id, ctx=None):
        """A row as somebody sees it; as its project does, if not said."""
        return self.db.read(lambda tx: crud.get(
            tx, ctx or fixtures.caller(), model, id=id))

    def update(self, model, id, values, *conditions, **kwargs):
        return self.db.write(lambda tx: crud.update(
            tx, model, id, values, *conditions, **kwargs))


def together(*actions):
    """What each of the actions returned, all having begun at once.

    :raises: what the first of them raised that failed.
    """
    found = [None] * len(actions)
    barrier = threading.Barrier(len(actions))

    def work(place):
        try:
            barrier.wait(databases.PATIENCE)
            found[place] = actions[place]()
        except BaseException as e:
            found[place] = e

    threads = [threading.Thread(target=work, args=(place,), daemon=True)
               for place in range(len(actions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(databases.PATIENCE)
        if thread.is_alive():
            raise AssertionError('A thread does not end.')
    for each in found:
        if isinstance(each, BaseException):
            raise each
    return found
