# SPDX-License-Identifier: Apache-2.0
"""Provision of warm workers."""

import fixtures

from qinling.db import crud
from qinling.db import models
from qinling.engine.workers import growth
from qinling.engine.workers import provision
from qinling import exception
from qinling.tests.unit.engine import base


class Scaling:
    """Scaling without workers, with a record of the minimums."""

    def __init__(self):
        self.minimums = None
        self.started = []
        self.error = None

    def set_minimums(self, minimums):
        self.minimums = [(target.function_key, number)
                         for target, number in minimums]
        return [target for target, number in minimums for _ in range(number)]

    def scale_up(self, target):
        self.started.append(target.function_key)
        if self.error:
            raise self.error


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

    def test_pause_grows_without_room(self):
        logger = self.useFixture(fixtures.FakeLogger())
        id = self.add_function()
        self.set(models.Function, id, min_workers=5)
        clock = self.useFixture(fixtures.MockPatchObject(
            provision.time, 'monotonic', return_value=0)).mock
        self.scaling.error = exception.NoRoom('There are 64 workers already.')
        times = []
        for seconds in range(0, 4000, 20):
            clock.return_value = seconds
            self.provision.tend()
            times += [seconds] * len(self.scaling.started)
            self.scaling.started.clear()
        # A single start for each try, and a line in the log.
        self.assertEqual([0, 20, 60, 140, 300, 620, 1220, 1820, 2420, 3020,
                          3620], times)
        self.assertEqual(len(times), logger.output.count('Could not start'))
        self.assertIn(f'all 5 workers of function {id}, version 0: There are '
                      '64 workers', logger.output)
        # New code is no repeat of the failure.
        self.set(models.Function, id, memory_size=2 << 20)
        self.provision.tend()
        self.assertEqual(1, len(self.scaling.started))

    def test_pause_ends_with_room(self):
        id = self.add_function()
        self.set(models.Function, id, min_workers=1)
        clock = self.useFixture(fixtures.MockPatchObject(
            provision.time, 'monotonic', return_value=0)).mock
        self.scaling.error = exception.NoRoom('full')
        self.provision.tend()
        self.scaling.error = None
        for seconds, number in ((19, 1), (20, 2), (21, 3)):
            clock.return_value = seconds
            self.provision.tend()
            self.assertEqual(number, len(self.scaling.started))

    def test_growth_in_progress_is_not_repeated(self):
        id = self.add_function()
        self.set(models.Function, id, min_workers=2)
        calls = []
        queue = base.Background()
        queue.submit = lambda action, *args: calls.append(action)
        tended = provision.Provision(self.db, self.scaling, queue)
        for _number in range(3):
            tended.tend()
        self.assertEqual(2, len(calls))
        for call in calls:
            call()
        tended.tend()
        self.assertEqual(4, len(calls))

    def test_first_failure_ends_a_growth(self):
        self.scaling.error = exception.NoRoom('full')
        logger = self.useFixture(fixtures.FakeLogger())
        target = self.db.read(provision.targets.resolve, self.ctx_of(),
                              self.add_function(), 0)
        growth.Growth(self.scaling, target, 100).start(base.Background())
        self.assertEqual(1, len(self.scaling.started))
        self.assertEqual(1, logger.output.count('Could not start all 100'))

    def ctx_of(self):
        return provision.context.admin()

    def test_unavailable_runtimes_get_no_workers(self):
        id = self.add_function()
        self.set(models.Function, id, min_workers=1)
        self.set(models.Runtime, self.row(models.Function, id).runtime_id,
                 status='error')
        self.provision.tend()
        self.assertEqual([], self.scaling.minimums)

    def test_workers_of_other_engines(self):
        id = self.add_function()
        self.set(models.Function, id, min_workers=2)
        self.provision.is_home = lambda target: False
        self.provision.tend()
        self.assertEqual([], self.scaling.minimums)
