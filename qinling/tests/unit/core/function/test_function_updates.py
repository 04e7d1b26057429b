# SPDX-License-Identifier: Apache-2.0
"""Changes of functions: what they do, what they refuse, and races."""

import hashlib
import io

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

    def unchanged(self):
        """Nothing has happened."""
        self.assertEqual(self.function, self.row(self.uuid))
        self.assertEqual([self.function.package], self.core.packages())
        self.assertEqual([], self.engine.calls)


class TestPlain(UpdateTest):
    """What keeps the workers."""

    def test_words_and_time(self):
        row = self.update(name='new', description='', timeout='7')
        self.assertEqual(('new', '', 7, 'a.b', 2),
                         (row.name, row.description, row.timeout, row.entry,
                          row.revision))
        self.assertEqual([], self.engine.calls)

    def test_each_by_itself(self):
        self.update(name='x')
        row = self.row(self.uuid)
        self.assertEqual(('x', 'd', 5), (row.name, row.description,
                                         row.timeout))

    def test_although_a_job_runs_it(self):
        self.core.insert(models.Job, function_id=self.uuid)
        self.assertEqual('new', self.update(name='new').name)

    def test_nothing(self):
        for fields in ({}, {'name': None}, {'runtime_id': 'other'},
                       {'code': {'source': 'package'}}, {'code': {}},
                       {'code': {'md5sum': 'whatever'}}):
            self.assertEqual(self.function, self.update(**fields))
        self.unchanged()

    def test_bounds(self):
        for fields in ({'timeout': 0}, {'timeout': 'x'}, {'timeout': 301},
                       {'name': 'x' * 256}, {'description': 'x' * 256},
                       {'entry': 'x' * 81}, {'cpu': 99},
                       {'memory_size': 'x'}, {'name': 5}):
            self.refused(exception.Invalid, self.update, **fields)
        self.unchanged()


class TestBuild(UpdateTest):
    """What makes other workers."""

    def test_each_makes_another_build(self):
        for fields in ({'entry': 'c.d'}, {'cpu': 200},
                       {'memory_size': 67108864}):
            self.engine.calls.clear()
            row = self.update(**fields)
            self.assertEqual(fields, {
                name: getattr(row, name) for name in fields})
            self.assertEqual([('detach', self.uuid, 0)], self.engine.calls)
        self.assertEqual([self.function.package], self.core.packages())

    def test_another_package(self):
        row = self.update(OTHER, description='other')
        self.assertEqual(('other', hashlib.sha256(OTHER).hexdigest()),
                         (row.description, row.code['sha256']))
        self.assertEqual([row.package], self.core.packages())
        self.assertNotEqual(self.function.package, row.package)
        self.assertEqual([('detach', self.uuid, 0)], self.engine.calls)

    def test_the_engine_is_told_afterwards(self):
        self.engine.answers['detach'] = lambda *_: self.assertEqual(
            'c.d', self.row(self.uuid).entry)
        self.update(entry='c.d')
        self.assertEqual(['detach'], self.engine.verbs())

    def test_no_engine_hears_it(self):
        self.engine.answers['detach'] = exception.Unavailable(reason='bus')
        self.assertEqual('c.d', self.update(entry='c.d').entry)

    def test_the_same_package(self):
        row = self.update(fixtures.PACKAGE)
        self.assertEqual((self.function.package, 1),
                         (row.package, row.revision))
        self.assertEqual([row.package], self.core.packages())

    def test_sums(self):
        same = self.function.code['md5sum']
        for package, md5, sentence in (
                (OTHER, same, 'checksum is not changed'),
                (fixtures.PACKAGE, same, 'checksum is not changed'),
                (OTHER, 'x', 'md5 mismatch'),
                (fixtures.PACKAGE, 'x', 'md5 mismatch'),
                (b'x', None, 'not a valid ZIP')):
            self.assertIn(sentence, self.refused(
                exception.Invalid, self.update, package,
                code={'md5sum': md5}))
        self.unchanged()
        md5 = hashlib.md5(OTHER).hexdigest()
        row = self.update(OTHER, code={'source': 'package', 'md5sum': md5})
        self.assertEqual(md5, row.code['md5sum'])

    def test_another_source(self):
        for fields in ({}, {'name': 'x'}, {'entry': 'x'}):
            for source in ('image', 'swift', 5, None, ['package']):
                self.assertIn('type can not be changed', self.refused(
                    exception.Invalid, self.update, code={'source': source},
                    **fields))
        self.unchanged()

    def test_while_a_job_runs_it(self):
        for values in ({'function_id': self.uuid},
                       {'function_id': self.uuid, 'status': 'paused'}):
            job = self.core.insert(models.Job, project_id='mine', **values)
            for package, fields in ((None, {'entry': 'x'}), (OTHER, {}),
                                    (None, {'cpu': 200, 'name': 'x'})):
                self.assertIn(f'job {job}', self.refused(
                    exception.FunctionInUse, self.update, package,
                    **fields))
            self.core.db.write(lambda tx: crud.delete(tx, models.Job, job))
        self.unchanged()

    def test_a_job_that_has_ended_and_other_users(self):
        self.core.insert(models.Job, function_id=self.uuid, status='done')
        self.core.insert(models.Webhook, function_id=self.uuid)
        self.core.insert(models.FunctionAlias, function_id=self.uuid)
        self.assertEqual('x', self.update(entry='x').entry)

    def test_a_package_that_a_version_has(self):
        self.core.insert(models.FunctionVersion, function_id=self.uuid,
                         package=self.function.package)
        row = self.update(OTHER)
        self.assertEqual({self.function.package, row.package},
                         set(self.core.packages()))

    def test_of_another_project(self):
        stranger = test_functions.stranger()
        for fields in ({}, {'name': 'x'}, {'entry': 'x'}):
            self.refused(exception.FunctionNotFound, self.update,
                         ctx=stranger, **fields)
        self.unchanged()
        # An admin may; the function stays where it is.
        row = self.update(OTHER, ctx=test_functions.THEIRS)
        self.assertEqual('mine', row.project_id)


class TestRaces(UpdateTest):
    """Somebody is faster."""

    def before_the_write(self, *actions):
        """Have something done between the look and the write."""
        write, waiting = self.core.db.write, list(actions)

        def interrupted(action, **kwargs):
            if waiting:
                write(waiting.pop())
            return write(action, **kwargs)
        self.core.db.write = interrupted

    def change(self, **values):
        return lambda tx: crud.update(tx, models.Function, self.uuid, values)

    def test_another_package_came_first(self):
        self.before_the_write(self.change(package='faster'))
        self.assertIn('changed by another request', self.refused(
            exception.Conflict, self.update, OTHER))
        self.assertEqual('faster', self.row(self.uuid).package)
        self.assertEqual([self.function.package], self.core.packages())
        self.assertEqual([], self.engine.calls)

    def test_other_words_came_first(self):
        self.before_the_write(self.change(name='faster'))
        row = self.update(OTHER, description='slower')
        self.assertEqual(('faster', 'slower'), (row.name, row.description))

    def test_words_came_first_and_must_not(self):
        self.before_the_write(self.change(name='faster'))
        self.assertIn('ETag is now "2"', self.refused(
            exception.PreconditionFailed, self.update, OTHER,
            match=frozenset([1])))
        self.assertEqual([self.function.package], self.core.packages())

    def test_it_was_deleted(self):
        for package in (None, OTHER):
            self.before_the_write(
                lambda tx: crud.delete(tx, models.Function, self.uuid))
            self.refused(exception.FunctionNotFound, self.update, package,
                         name='x')
            self.assertEqual([self.function.package], self.core.packages())
            self.function = self.create()
            self.uuid = self.function.id
            self.core.backends.packages.sweep(0)

    def test_the_state_that_was_seen(self):
        self.assertIn('ETag is now "1"', self.refused(
            exception.PreconditionFailed, self.update, OTHER,
            match=frozenset([2])))
        self.unchanged()
        self.assertEqual(2, self.update(
            name='x', match=frozenset([1])).revision)

    def test_many_updates_at_once(self):
        """Each wins or is told, and only the last package stays."""
        packages = [fixtures.archive({'main.py': str(number)})
                    for number in range(8)]

        def work(package):
            try:
                return self.update(package)
            except exception.Conflict:
                return None
        found = database.run_together(*[
            lambda package=package: work(package) for package in packages])
        row = self.row(self.uuid)
        self.assertEqual([row.package], self.core.packages())
        self.assertEqual(row.revision, 1 + len(list(filter(None, found))))
        self.assertIn(row.code['sha256'], [
            hashlib.sha256(package).hexdigest() for package in packages])
