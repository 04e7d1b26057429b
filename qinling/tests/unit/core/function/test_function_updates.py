# SPDX-License-Identifier: Apache-2.0
"""Updates of functions: effects, rejections and races."""

import hashlib
import io

from qinling.core.function import environment
from qinling.core.function import functions
from qinling.db import crud
from qinling.db import models
from qinling import exception
from qinling.tests.contracts import database
from qinling.tests import fixtures
from qinling.tests.unit.core.function import test_functions

MINE = test_functions.MINE
OTHER = fixtures.archive({'main.py': 'other'})
THIRD = fixtures.archive({'main.py': 'third'})


class UpdateTest(test_functions.FunctionTest):
    def setUp(self):
        super().setUp()
        self.function = self.create(name='n', description='d', entry='a.b')
        self.uuid = self.function.id

    def update(self, package=None, match=None, ctx=MINE, **fields):
        upload = None if package is None else io.BytesIO(package)
        return self.functions.update(ctx, self.uuid, fields, upload, match)

    def check_unchanged(self):
        """Check that row, packages and workers are unchanged."""
        self.assertEqual(self.function, self.row(self.uuid))
        self.assertEqual([self.function.package], self.core.packages())
        self.assertEqual([], self.engine.calls)


class TestWithoutDetach(UpdateTest):
    """Updates without effect on workers."""

    def test_texts_and_timeout(self):
        row = self.update(name='new', description='', timeout='7')
        self.assertEqual(('new', '', 7, 'a.b', 2),
                         (row.name, row.description, row.timeout, row.entry,
                          row.revision))
        self.assertEqual([], self.engine.calls)

    def test_single_field(self):
        self.update(name='x')
        row = self.row(self.uuid)
        self.assertEqual(('x', 'd', 5), (row.name, row.description,
                                         row.timeout))

    def test_update_without_changes(self):
        for fields in ({}, {'name': None}, {'runtime_id': 'other'},
                       {'code': {'source': 'package'}}, {'code': {}},
                       {'code': {'md5sum': 'any'}}):
            self.assertEqual(self.function, self.update(**fields))
        self.check_unchanged()

    def test_invalid_values_are_refused(self):
        for fields in ({'timeout': 0}, {'timeout': 'x'}, {'timeout': 301},
                       {'name': 'x' * 256}, {'description': 'x' * 256},
                       {'entry': 'x' * 81}, {'cpu': 99},
                       {'memory_size': 'x'}, {'name': 5}):
            self.check_raises(exception.Invalid, self.update, **fields)
        self.check_unchanged()


class TestDetach(UpdateTest):
    """Updates with a replacement of workers."""

    def test_entry_and_limits_detach_workers(self):
        for fields in ({'entry': 'c.d'}, {'cpu': 200},
                       {'memory_size': 67108864}):
            self.engine.calls.clear()
            row = self.update(**fields)
            self.assertEqual(fields, {
                name: getattr(row, name) for name in fields})
            self.assertEqual([('detach', self.uuid, 0)], self.engine.calls)
        self.assertEqual([self.function.package], self.core.packages())

    def test_new_package_detaches_workers(self):
        row = self.update(OTHER, description='other')
        self.assertEqual(('other', hashlib.sha256(OTHER).hexdigest()),
                         (row.description, row.code['sha256']))
        self.assertEqual([row.package], self.core.packages())
        self.assertNotEqual(self.function.package, row.package)
        self.assertEqual([('detach', self.uuid, 0)], self.engine.calls)

    def test_workers_are_detached_after_the_write(self):
        self.engine.answers['detach'] = lambda *_: self.assertEqual(
            'c.d', self.row(self.uuid).entry)
        self.update(entry='c.d')
        self.assertEqual(['detach'], self.engine.verbs())

    def test_update_without_an_engine(self):
        self.engine.answers['detach'] = exception.Unavailable(reason='bus')
        self.assertEqual('c.d', self.update(entry='c.d').entry)

    def test_unchanged_package(self):
        row = self.update(fixtures.PACKAGE)
        self.assertEqual((self.function.package, 1),
                         (row.package, row.revision))
        self.assertEqual([row.package], self.core.packages())

    def test_checksums(self):
        same = self.function.code['md5sum']
        for package, md5, sentence in (
                (OTHER, same, 'checksum is not changed'),
                (fixtures.PACKAGE, same, 'checksum is not changed'),
                (OTHER, 'x', 'md5 mismatch'),
                (fixtures.PACKAGE, 'x', 'md5 mismatch'),
                (b'x', None, 'not a valid ZIP')):
            self.assertIn(sentence, self.check_raises(
                exception.Invalid, self.update, package,
                code={'md5sum': md5}))
        self.check_unchanged()
        md5 = hashlib.md5(OTHER).hexdigest()
        row = self.update(OTHER, code={'source': 'package', 'md5sum': md5})
        self.assertEqual(md5, row.code['md5sum'])

    def test_source_cannot_change(self):
        for fields in ({}, {'name': 'x'}, {'entry': 'x'}):
            for source in ('image', 'swift', 5, None, ['package']):
                self.assertIn('type can not be changed', self.check_raises(
                    exception.Invalid, self.update, code={'source': source},
                    **fields))
        self.check_unchanged()

    def test_references_do_not_block_new_code(self):
        for status in ('running', 'paused', 'done'):
            self.core.insert(models.Job, function_id=self.uuid, status=status)
        self.core.insert(models.Webhook, function_id=self.uuid)
        self.core.insert(models.FunctionAlias, function_id=self.uuid)
        for package, fields in ((None, {'entry': 'x'}), (OTHER, {}),
                                (None, {'cpu': 200, 'name': 'x'})):
            self.update(package, **fields)
        self.assertEqual(['detach'] * 3, self.engine.verbs())

    def test_jobs_and_webhooks_run_new_code(self):
        triggers = [{'function_id': self.uuid, 'function_version': 0}]
        self.core.insert(models.FunctionAlias, function_id=self.uuid,
                         project_id='mine', name='now')
        triggers.append({'function_alias': 'now'})
        new = self.update(OTHER, entry='new.main')
        self.assertNotEqual(self.function.package, new.package)
        for fields in triggers:
            self.core.services.triggers.fire(
                MINE, fixtures.execution_request(**fields))
            target = self.engine.calls[-1][2]
            self.assertEqual((new.package, 'new.main'),
                             (target.package, target.entry))

    def test_packages_of_versions_are_kept(self):
        self.core.insert(models.FunctionVersion, function_id=self.uuid,
                         package=self.function.package)
        row = self.update(OTHER)
        self.assertEqual({self.function.package, row.package},
                         set(self.core.packages()))

    def test_functions_of_other_projects(self):
        stranger = test_functions.stranger()
        for fields in ({}, {'name': 'x'}, {'entry': 'x'}):
            self.check_raises(exception.FunctionNotFound, self.update,
                              ctx=stranger, **fields)
        self.check_unchanged()
        # An admin may update; the function keeps its project.
        row = self.update(OTHER, ctx=test_functions.THEIRS)
        self.assertEqual('mine', row.project_id)


class TestRaces(UpdateTest):
    """Concurrent updates."""

    def before_the_write(self, *actions):
        """Run actions between the read and the write of an update."""
        write, pending = self.core.db.write, list(actions)

        def act_and_write(action, **kwargs):
            if pending:
                write(pending.pop())
            return write(action, **kwargs)
        self.core.db.write = act_and_write

    def change(self, **values):
        return lambda tx: crud.update(tx, models.Function, self.uuid, values)

    def test_concurrent_package_update(self):
        self.before_the_write(self.change(package='faster'))
        row = self.update(OTHER)
        self.assertEqual(hashlib.sha256(OTHER).hexdigest(),
                         row.code['sha256'])
        self.assertIn(row.package, self.core.packages())

    def test_precondition_of_a_concurrent_package_update(self):
        self.before_the_write(self.change(package='faster'))
        self.assertIn('ETag is now "2"', self.check_raises(
            exception.PreconditionFailed, self.update, OTHER,
            match=frozenset([1])))
        self.assertEqual('faster', self.row(self.uuid).package)
        self.assertEqual([self.function.package], self.core.packages())
        self.assertEqual([], self.engine.calls)

    def test_updates_between_changes_of_the_environment(self):
        def set_variable(name):
            def change(tx):
                settings = environment.insert(tx, 'mine', {
                    'environment': {name: 'theirs'}, 'secrets': {}})
                crud.update(tx, models.Function, self.uuid,
                            {'settings_id': settings})
            return change
        self.before_the_write(set_variable('B'), set_variable('A'))
        row = self.update(OTHER, environment={'S': 'mine'})
        self.assertEqual({'S': 'mine'},
                         self.core.backends.environments.decrypt(
                             row.settings_id))
        self.assertEqual(hashlib.sha256(OTHER).hexdigest(),
                         row.code['sha256'])

        self.before_the_write(*map(set_variable, map(
            'N{}'.format, range(functions.MAX_UPDATE_TRIES))))
        self.assertIn('changed by another request', self.check_raises(
            exception.FunctionChanged, self.update,
            environment={'S': 'new'}))

    def test_concurrent_text_update(self):
        self.before_the_write(self.change(name='faster'))
        row = self.update(OTHER, description='slower')
        self.assertEqual(('faster', 'slower'), (row.name, row.description))

    def test_concurrent_text_update_with_a_revision(self):
        self.before_the_write(self.change(name='faster'))
        self.assertIn('ETag is now "2"', self.check_raises(
            exception.PreconditionFailed, self.update, OTHER,
            match=frozenset([1])))
        self.assertEqual([self.function.package], self.core.packages())

    def test_concurrent_delete(self):
        for package in (None, OTHER):
            self.before_the_write(
                lambda tx: crud.delete(tx, models.Function, self.uuid))
            self.check_raises(exception.FunctionNotFound, self.update,
                              package, name='x')
            self.assertEqual([self.function.package], self.core.packages())
            self.function = self.create()
            self.uuid = self.function.id
            self.core.backends.packages.sweep(0)

    def test_update_checks_the_revision(self):
        self.assertIn('ETag is now "1"', self.check_raises(
            exception.PreconditionFailed, self.update, OTHER,
            match=frozenset([2])))
        self.check_unchanged()
        self.assertEqual(2, self.update(
            name='x', match=frozenset([1])).revision)

    def test_concurrent_updates_keep_one_package(self):
        """Check that each update succeeds: the last one remains."""
        packages = [fixtures.archive({'main.py': str(number)})
                    for number in range(8)]

        database.run_together(*[
            lambda package=package: self.update(package)
            for package in packages])
        row = self.row(self.uuid)
        self.assertEqual([row.package], self.core.packages())
        self.assertEqual(row.revision, 1 + len(packages))
        self.assertIn(row.code['sha256'], [
            hashlib.sha256(package).hexdigest() for package in packages])
