# SPDX-License-Identifier: Apache-2.0
"""Workers that are kept warm."""

from qinling.db import crud
from qinling.db import models
from qinling.engine.workers import provision
from qinling.tests.unit.engine import base


class Scaling:
    """Notes what it is asked for, and lacks all of it."""

    def __init__(self):
        self.wanted = None
        self.started = []

    def set_minimums(self, wanted):
        self.wanted = [(each.function_key, number)
                       for each, number in wanted]
        return [each for each, number in wanted for _ in range(number)]

    def scale_up(self, target):
        self.started.append(target.function_key)


class TestProvision(base.TestCase):
    def setUp(self):
        super().setUp()
        self.scaling = Scaling()
        self.provision = provision.Provision(
            self.db, self.scaling, base.Background())

    def set(self, model, id, **values):
        self.db.write(lambda tx: crud.update(tx, model, id, values))

    def test_nothing(self):
        self.add_function()
        self.provision.tend()
        self.assertEqual([], self.scaling.wanted)

    def test_functions_and_versions(self):
        id = self.add_function()
        self.add(models.FunctionVersion, function_id=id, version_number=3,
                 code={'source': 'package'}, package='key', entry='main.main',
                 cpu=100, memory_size=1, timeout=5, min_workers=1,
                 runtime_id=self.row(models.Function, id).runtime_id)
        self.set(models.Function, id, min_workers=2)
        self.provision.tend()
        self.assertEqual([((id, 0), 2), ((id, 3), 1)], self.scaling.wanted)
        self.assertEqual([(id, 0), (id, 0), (id, 3)], self.scaling.started)

    def test_runtime_that_cannot_serve(self):
        id = self.add_function()
        self.set(models.Function, id, min_workers=1)
        self.set(models.Runtime, self.row(models.Function, id).runtime_id,
                 status='upgrading')
        self.provision.tend()
        self.assertEqual([], self.scaling.wanted)
