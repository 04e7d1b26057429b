# SPDX-License-Identifier: Apache-2.0
"""Pools of runtimes."""

import datetime
from unittest import mock

from qinling.core import digests
from qinling.db import crud
from qinling.db import models
from qinling.db import periodic_queries
from qinling.engine.workers import pools
from qinling import exception
from qinling.orchestrators import base as orchestrators
from qinling.tests.unit.engine import base


background = base.Background()


class TestPools(base.TestCase):
    """Pools of an orchestrator with one image."""

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
        created = self.add_runtime('creating')
        existing = self.add_runtime()
        self.pools.ensure(created)
        self.pools.ensure(existing)
        for id, revision in ((created, 2), (existing, 2)):
            row = self.row(models.Runtime, id)
            self.assertEqual(('python', '3.12', revision), (
                row.language, row.language_version, row.revision))
        self.pools.ensure(existing)
        self.assertEqual(2, self.row(models.Runtime, existing).revision)

    def test_language_of_the_operator_is_kept(self):
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

    def upgrade(self, image='cobol', copy_id=None):
        """Return the id of a runtime with an image that does not exist."""
        return self.add(models.Runtime, image=image, status='upgrading',
                        previous_image='python3',
                        versions_runtime_id=copy_id)

    def test_upgrade(self):
        id = self.upgrade('python3', 'copy')
        self.pools.ensure(id)
        row = self.row(models.Runtime, id)
        self.assertEqual(('available', None, None), (
            row.status, row.previous_image, row.versions_runtime_id))

    def test_failed_upgrade_restores_the_image(self):
        id = self.upgrade()
        self.pools.ensure(id)
        row = self.row(models.Runtime, id)
        self.assertEqual(('available', 'python3', 'no image cobol', None),
                         (row.status, row.image, row.status_reason,
                          row.previous_image))
        self.assertEqual('python3', self.orchestrator.images[id])

    def test_failed_upgrade_without_a_way_back(self):
        id = self.add(models.Runtime, image='cobol', status='upgrading',
                      previous_image='fortran')
        self.pools.ensure(id)
        row = self.row(models.Runtime, id)
        self.assertEqual('error', row.status)
        for image in ('cobol', 'fortran'):
            self.assertIn(f'no image {image}', row.status_reason)

    def add_version(self, runtime_id):
        parts = {name: digests.hash_json(name) for name in digests.PARTS}
        return parts, self.add(
            models.FunctionVersion, function_id=self.add_function(),
            version_number=1, code={'source': 'package'}, cpu=100,
            memory_size=1, timeout=5, runtime_id=runtime_id,
            digest_parts=parts, digest=digests.combine(parts))

    def test_failed_upgrade_restores_the_digests(self):
        id = self.upgrade()
        parts, version = self.add_version(id)
        self.pools.ensure(id)
        expected = dict(parts, runtime=digests.hash_json('python3'))
        row = self.row(models.FunctionVersion, version)
        self.assertEqual((expected, digests.combine(expected)),
                         (row.digest_parts, row.digest))

    def test_failed_upgrade_returns_the_versions(self):
        copy_id = self.add_runtime()
        _parts, version = self.add_version(copy_id)
        id = self.upgrade(copy_id=copy_id)
        self.pools.ensure(id)
        self.assertEqual(id, self.row(models.FunctionVersion,
                                      version).runtime_id)
        # Calls that were accepted before still have a pool for a while.
        self.pools.ensure(copy_id)
        self.pools.tend(background)
        self.pools.restore(background)
        self.assertEqual('deleting', self.status(copy_id))
        with mock.patch.object(pools, 'SETTLE_DELAY',
                               datetime.timedelta()):
            self.pools.tend(background)
        self.assertIsNone(self.status(copy_id))
        self.assertEqual('available', self.status(id))

    def test_failed_upgrade_keeps_a_copy_with_functions(self):
        copy_id = self.add_runtime()
        self.add_function(runtime_id=copy_id)
        self.pools.ensure(self.upgrade(copy_id=copy_id))
        self.assertEqual('available', self.status(copy_id))

    def test_restore_ends_interrupted_upgrades(self):
        id = self.upgrade()
        self.pools.restore(background)
        row = self.row(models.Runtime, id)
        self.assertEqual(('available', 'python3'), (row.status, row.image))

    def test_local_failures_do_not_change_available_runtimes(self):
        id = self.add_runtime('available', image='cobol')
        self.pools.ensure(id)
        self.assertEqual('available', self.status(id))

    def test_delete(self):
        id = self.add_runtime('creating')
        self.pools.ensure(id)
        self.pools.delete(id)
        self.assertIsNone(self.status(id))
        self.assertIsNone(self.pools.capacity(id))

    def test_a_change_retires_outdated_workers(self):
        retired = []

        class Scaling:
            def retire(*workers):
                retired.append(workers)

        self.orchestrator.old = ['w1', 'w2']
        self.pools.change(self.add_runtime('upgrading'), Scaling)
        # In one call: each call looks at all workers of the engine.
        self.assertEqual([('w1', 'w2')], retired)

    def test_orphaned_workers_of_many_functions(self):
        existing = self.add_function()
        self.orchestrator.alive = [
            base.worker(f'w-{id}', orchestrators.FunctionKey(id))
            for id in ('a', 'b', existing, 'd', 'e')]
        names = []
        statements = []
        list_present = periodic_queries.list_present

        def record(*args):
            statements.append(args)
            return list_present(*args)

        with mock.patch.object(pools, 'MAX_CHECKED_FUNCTIONS', 2), \
                mock.patch.object(periodic_queries, 'list_present', record):
            for _ in range(3):
                orphans = self.pools.orphaned_workers()
                self.assertGreaterEqual(2, len(orphans))
                names += [worker.name for worker in orphans]
        self.assertEqual({'w-a', 'w-b', 'w-d', 'w-e'}, set(names))
        self.assertEqual(3, len(statements))

    def test_unknown_and_deleted_runtimes_are_ignored(self):
        self.pools.ensure('unknown')
        self.pools.ensure(self.add_runtime('deleting'))
        self.assertEqual({}, self.orchestrator.images)

    def test_restore(self):
        ids = {status: self.add_runtime(status) for status in (
            'creating', 'available', 'upgrading', 'error', 'deleting')}
        self.pools.restore(background)
        self.assertEqual(
            {'creating': 'available', 'available': 'available',
             'upgrading': 'available', 'error': 'error', 'deleting': None},
            {status: self.status(id) for status, id in ids.items()})
        self.assertEqual({ids['creating'], ids['available'],
                          ids['upgrading']}, set(self.orchestrator.images))

    def test_tend_ends_what_messages_missed(self):
        ids = {status: self.add_runtime(status) for status in (
            'creating', 'available', 'upgrading', 'error', 'deleting')}
        self.pools.tend(background)
        self.assertEqual(
            {'creating': 'available', 'available': 'available',
             'upgrading': 'available', 'error': 'error', 'deleting': None},
            {status: self.status(id) for status, id in ids.items()})
        self.assertEqual({ids['creating'], ids['upgrading']},
                         set(self.orchestrator.images))

    def test_rollback_continues_after_an_outage(self):
        id = self.upgrade()
        outage = exception.TemporaryError('the cluster sleeps')
        with mock.patch.object(self.orchestrator, 'ensure_pool',
                               side_effect=outage):
            self.assertRaises(exception.TemporaryError, self.pools.ensure, id)
        self.pools.tend(background)
        row = self.row(models.Runtime, id)
        self.assertEqual(('available', 'python3'), (row.status, row.image))

    def test_missing_pools_are_created_on_demand(self):
        id, started = self.add_runtime(), []

        def start(target):
            started.append(target)
            if target.runtime_id not in self.orchestrator.pools():
                raise orchestrators.NoPool(target.runtime_id)
            return 'worker'
        start_worker = pools.PoolCreatingSource(
            mock.Mock(start=start), self.pools).start
        for number in (2, 3):
            self.assertEqual('worker',
                             start_worker(base.target(runtime_id=id)))
            self.assertEqual(number, len(started))
        self.assertRaises(orchestrators.NoPool, start_worker,
                          base.target(runtime_id='deleted'))

    def test_orphaned_pools_are_deleted(self):
        id = self.add_runtime()
        self.pools.ensure(id)
        self.orchestrator.images['stranger'] = 'python3'
        self.pools.tend(background)
        self.assertEqual({id}, set(self.orchestrator.images))

    def test_temporary_failures_are_retried(self):
        id = self.add_runtime('creating')
        reason = exception.TemporaryError('the cluster sleeps')
        with mock.patch.object(self.orchestrator, 'ensure_pool',
                               side_effect=reason):
            self.pools.ensure(id)
        row = self.row(models.Runtime, id)
        self.assertEqual(('creating', 'the cluster sleeps'),
                         (row.status, row.status_reason))
        self.pools.tend(background)
        row = self.row(models.Runtime, id)
        self.assertEqual(('available', None),
                         (row.status, row.status_reason))

    def test_tend_leaves_runtimes_in_progress(self):
        id = self.add_runtime('creating')

        def tend_during(_spec):
            self.pools.tend(self.fail)
        with mock.patch.object(self.orchestrator, 'ensure_pool', tend_during):
            self.pools.ensure(id)
        self.assertEqual('available', self.status(id))

    def test_concurrent_updates_are_kept(self):
        id = self.upgrade()

        def update_and_fail(runtime):
            if runtime.image == 'cobol':
                self.db.write(lambda tx: crud.update(
                    tx, models.Runtime, id, {'image': 'newer'}))
                raise exception.PermanentError('no image cobol')
        with mock.patch.object(self.orchestrator, 'ensure_pool',
                               update_and_fail):
            self.pools.ensure(id)
        row = self.row(models.Runtime, id)
        self.assertEqual(('upgrading', 'newer'), (row.status, row.image))

    def test_workers_of_deleted_functions_are_orphans(self):
        id = self.add_function()
        used = self.orchestrator.claim(
            'r', orchestrators.FunctionKey(id), None)
        self.assertEqual([], self.pools.orphaned_workers())
        orphan = self.orchestrator.claim(
            'r', orchestrators.FunctionKey('gone', 3), None)
        self.assertEqual([orphan], self.pools.orphaned_workers())
        self.orchestrator.release(used)
        self.orchestrator.release(orphan)
        self.assertEqual([], self.pools.orphaned_workers())
