# SPDX-License-Identifier: Apache-2.0
"""Provision of warm workers."""

from qinling.db import crud
from qinling.db import models
from qinling.engine.workers import provision
from qinling.tests.unit.engine import base


class Scaling:
    """Scaling without workers, with a record of the minimums."""

    def __init__(self):
        self.minimums = None
        self.started = []

    def set_minimums(self, minimums):
        self.minimums = [(target.function_key, number)
                         for target, number in minimums]
        return [target for target, number in minimums for _ in range(number)]

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

    def test_functions_without_a_minimum(self):
        self.add_function()
        self.provision.tend()
        self.assertEqual([], self.scaling.minimums)

    def test_minimums_of_functions_and_versions(self):
        id = self.add_function()
        self.add(models.FunctionVersion, function_id=id, version_number=3,
                 code={'source': 'package'}, package='key', entry='main.main',
                 cpu=100, memory_size=1, timeout=5, min_workers=1,
                 runtime_id=self.row(models.Function, id).runtime_id)
        self.set(models.Function, id, min_workers=2)
        self.provision.tend()
        self.assertEqual([((id, 0), 2), ((id, 3), 1)], self.scaling.minimums)
        self.assertEqual([(id, 0), (id, 0), (id, 3)], self.scaling.started)

    def test_unavailable_runtimes_get_no_workers(self):
        id = self.add_function()
        self.set(models.Function, id, min_workers=1)
        self.set(models.Runtime, self.row(models.Function, id).runtime_id,
                 status='error')
        self.provision.tend()
        self.assertEqual([], self.scaling.minimums)
