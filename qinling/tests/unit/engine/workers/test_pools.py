# SPDX-License-Identifier: Apache-2.0
"""Runtimes and their pools."""

from unittest import mock

from qinling.db import crud
from qinling.db import models
from qinling.engine.workers import pools
from qinling import exception
from qinling.orchestrators import base as orchestrators
from qinling.tests.unit.engine import base


now = base.Background()


class TestPools(base.TestCase):
    """Pools over an orchestrator that knows one image."""

    def setUp(self):
        super().setUp()
        self.orchestrator = base.Orchestrator()
        self.pools = pools.Pools(self.db, self.orchestrator)

    def status(self, id):
        row = self.row(models.Runtime, id)
        return row and row.status

    def test_create(self):
        id = self.add_runtime('creating')
        self.pools.ensure(id)
        self.assertEqual('available', self.status(id))
        self.assertEqual({'total': 3, 'available': 2},
                         self.pools.capacity(id))

    def test_language(self):
        self.orchestrator.languages = lambda: {'python3': ('python', '3.12')}
        made = self.add_runtime('creating')
        there = self.add_runtime()
        self.pools.ensure(made)
        self.pools.ensure(there)
        for id, revision in ((made, 2), (there, 2)):
            row = self.row(models.Runtime, id)
            self.assertEqual(('python', '3.12', revision), (
                row.language, row.language_version, row.revision))
        self.pools.ensure(there)
        self.assertEqual(2, self.row(models.Runtime, there).revision)

    def test_language_that_the_operator_knows(self):
        id = self.add(models.Runtime, image='python3', status='creating',
                      language='python', language_version='3.9')
        self.pools.ensure(id)
        self.assertEqual('3.9', self.row(models.Runtime, id).language_version)

    def test_create_fails(self):
        id = self.add_runtime('creating', image='cobol')
        self.pools.ensure(id)
        self.assertEqual('error', self.status(id))
        self.assertEqual('no image cobol',
                         self.row(models.Runtime, id).status_reason)

    def test_upgrade(self):
        id = self.add_runtime('upgrading')
        self.pools.ensure(id, previous_image='old')
        self.assertEqual('available', self.status(id))

    def test_upgrade_goes_back(self):
        id = self.add_runtime('upgrading', image='cobol')
        self.pools.ensure(id, previous_image='python3')
        row = self.row(models.Runtime, id)
        self.assertEqual(('available', 'python3', 'no image cobol'),
                         (row.status, row.image, row.status_reason))
        self.assertEqual('python3', self.orchestrator.images[id])

    def test_upgrade_cut_short_by_the_end_of_the_engine(self):
        id = self.add_runtime('upgrading', image='cobol')
        self.pools.restore(now)
        self.assertEqual('error', self.status(id))

    def test_one_engine_that_cannot_serve_says_nothing_for_others(self):
        id = self.add_runtime('available', image='cobol')
        self.pools.ensure(id)
        self.assertEqual('available', self.status(id))

    def test_delete(self):
        id = self.add_runtime('creating')
        self.pools.ensure(id)
        self.pools.delete(id)
        self.assertIsNone(self.status(id))
        self.assertIsNone(self.pools.capacity(id))

    def test_unknown_and_going_ones_are_ignored(self):
        self.pools.ensure('unknown')
        self.pools.ensure(self.add_runtime('deleting'))
        self.assertEqual({}, self.orchestrator.images)

    def test_restore(self):
        ids = {status: self.add_runtime(status) for status in (
            'creating', 'available', 'upgrading', 'error', 'deleting')}
        self.pools.restore(now)
        self.assertEqual(
            {'creating': 'available', 'available': 'available',
             'upgrading': 'available', 'error': 'error', 'deleting': None},
            {status: self.status(id) for status, id in ids.items()})
        self.assertEqual({ids['creating'], ids['available'],
                          ids['upgrading']}, set(self.orchestrator.images))

    def test_what_no_message_told_of(self):
        ids = {status: self.add_runtime(status) for status in (
            'creating', 'available', 'upgrading', 'error', 'deleting')}
        self.pools.tend(now)
        self.assertEqual(
            {'creating': 'available', 'available': 'available',
             'upgrading': 'upgrading', 'error': 'error', 'deleting': None},
            {status: self.status(id) for status, id in ids.items()})
        self.assertEqual({ids['creating']}, set(self.orchestrator.images))

    def test_execution_that_comes_before_the_message(self):
        id, started = self.add_runtime(), []

        def start(target):
            started.append(target)
            if target.runtime_id not in self.orchestrator.pools():
                raise orchestrators.NoPool(target.runtime_id)
            return 'worker'
        begin = pools.PoolCreatingSource(
            mock.Mock(start=start), self.pools).start
        for number in (2, 3):
            self.assertEqual('worker', begin(base.target(runtime_id=id)))
            self.assertEqual(number, len(started))
        self.assertRaises(orchestrators.NoPool, begin,
                          base.target(runtime_id='deleted'))

    def test_pool_without_a_runtime(self):
        id = self.add_runtime()
        self.pools.ensure(id)
        self.orchestrator.images['stranger'] = 'python3'
        self.pools.tend(now)
        self.assertEqual({id}, set(self.orchestrator.images))

    def test_another_try_may_help(self):
        id = self.add_runtime('creating')
        reason = exception.TemporaryError('the cluster sleeps')
        with mock.patch.object(self.orchestrator, 'ensure_pool',
                               side_effect=reason):
            self.pools.ensure(id)
        row = self.row(models.Runtime, id)
        self.assertEqual(('creating', 'the cluster sleeps'),
                         (row.status, row.status_reason))
        self.pools.tend(now)
        row = self.row(models.Runtime, id)
        self.assertEqual(('available', None),
                         (row.status, row.status_reason))

    def test_what_is_under_way_is_left_alone(self):
        id = self.add_runtime('creating')

        def during(_spec):
            self.pools.tend(self.fail)
        with mock.patch.object(self.orchestrator, 'ensure_pool', during):
            self.pools.ensure(id)
        self.assertEqual('available', self.status(id))

    def test_a_decision_made_meanwhile_stays(self):
        id = self.add_runtime('upgrading', image='cobol')

        def changed(runtime):
            if runtime.image == 'cobol':
                self.db.write(lambda tx: crud.update(
                    tx, models.Runtime, id, {'image': 'newer'}))
                raise exception.PermanentError('no image cobol')
        with mock.patch.object(self.orchestrator, 'ensure_pool', changed):
            self.pools.ensure(id, previous_image='python3')
        row = self.row(models.Runtime, id)
        self.assertEqual(('upgrading', 'newer'), (row.status, row.image))

    def test_workers_of_deleted_functions(self):
        id = self.add_function()
        kept = self.orchestrator.claim(
            'r', orchestrators.FunctionKey(id), None)
        self.assertEqual([], self.pools.orphaned_workers())
        other = self.orchestrator.claim(
            'r', orchestrators.FunctionKey('gone', 3), None)
        self.assertEqual([other], self.pools.orphaned_workers())
        self.orchestrator.release(kept)
        self.orchestrator.release(other)
        self.assertEqual([], self.pools.orphaned_workers())
