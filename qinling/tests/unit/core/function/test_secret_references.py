# SPDX-License-Identifier: Apache-2.0
"""References of functions and versions to secrets."""

from concurrent import futures
import datetime

from oslotest import base

from qinling.core.function import secret_references
from qinling.core import rotation
from qinling.core import secrets
from qinling.db import crud
from qinling.db import models
from qinling import exception
from qinling.tests import databases
from qinling.tests import fixtures
from qinling.tests.unit.core.function import test_environment as environment

MINE = environment.MINE


class ReferencesTest(environment.EnvironmentTest):
    def publish(self, id):
        return self.versions.create(MINE, id, None).version_number

    def version(self, id, number):
        return self.versions.get(MINE, id, number)

    def values(self, id):
        """Return the values of the function and of the versions."""
        return [self.decrypt(self.functions.get(MINE, id)),
                *(self.decrypt(row) for row in self.versions.list(
                    MINE, id, crud.Page(sort_key='version_number')))]

    def references(self, row):
        stored = self.core.backends.environments.read([row])
        return secret_references.load(stored.get(row.settings_id))

    def numbers(self, row):
        return {name: (reference.number, reference.mode)
                for name, reference in self.references(row).items()}


class TestModes(ReferencesTest):
    def test_latest_follows_and_pinned_stays(self):
        id = self.create(
            environment={'E': 'e'}, secrets={'L': '1', 'P': '1'},
            secret_modes={'L': 'latest'}).id
        self.publish(id)
        self.update(id, secrets={'L': '2', 'P': '2'})
        self.publish(id)
        self.update(id, secrets={'L': '3'})
        self.assertEqual([
            {'E': 'e', 'L': '3', 'P': '2'}, {'E': 'e', 'L': '3', 'P': '1'},
            {'E': 'e', 'L': '3', 'P': '2'}], self.values(id))
        self.assertEqual({'L': (3, 'latest'), 'P': (1, 'pinned')},
                         self.numbers(self.version(id, 1)))
        self.assertEqual({'L': (3, 'latest'), 'P': (2, 'pinned')},
                         self.numbers(self.version(id, 2)))

    def test_versions_keep_their_mode_and_environment(self):
        id = self.create(secrets={'S': '1'}, environment={'E': '1'}).id
        self.publish(id)
        self.update(id, secret_modes={'S': 'latest'})
        self.publish(id)
        self.update(id, secret_modes={'S': 'pinned'})
        self.update(id, secrets={'S': '2'}, environment={'E': '2'})
        self.assertEqual([
            {'S': '2', 'E': '2'}, {'S': '1', 'E': '1'},
            {'S': '2', 'E': '1'}], self.values(id))

    def test_a_mode_alone_is_no_change_of_the_secret(self):
        row = self.create(secrets={'S': '1'}, secret_modes={'S': 'latest'})
        self.publish(row.id)
        published = self.version(row.id, 1)
        before = self.references(row)['S']
        after = self.update(row.id, secret_modes={'S': 'pinned'})
        self.assertTrue(before.is_same_value(self.references(after)['S']))
        self.assertEqual(published, self.version(row.id, 1))
        same = self.update(row.id, secret_modes={'S': 'pinned'})
        self.assertEqual(after, same)

    def test_a_removed_secret_stays_in_versions_and_numbers_grow(self):
        id = self.create(secrets={'S': '1'},
                         secret_modes={'S': 'latest'}).id
        self.publish(id)
        self.update(id, secrets={'S': None})
        self.assertEqual([{}, {'S': '1'}], self.values(id))
        row = self.update(id, secrets={'S': '2'})
        self.assertEqual({'S': (2, 'pinned')}, self.numbers(row))
        self.assertEqual([{'S': '2'}, {'S': '2'}], self.values(id))

    def test_refusals(self):
        row = self.create(environment={'E': '1'}, secrets={'S': '1'})
        for modes, words in (
                ({'S': 'newest'}, 'must be "pinned" or "latest"'),
                ({'S': None}, 'must be "pinned" or "latest"'),
                ({'S': ['latest']}, 'must be "pinned" or "latest"'),
                ({'E': 'latest'}, 'no secret of this name'),
                ({'X': 'latest'}, 'no secret of this name')):
            error = self.assertRaises(exception.Invalid, self.update, row.id,
                                      secret_modes=modes)
            self.assertIn(words, str(error))
        self.assertRaises(exception.Invalid, self.update, row.id,
                          secrets={'S': None}, secret_modes={'S': 'latest'})


class TestRows(ReferencesTest):
    def test_old_values_are_deleted_with_the_last_version(self):
        id = self.create(secrets={'S': '1'}).id
        self.publish(id)
        self.publish(id)
        for value in '234':
            self.update(id, secrets={'S': value})
        self.assertEqual(2, len(self.rows()))
        self.versions.delete(MINE, id, 1)
        self.assertEqual(2, len(self.rows()))
        self.versions.delete(MINE, id, 2)
        self.assertEqual(['4'], [self.decrypt(models.Function(
            settings_id=row.id))['S'] for row in self.rows()])

    def test_versions_with_equal_rows_share_the_new_row(self):
        id = self.create(secrets={'S': '1'},
                         secret_modes={'S': 'latest'}).id
        self.publish(id)
        self.publish(id)
        self.update(id, secrets={'S': '2'})
        self.assertEqual(2, len(self.rows()))
        self.assertEqual(self.version(id, 1).settings_id,
                         self.version(id, 2).settings_id)

    def test_workers_of_followers_are_retired(self):
        id = self.create(secrets={'L': '1', 'P': '1'},
                         secret_modes={'L': 'latest'}).id
        self.publish(id)
        self.core.engine.calls.clear()
        self.update(id, secrets={'P': '2'})
        self.assertEqual([('detach', id, 0)], self.core.engine.calls)
        self.core.engine.calls.clear()
        before = self.version(id, 1)
        self.update(id, secrets={'L': '2'})
        self.assertEqual([('detach', id, 0), ('detach', id, 1)],
                         self.core.engine.calls)
        self.assertEqual(before.revision + 1, self.version(id, 1).revision)

    def test_rows_of_older_releases(self):
        row = self.create(secrets={'S': '1'})
        self.publish(row.id)
        stored, = self.rows()
        old = {'S': {name: stored.secrets['S'][name]
                     for name in ('size', 'sealed')}}
        self.core.db.write(lambda tx: crud.update_all(
            tx, environment._MODEL, {'secrets': old}))
        reference = self.references(row)['S']
        self.assertEqual(
            (1, 'pinned', stored.created_at),
            (reference.number, reference.mode, reference.updated_at))
        self.update(row.id, secrets={'S': '2'},
                    secret_modes={'S': 'latest'})
        self.assertEqual([{'S': '2'}, {'S': '1'}], self.values(row.id))
        self.assertEqual(
            stored.created_at,
            self.references(self.version(row.id, 1))['S'].updated_at)

    def test_another_key_keeps_the_numbers(self):
        row = self.create(secrets={'S': '1'}, secret_modes={'S': 'latest'})
        self.publish(row.id)
        self.core.conf.set_override(
            'encryption_keys', [secrets.new_key(), self.key],
            group='secrets')
        before = self.references(row)['S']
        self.assertEqual(1, rotation.rotate(
            self.core.db, secrets.Secrets(self.core.conf)))
        after = self.references(row)['S']
        self.assertTrue(after.is_same_value(before))
        self.assertNotEqual(after.sealed, before.sealed)
        self.assertNotIn(after.sealed, repr(after))


class TestFollow(base.BaseTestCase):
    def test_equal_times_and_numbers_are_the_same_value(self):
        first, second = (datetime.datetime(2026, 1, day) for day in (1, 2))

        def create(number, updated_at):
            return secret_references.SecretReference(
                'S', number, 'latest', updated_at, 1, 'sealed')
        reference = create(1, first)
        self.assertFalse(reference.is_same_value(None))
        for change, is_same in ((create(1, first), True),
                                (create(2, first), False),
                                (create(1, second), False)):
            self.assertEqual(is_same, reference.is_same_value(change))


class TestDatabases(ReferencesTest):
    def test_a_version_published_during_a_change_has_the_new_value(self):
        for backend in databases.BACKENDS:
            with fixtures.Core(backend, secrets={
                    'encryption_keys': [self.key]}) as self.core:
                self.functions = self.core.services.functions
                self.versions = self.core.services.versions
                self.check_concurrent_changes()

    def check_concurrent_changes(self):
        id = self.create(secrets={'S': '0'},
                         secret_modes={'S': 'latest'}).id
        self.publish(id)
        with futures.ThreadPoolExecutor(2) as pool:
            for value in range(1, 9):
                changes = (
                    pool.submit(self.publish, id),
                    pool.submit(self.update, id, secrets={'S': str(value)}))
                for change in changes:
                    change.result()
        self.assertEqual([{'S': '8'}] * 10, self.values(id))
        self.assertEqual({'S': (9, 'latest')},
                         self.numbers(self.version(id, 9)))
