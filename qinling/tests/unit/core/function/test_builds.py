# SPDX-License-Identifier: Apache-2.0
"""Rows of builds and access to builds."""

import datetime
import io

from oslotest import base

from qinling.core.function import builds
from qinling.db import models
from qinling import exception
from qinling.states import BuildStatus
from qinling.tests import fixtures
from qinling.tests.unit.core.function import test_functions

MINE = fixtures.caller()
DEPENDENCIES = {'kind': 'pip', 'sha256': 'd' * 64}
ID = 'a' * 64


class BuildsTest(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.core = self.useFixture(fixtures.Core())
        self.db = self.core.db
        self.engine = self.core.engine
        self.builds = self.core.services.builds

    def claim(self, owner='one', seconds=60, id=ID, dependencies=DEPENDENCIES):
        return builds.claim(self.db, id, dependencies, owner, seconds)

    def finish(self, status, owner='one', id=ID, **values):
        return builds.end(self.db, id, owner, status, **values)

    def find(self):
        return builds.find(self.db, ID)


class TestRows(BuildsTest):
    def test_one_engine_claims_the_build(self):
        self.assertIsNone(self.find())
        self.assertTrue(self.claim())
        self.assertFalse(self.claim('two'))
        self.assertEqual(('building', 'one'),
                         (self.find().status, self.find().owner))
        self.assertFalse(self.finish(BuildStatus.READY, 'two', package='x'))
        self.assertTrue(self.finish(BuildStatus.READY, package='key', size=5))
        row = self.find()
        self.assertEqual(('ready', 'key', 5, None),
                         (row.status, row.package, row.size,
                          row.lease_until))
        self.assertFalse(self.claim('two', -1))

    def test_expired_claims_can_be_taken_over(self):
        self.claim(seconds=-1)
        self.assertIsNone(self.find())
        self.assertTrue(self.claim('two'))
        self.assertFalse(self.claim('three'))
        self.assertFalse(self.finish(BuildStatus.FAILED))
        self.assertTrue(self.finish(BuildStatus.FAILED, 'two', log='why'))

    def test_release_removes_unfinished_builds(self):
        self.claim()
        builds.release(self.db, 'two')
        self.assertIsNotNone(self.find())
        builds.release(self.db, 'one')
        self.assertIsNone(self.find())
        self.claim()
        self.finish(BuildStatus.FAILED)
        builds.release(self.db)
        self.assertIsNotNone(self.find())

    def test_forget_removes_failed_builds(self):
        self.claim()
        builds.forget(self.db, ID, BuildStatus.FAILED)
        self.assertIsNotNone(self.find())
        self.finish(BuildStatus.FAILED)
        builds.forget(self.db, ID, BuildStatus.FAILED)
        self.assertIsNone(self.find())

    def test_purge_removes_unused_builds(self):
        packages = self.core.backends.packages
        keys = []
        for id, days in ((ID, 29), ('b' * 64, 31), ('c' * 64, 31)):
            self.claim(id=id)
            keys.append(packages.put(io.BytesIO(id.encode())).key)
            if id[0] != 'c':
                self.finish(BuildStatus.READY, id=id, package=keys[-1])
            used_at = models.now() - datetime.timedelta(days=days)
            self.db.write(lambda tx: builds.crud.update(
                tx, models.Build, id, {'used_at': used_at}))
        builds.purge(self.db, packages, 30)
        self.assertEqual(
            {ID, 'c' * 64},
            set(self.db.read(lambda tx: builds.crud.select_values(
                tx, models.Build.id))))
        self.assertEqual(sorted([keys[0], keys[2]]), self.core.packages())
        # Packages of builds are no orphans.
        packages.sweep(-1)
        self.assertEqual([keys[0]], self.core.packages())

    def test_use_is_recorded_once_a_day(self):
        self.claim()
        row = self.find()
        builds.touch(self.db, row)
        self.assertEqual(row.used_at, self.find().used_at)
        used_at = models.now() - datetime.timedelta(days=2)
        self.db.write(lambda tx: builds.crud.update(
            tx, models.Build, ID, {'used_at': used_at}))
        builds.touch(self.db, self.find())
        self.assertLess(row.used_at, self.find().used_at)


class TestUsers(BuildsTest):
    """Builds as users see them."""

    def function(self, requirements='x'):
        return self.core.function(MINE, fixtures.archive(
            {'main.py': '', 'requirements.txt': requirements}))

    def dependencies(self, function):
        return function.code['dependencies']

    def test_uploads_start_a_build(self):
        function = self.function()
        (verb, target), = self.engine.calls
        self.assertEqual(('install', function.id, function.code),
                         (verb, target.function_id, target.code))
        self.engine.calls.clear()
        self.core.services.functions.update(
            MINE, function.id, {}, io.BytesIO(fixtures.archive(
                {'requirements.txt': 'y'})))
        self.assertEqual({'detach', 'install'}, set(self.engine.verbs()))
        self.engine.calls.clear()
        self.core.services.functions.update(
            MINE, function.id, {'name': 'n', 'entry': 'a.b'}, None)
        self.assertEqual(['detach'], self.engine.verbs())

    def test_upload_without_an_engine(self):
        self.engine.answers['install'] = exception.Unavailable(reason='bus')
        self.assertEqual('pip', self.dependencies(self.function())['kind'])

    def test_get_returns_the_newest_build(self):
        function = self.function()
        self.assertEqual(('waiting', 'pip', None), (
            (row := self.builds.get(MINE, function.id)).status, row.kind,
            row.log))
        for id, log in ((ID, 'older'), ('b' * 64, 'newer')):
            self.claim(id=id, dependencies=self.dependencies(function))
            self.finish(BuildStatus.FAILED, id=id, log=log)
        self.assertEqual('newer', self.builds.get(MINE, function.id).log)

    def test_versions(self):
        function = self.function()
        self.core.services.versions.create(MINE, function.id, None)
        self.core.services.functions.update(
            MINE, function.id, {}, io.BytesIO(fixtures.PACKAGE))
        self.assertEqual('pip', self.builds.get(MINE, function.id, 1).kind)
        self.assertRaises(exception.NotFound, self.builds.get, MINE,
                          function.id)

    def test_retry(self):
        function = self.function()
        for status, count in ((None, 1), (BuildStatus.FAILED, 1),
                              (BuildStatus.READY, 0)):
            if status:
                id = status.value.ljust(64)
                self.claim(id=id, dependencies=self.dependencies(function))
                self.finish(status, id=id)
            self.engine.calls.clear()
            if count:
                self.builds.retry(MINE, function.id)
            else:
                self.assertRaises(exception.Conflict, self.builds.retry,
                                  MINE, function.id)
            self.assertEqual(['install'] * count, self.engine.verbs())

    def test_builds_of_other_projects_are_hidden(self):
        function = self.function()
        for call in (self.builds.get, self.builds.retry):
            self.assertRaises(exception.FunctionNotFound, call,
                              test_functions.stranger(), function.id)
