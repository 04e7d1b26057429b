# SPDX-License-Identifier: Apache-2.0
"""Creation, listing, scaling and deletion of functions."""

import io

from oslotest import base

from qinling.db import crud
from qinling.db import models
from qinling import exception
from qinling.tests import fixtures

MINE, THEIRS = fixtures.caller('mine'), fixtures.caller('theirs')


class DenyAll:
    """Enforcer that denies every elevated access."""

    def permits(self, *_args):
        return False


def stranger(project='theirs'):
    return fixtures.caller(project, enforcer=DenyAll())


class FunctionTest(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.core = self.useFixture(fixtures.Core())
        self.engine = self.core.engine
        self.functions = self.core.services.functions

    def create(self, ctx=MINE, package=fixtures.PACKAGE, **fields):
        return self.core.function(ctx, package, **fields)

    def row(self, id):
        return self.core.row(models.Function, id)

    def check_raises(self, kind, call, *args, **kwargs):
        error = self.assertRaises(kind, call, *args, **kwargs)
        return str(error)


class TestCreate(FunctionTest):
    def test_defaults_and_given_fields(self):
        runtime = self.core.runtime()
        row = self.create(runtime_id=runtime)
        self.assertEqual(
            (None, None, 'main.main', 100, 33554432, 5, runtime, 'mine', 0,
             0, 1),
            (row.name, row.description, row.entry, row.cpu, row.memory_size,
             row.timeout, row.runtime_id, row.project_id, row.count,
             row.latest_version, row.revision))
        self.assertEqual(row.created_at, row.updated_at)
        self.assertEqual({'source', 'md5sum', 'sha256'}, set(row.code))
        self.assertEqual([row.package], self.core.packages())
        fields = {'name': 'n', 'description': 'd', 'entry': 'a.b',
                  'cpu': '200', 'memory_size': 67108864, 'timeout': '7'}
        row = self.create(runtime_id=runtime, **fields)
        self.assertEqual(
            ('n', 'd', 'a.b', 200, 67108864, 7),
            (row.name, row.description, row.entry, row.cpu, row.memory_size,
             row.timeout))
        self.assertEqual([], self.engine.calls)

    def create_refused(self, kind=exception.Invalid, package=b'x', **fields):
        sentence = self.check_raises(
            kind, self.functions.create, MINE, fields, io.BytesIO(package))
        self.assertEqual([], self.core.packages())
        return sentence

    def test_validation_order(self):
        fields = {'timeout': 'x'}
        self.assertIn('Required param is missing: code',
                      self.create_refused(**fields))
        fields['code'] = {'source': 'wrong'}
        self.assertIn('Invalid timeout', self.create_refused(**fields))
        fields['timeout'] = 3
        sentence = self.create_refused(**fields)
        self.assertIn('Invalid code source', sentence)
        # Swift needs Keystone.
        self.assertNotIn('swift', sentence)
        fields['code'] = {'source': 'package'}
        self.assertIn('Required param is missing: runtime_id',
                      self.create_refused(**fields))
        fields['runtime_id'] = 'none'
        self.assertIn('none', self.create_refused(
            exception.RuntimeNotFound, **fields))
        fields['runtime_id'] = self.core.runtime(status='creating')
        self.assertIn('its status is creating',
                      self.create_refused(**fields))
        fields['runtime_id'] = self.core.runtime()
        self.assertIn('not a valid ZIP', self.create_refused(**fields))

    def test_invalid_sources_are_refused(self):
        for source in (None, '', 'Package', 5, ['package'], {}, True):
            self.assertIn('must be one of: package', self.create_refused(
                code={'source': source}))

    def test_hidden_and_unavailable_runtimes_are_refused(self):
        hidden = self.core.runtime(project_id='theirs', is_public=False)
        self.create_refused(exception.RuntimeNotFound, runtime_id=hidden,
                            code={'source': 'package'})
        for status in ('creating', 'error', 'deleting'):
            self.create_refused(
                code={'source': 'package'},
                runtime_id=self.core.runtime(status=status))

    def test_long_texts_are_refused(self):
        runtime = self.core.runtime()
        for field, length in (('name', 255), ('description', 255),
                              ('entry', 80)):
            self.assertIn(field, self.create_refused(
                runtime_id=runtime, code={'source': 'package'},
                package=fixtures.PACKAGE, **{field: 'x' * (length + 1)}))
            self.create(runtime_id=runtime, **{field: 'x' * length})
            for name in self.core.packages():
                self.core.backends.packages._storage.delete(name)

    def test_failed_writes_leave_no_package(self):
        def fail(*_args, **_kwargs):
            raise ZeroDivisionError
        self.core.db.write = fail
        runtime = self.core.database.open().write(
            lambda tx: crud.insert(tx, models.Runtime, project_id='mine',
                                   image='i', status='available'))
        self.assertRaises(ZeroDivisionError, self.create,
                          runtime_id=runtime)
        self.assertEqual([], self.core.packages())

    def test_runtime_deleted_before_the_write(self):
        runtime = self.core.runtime()
        insert = self.core.db.write

        def write(action):
            insert(lambda tx: crud.delete(tx, models.Runtime, runtime))
            return insert(action)
        self.core.db.write = write
        self.check_raises(exception.RuntimeNotFound, self.create,
                          runtime_id=runtime)
        self.assertEqual([], self.core.packages())


class TestShow(FunctionTest):
    def test_functions_of_other_projects_are_hidden(self):
        row = self.create()
        self.assertEqual(row, self.functions.get(stranger('mine'), row.id))
        for call in (self.functions.get, self.functions.download,
                     self.functions.references):
            self.assertIn(row.id, self.check_raises(
                exception.FunctionNotFound, call, stranger(), row.id))
        # An admin sees all projects.
        self.assertEqual(row, self.functions.get(THEIRS, row.id))

    def test_list(self):
        mine, theirs = self.create(), self.create(THEIRS)

        def ids(ctx, **filters):
            return {row.id for row in self.functions.list(
                ctx, filters.items(), crud.Page())}
        self.assertEqual({mine.id}, ids(MINE))
        self.assertEqual({mine.id, theirs.id}, ids(MINE.elevated()))
        self.assertEqual({theirs.id}, ids(MINE.elevated(),
                                          project_id='theirs'))
        self.assertEqual(set(), ids(MINE, project_id='theirs'))

    def test_download(self):
        row = self.create()
        with self.functions.download(MINE, row.id) as stream:
            self.assertEqual(fixtures.PACKAGE, stream.read())

    def test_download_during_an_update(self):
        row = self.create()
        storage = self.core.backends.packages._storage
        open_package = storage.open

        def replace(key):
            storage.open = open_package
            self.functions.update(MINE, row.id, {}, io.BytesIO(
                fixtures.archive({'main.py': 'x = 1\n'})))
            return open_package(key)
        storage.open = replace
        with self.functions.download(MINE, row.id) as stream:
            self.assertNotEqual(fixtures.PACKAGE, stream.read())

    def test_download_of_a_lost_package(self):
        row = self.create()
        self.core.backends.packages._storage.delete(row.package)
        self.assertIn('is gone', self.check_raises(
            exception.NotFound, self.functions.download, MINE, row.id))


class TestWorkers(FunctionTest):
    def test_names(self):
        self.engine.answers['list_workers'] = ['w1', 'w2']
        self.assertEqual(['w1', 'w2'],
                         self.core.services.workers.workers(MINE, 'any', 2))
        self.assertEqual([('list_workers', 'any', 2)], self.engine.calls)

    def test_scaling(self):
        id = self.create().id
        self.core.services.workers.scale_up(MINE, id, 0, 2)
        self.core.services.workers.scale_down(MINE, id, 0, 1)
        (up, target, up_count), (down, down_target,
                                 down_count) = self.engine.calls
        self.assertEqual(('scale_up', 2, 'scale_down', 1),
                         (up, up_count, down, down_count))
        self.assertEqual((id, 0), target.function_key)
        self.assertEqual(target, down_target)

    def test_scaling_needs_a_positive_count(self):
        id = self.create().id
        for count in (0, -1):
            for call in (self.core.services.workers.scale_up,
                         self.core.services.workers.scale_down):
                self.assertIn('at least 1', self.check_raises(
                    exception.Invalid, call, MINE, id, 0, count))
        self.assertEqual([], self.engine.calls)

    def test_detach(self):
        id = self.create().id
        self.core.services.workers.detach(MINE, id, 0)
        self.assertEqual([('detach', id, 0)], self.engine.calls)

    def test_unknown_targets(self):
        id = self.create().id
        for function, version, kind in (
                ('none', 0, exception.FunctionNotFound),
                (id, 3, exception.FunctionVersionNotFound)):
            for call in (self.core.services.workers.scale_up,
                         self.core.services.workers.scale_down):
                self.check_raises(kind, call, MINE, function, version, 1)
            self.check_raises(kind, self.core.services.workers.detach, MINE,
                              function, version)
        self.assertEqual([], self.engine.calls)


class TestDelete(FunctionTest):
    def test_delete_removes_versions_and_packages(self):
        row = self.create()
        version = self.core.insert(
            models.FunctionVersion, function_id=row.id, package='other')
        run = self.core.insert(models.Execution, function_id=row.id,
                               project_id='mine')
        self.functions.delete(MINE, row.id)
        self.assertIsNone(self.row(row.id))
        self.assertIsNone(self.core.row(models.FunctionVersion, version))
        self.assertEqual(run, self.core.row(models.Execution, run).id)
        self.assertEqual([], self.core.packages())
        self.assertEqual([('detach', row.id, None)], self.engine.calls)

    def test_workers_are_detached_after_the_delete(self):
        row = self.create()
        self.engine.answers['detach'] = (
            lambda id, _: self.assertIsNone(self.row(id)))
        self.functions.delete(MINE, row.id)
        self.assertEqual(['detach'], self.engine.verbs())

    def test_delete_without_an_engine(self):
        row = self.create()
        self.engine.answers['detach'] = exception.Unavailable(reason='bus')
        self.functions.delete(MINE, row.id)
        self.assertIsNone(self.row(row.id))
        self.assertEqual([], self.core.packages())

    def test_references_block_deletion(self):
        row = self.create()
        for model, values in (
                (models.FunctionAlias, {'function_id': row.id}),
                (models.Job, {'function_id': row.id}),
                (models.Job, {'function_id': row.id, 'status': 'paused'}),
                (models.Webhook, {'function_id': row.id})):
            user = self.core.insert(model, project_id='mine', **values)
            self.assertIn(f'Function {row.id} is still in use by',
                          self.check_raises(exception.FunctionInUse,
                                            self.functions.delete, MINE,
                                            row.id))
            self.core.db.write(
                lambda tx: crud.delete(tx, model, user))
        self.assertEqual([row.package], self.core.packages())
        self.assertEqual([], self.engine.calls)

    def test_ended_jobs_do_not_block_deletion(self):
        for status in ('done', 'cancelled'):
            row = self.create()
            self.core.insert(models.Job, function_id=row.id, status=status)
            self.functions.delete(MINE, row.id)
            self.assertIsNone(self.row(row.id))

    def test_only_the_own_project_deletes(self):
        row = self.create()
        self.check_raises(exception.FunctionNotFound, self.functions.delete,
                          stranger(), row.id)
        self.assertIn('belongs to another project', self.check_raises(
            exception.Forbidden, self.functions.delete, THEIRS, row.id))
        self.assertEqual(row, self.row(row.id))

    def test_delete_checks_the_revision(self):
        row = self.create()
        self.check_raises(exception.PreconditionFailed,
                          self.functions.delete, MINE, row.id,
                          frozenset([7]))
        self.functions.delete(MINE, row.id, frozenset([1]))
        self.check_raises(exception.FunctionNotFound, self.functions.delete,
                          MINE, row.id)

    def test_concurrent_delete(self):
        row, write = self.create(), self.core.db.write

        def delete_and_write(action):
            write(lambda tx: crud.delete(tx, models.Function, row.id))
            return write(action)
        self.core.db.write = delete_and_write
        self.check_raises(exception.FunctionNotFound, self.functions.delete,
                          MINE, row.id)
        self.assertEqual([], self.engine.calls)

    def test_shared_packages_are_kept(self):
        row, second = self.create(), self.create()
        self.core.db.write(lambda tx: crud.update(
            tx, models.Function, second.id, {'package': row.package}))
        self.functions.delete(MINE, row.id)
        self.assertIn(row.package, self.core.packages())
        self.functions.delete(MINE, second.id)
        self.assertNotIn(row.package, self.core.packages())
