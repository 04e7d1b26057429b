# SPDX-License-Identifier: Apache-2.0
"""Runtimes."""

import functools

from oslotest import base

from qinling.core.runtime import upgrades
from qinling.db import crud
from qinling.db import models
from qinling import exception
from qinling.tests import fixtures

MINE, THEIRS = fixtures.caller('mine'), fixtures.caller('theirs')


class TestRuntimes(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.core = self.useFixture(fixtures.Core())
        self.engine = self.core.engine
        self.runtimes = self.core.services.runtimes

    def status(self, id):
        return self.core.row(models.Runtime, id).status

    def test_create(self):
        row = self.runtimes.create(MINE, {'image': 'i', 'name': 'n'})
        self.assertEqual(
            ('i', 'n', 'mine', 'creating', True, True),
            (row.image, row.name, row.project_id, row.status, row.is_public,
             row.trusted))
        self.assertEqual([('ensure_runtime', row.id)],
                         self.engine.calls)

    def test_rows_are_committed_before_dispatch(self):
        self.engine.answers['ensure_runtime'] = (
            lambda id: self.assertEqual('creating', self.status(id)))
        self.runtimes.create(MINE, {'image': 'i'})
        self.assertEqual(['ensure_runtime'], self.engine.verbs())

    def test_create_without_an_engine(self):
        self.engine.answers['ensure_runtime'] = exception.Unavailable(
            reason='bus')
        self.assertRaises(exception.Unavailable, self.runtimes.create, MINE,
                          {'image': 'i'})
        self.assertEqual([], self.runtimes.list(MINE, crud.Page()))

    def test_create_without_an_image(self):
        for values in ({}, {'image': ''}, {'name': 'n'}):
            error = self.assertRaises(
                exception.Invalid, self.runtimes.create, MINE, values)
            self.assertIn('Required param is missing', str(error))
        self.assertEqual([], self.engine.calls)

    def test_long_texts_are_refused(self):
        for field in ('name', 'description', 'image'):
            values = {'image': 'i', field: 'x' * 256}
            self.assertRaises(exception.Invalid, self.runtimes.create, MINE,
                              values)
            id = self.core.runtime()
            self.assertRaises(exception.Invalid, self.runtimes.update,
                              MINE, id, values)

    def test_private_runtimes_are_hidden(self):
        private = self.core.runtime(project_id='mine', is_public=False)
        public = self.core.runtime(project_id='mine')
        elevate = THEIRS.elevated
        self.assertEqual(public, self.runtimes.get(THEIRS, public).id)
        self.assertRaises(exception.RuntimeNotFound, self.runtimes.get,
                          THEIRS, private)
        self.assertEqual([public], [
            row.id for row in self.runtimes.list(THEIRS, crud.Page())])
        self.assertEqual({private, public}, {
            row.id for row in self.runtimes.list(elevate(),
                                                 crud.Page())})

    def test_register_creates_missing_images(self):
        for _ in range(2):
            self.runtimes.register({'python3': 'image', 'nodejs': 'other'})
        self.runtimes.register({'renamed': 'image'})
        rows = self.runtimes.list(fixtures.caller(), crud.Page())
        self.assertEqual(
            {('python3', 'image', 'creating'), ('nodejs', 'other',
                                                'creating')},
            {(row.name, row.image, row.status) for row in rows})
        self.assertEqual([], self.engine.calls)

    def test_default_runtimes(self):
        self.core.runtime(name='manual', image='theirs')
        for _ in range(2):
            self.runtimes.register_defaults(
                ['python a:1', 'nodejs b@sha256:1', 'manual c'])
        self.runtimes.register_defaults(['python changed:2'])
        rows = self.runtimes.list(fixtures.caller(), crud.Page())
        self.assertEqual(
            {('manual', 'theirs'), ('python', 'a:1'),
             ('nodejs', 'b@sha256:1')},
            {(row.name, row.image) for row in rows})
        self.assertEqual([], self.engine.calls)

    def test_renamed_default_runtimes_stay(self):
        self.runtimes.register_defaults(['python a:1'])
        row, = self.runtimes.list(MINE, crud.Page())
        self.runtimes.update(MINE.elevated(), row.id, {'name': 'new'})
        self.runtimes.register_defaults(['python a:1'])
        self.assertEqual(1, len(self.runtimes.list(MINE, crud.Page())))

    def test_wrong_default_runtimes(self):
        for entry, text in (('python', 'is not a name and an image'),
                            ('a b c', 'is not a name and an image'),
                            ('n ' + 'i' * 256, 'default_runtimes: ')):
            error = self.assertRaises(
                ValueError, self.runtimes.register_defaults, ['a b', entry])
            self.assertIn(text, str(error))
        self.assertEqual([], self.runtimes.list(MINE, crud.Page()))

    def test_update_of_texts(self):
        id = self.core.runtime(status='creating')
        row = self.runtimes.update(MINE, id, {
            'name': 'n', 'description': '', 'is_public': False,
            'trusted': False, 'status': 'error', 'image': 'python3'})
        self.assertEqual(
            ('n', '', True, True, 'creating'),
            (row.name, row.description, row.is_public, row.trusted,
             row.status))
        self.assertEqual([], self.engine.calls)

    def test_update_without_changes(self):
        id = self.core.runtime()
        row = self.runtimes.update(MINE, id, {'is_public': False})
        self.assertEqual((1, None), (row.revision, row.updated_at))

    def test_image_update(self):
        id = self.core.runtime()
        row = self.runtimes.update(MINE, id, {'image': 'new', 'name': 'n'})
        self.assertEqual(('new', 'n', 'upgrading'),
                         (row.image, row.name, row.status))
        self.assertEqual(
            [('ensure_runtime', id)], self.engine.calls)

    def publish_version(self):
        """Return the ids of a runtime and of a version on the runtime."""
        id = self.core.runtime(
            name='python', language='python', language_version='3.11',
            is_public=False, project_id='mine')
        function = self.core.function(MINE, runtime_id=id)
        version = self.core.insert(
            models.FunctionVersion, runtime_id=id, function_id=function.id,
            version_number=1)
        return id, version

    def version(self, id):
        return self.core.row(models.FunctionVersion, id)

    def test_image_update_keeps_the_image_of_versions(self):
        id, version = self.publish_version()
        row = self.runtimes.update(MINE, id, {'image': 'new'})
        self.assertEqual(('new', 'python', None, None), (
            row.image, row.name, row.language, row.language_version))
        copy = self.core.row(models.Runtime, self.version(version).runtime_id)
        self.assertEqual(
            ('python3', 'python', '3.11', False, 'creating', 'mine'),
            (copy.image, copy.language, copy.language_version, copy.is_public,
             copy.status, copy.project_id))
        self.assertRegex(copy.name, r'^python until \d{4}-')
        self.assertEqual(2, self.version(version).revision)
        self.assertEqual(
            [('ensure_runtime', id), ('ensure_runtime', copy.id)],
            self.engine.calls)
        # Any engine can roll back.
        self.assertEqual(('python3', copy.id),
                         (row.previous_image, row.versions_runtime_id))
        # Functions use the new image.
        self.assertTrue(self.runtimes._db.read(lambda tx: crud.exists(
            tx, models.Function, models.Function.runtime_id == id)))

    def test_image_update_with_versions(self):
        id, version = self.publish_version()
        self.runtimes.update(MINE, id, {
            'image': 'new', 'upgrade_versions': True, 'language': 'python',
            'language_version': '3.13'})
        self.assertEqual(id, self.version(version).runtime_id)
        row, = self.runtimes.list(MINE, crud.Page())
        self.assertEqual('3.13', row.language_version)

    def test_second_image_update_adds_no_copy(self):
        id, version = self.publish_version()
        self.runtimes.update(MINE, id, {'image': 'new'})
        copy_id = self.version(version).runtime_id
        self.core.db.write(lambda tx: crud.update(
            tx, models.Runtime, id, {'status': 'available'}))
        self.runtimes.update(MINE, id, {'image': 'newer'})
        self.assertEqual(copy_id, self.version(version).runtime_id)
        self.assertEqual(2, len(self.runtimes.list(MINE, crud.Page())))

    def test_failed_image_update_with_versions_is_undone(self):
        id, version = self.publish_version()
        self.engine.answers['ensure_runtime'] = exception.Unavailable(
            reason='bus')
        self.assertRaises(exception.Unavailable, self.runtimes.update, MINE,
                          id, {'image': 'new'})
        row, = self.runtimes.list(MINE, crud.Page())
        self.assertEqual(
            (id, 'python3', '3.11', 'available'),
            (row.id, row.image, row.language_version, row.status))
        self.assertEqual(id, self.version(version).runtime_id)

    def test_engines_create_the_copy_later(self):
        id, version = self.publish_version()
        answers = iter([None, exception.Unavailable(reason='bus')])

        def ensure(_id):
            answer = next(answers)
            if answer:
                raise answer

        self.engine.answers['ensure_runtime'] = ensure
        self.runtimes.update(MINE, id, {'image': 'new'})
        self.assertEqual('creating', self.status(
            self.version(version).runtime_id))

    def test_empty_image_is_refused(self):
        id = self.core.runtime()
        self.assertRaises(exception.Invalid, self.runtimes.update, MINE, id,
                          {'image': ''})

    def test_image_update_needs_an_available_runtime(self):
        for status in ('creating', 'upgrading', 'error', 'deleting'):
            id = self.core.runtime(status=status)
            error = self.assertRaises(
                exception.RuntimeNotAvailable, self.runtimes.update, MINE,
                id, {'image': 'new', 'name': 'n'})
            self.assertEqual(409, error.http_code)
            row = self.core.row(models.Runtime, id)
            self.assertEqual(('python3', None, status),
                             (row.image, row.name, row.status))
        self.assertNotIn('ensure_runtime', self.engine.verbs())

    def test_simultaneous_image_updates(self):
        """Keep the image that served before the first one."""
        id = self.core.runtime()
        row = self.core.row(models.Runtime, id)
        self.runtimes.update(MINE, id, {'image': 'first'})
        self.core.db.write(lambda tx: crud.change_status(
            tx, models.Runtime, id, 'available'))
        error = self.assertRaises(
            exception.RuntimeNotAvailable, self.core.db.write,
            functools.partial(upgrades.begin, row, {'image': 'second'}, (),
                              False))
        self.assertIn('its status is upgrading', str(error))
        self.assertEqual('first', self.core.row(models.Runtime, id).image)

    def test_failed_image_update_is_undone(self):
        id = self.core.runtime()
        self.engine.answers['ensure_runtime'] = exception.Unavailable(
            reason='bus')
        self.assertRaises(exception.Unavailable, self.runtimes.update, MINE,
                          id, {'image': 'new'})
        row = self.core.row(models.Runtime, id)
        self.assertEqual(('python3', 'available'), (row.image, row.status))

    def test_image_update_with_idle_functions(self):
        function = self.core.function(MINE)
        row = self.runtimes.update(MINE, function.runtime_id,
                                   {'image': 'new'})
        self.assertEqual('upgrading', row.status)

    def test_changes_check_the_revision(self):
        id = self.core.runtime()
        for values in ({'name': 'n'}, {'image': 'new'}, {}):
            self.assertRaises(
                exception.PreconditionFailed, self.runtimes.update, MINE,
                id, values, frozenset([2]))
        self.assertRaises(exception.PreconditionFailed,
                          self.runtimes.delete, MINE, id, frozenset([2]))
        self.assertEqual(('available', 1), (
            self.status(id), self.core.row(models.Runtime, id).revision))
        self.runtimes.update(MINE, id, {'name': 'n'}, frozenset([1, 7]))
        self.runtimes.delete(MINE, id, frozenset([2]))

    def test_delete(self):
        for status in ('creating', 'available', 'upgrading', 'error',
                       'deleting'):
            id = self.core.runtime(status=status)
            self.runtimes.delete(MINE, id)
            self.assertEqual('deleting', self.status(id))
            self.assertEqual(('delete_runtime', id), self.engine.calls[-1])

    def test_delete_without_an_engine(self):
        id = self.core.runtime()
        self.engine.answers['delete_runtime'] = exception.Unavailable(
            reason='bus')
        self.assertRaises(exception.Unavailable, self.runtimes.delete, MINE,
                          id)
        # The next request with an engine succeeds.
        self.engine.answers['delete_runtime'] = None
        self.runtimes.delete(MINE, id)
        self.assertEqual('deleting', self.status(id))

    def test_runtimes_of_functions_cannot_be_deleted(self):
        function = self.core.function(THEIRS)
        id = function.runtime_id
        error = self.assertRaises(
            exception.RuntimeInUse, self.runtimes.delete, MINE, id)
        self.assertEqual(f'Runtime {id} is still in use.', str(error))
        self.assertEqual(([], 'available'),
                         (self.engine.calls, self.status(id)))

    def test_runtimes_of_versions_cannot_be_deleted(self):
        id = self.core.runtime()
        self.core.insert(models.FunctionVersion, runtime_id=id,
                         function_id=self.core.function().id)
        self.assertRaises(
            exception.RuntimeInUse, self.runtimes.delete, MINE, id)

    def test_unknown_and_hidden_runtimes(self):
        private = self.core.runtime(project_id='theirs', is_public=False)
        for id in ('none', private):
            for call in (self.runtimes.get, self.runtimes.delete,
                         lambda ctx, id: self.runtimes.update(
                             ctx, id, {'name': 'n'})):
                error = self.assertRaises(
                    exception.RuntimeNotFound, call, MINE, id)
                self.assertEqual(404, error.http_code)
        self.assertEqual([], self.engine.calls)

    def test_pool(self):
        self.engine.answers['pool_capacity'] = {'total': 3, 'available': 2}
        self.assertEqual(
            {'name': 'any', 'capacity': {'total': 3, 'available': 2}},
            self.runtimes.pool(MINE, 'any'))
        self.engine.answers['pool_capacity'] = None
        self.assertRaises(exception.RuntimeNotFound, self.runtimes.pool,
                          MINE, 'any')
