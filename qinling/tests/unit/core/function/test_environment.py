# SPDX-License-Identifier: Apache-2.0
"""Environment variables and secrets of functions."""

from oslotest import base

from qinling.core.function import environment
from qinling.core import rotation
from qinling.core import secrets
from qinling.db import crud
from qinling.db import models
from qinling import exception
from qinling.tests import fixtures

MINE = fixtures.caller()
_MODEL = models.FunctionSettings


class EnvironmentTest(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.key = secrets.new_key()
        self.core = self.useFixture(fixtures.Core(
            secrets={'encryption_keys': [self.key]}))
        self.functions = self.core.services.functions
        self.versions = self.core.services.versions

    def create(self, **fields):
        return self.core.function(MINE, **fields)

    def update(self, id, match=None, **fields):
        return self.functions.update(MINE, id, fields, None, match)

    def decrypt(self, row):
        return self.core.backends.environments.decrypt(row.settings_id)

    def rows(self):
        return self.core.db.read(lambda tx: crud.select(tx, _MODEL))

    def check_refused(self, words, **fields):
        error = self.assertRaises(exception.Invalid, self.create, **fields)
        self.assertIn(words, str(error))
        self.assertEqual([], self.rows())
        return str(error)


class TestStorage(EnvironmentTest):
    def test_empty_environments_store_no_row(self):
        for fields in ({}, {'environment': {}, 'secrets': {}},
                       {'secrets': {'NOT_THERE': None}}):
            row = self.create(**fields)
            self.assertEqual({}, self.decrypt(row))
            self.assertIsNone(row.settings_id)
        self.assertEqual([], self.rows())

    def test_values_are_stored_encrypted(self):
        row = self.create(environment={'A': 'ä', 'B': ''},
                          secrets={'C': 'hush \U0001f600'})
        self.assertEqual({'A': 'ä', 'B': '', 'C': 'hush \U0001f600'},
                         self.decrypt(row))
        stored, = self.rows()
        self.assertNotIn('hush', repr(stored))
        self.assertEqual('default', stored.project_id)

    def test_changes(self):
        id = self.create(environment={'A': '1'}, secrets={'B': '2'}).id
        for fields, expected in (
                ({'name': 'n'}, {'A': '1', 'B': '2'}),
                ({'environment': None, 'secrets': None},
                 {'A': '1', 'B': '2'}),
                ({'environment': {'C': '3'}}, {'B': '2', 'C': '3'}),
                ({'secrets': {'D': '4'}}, {'B': '2', 'C': '3', 'D': '4'}),
                ({'secrets': {}}, {'B': '2', 'C': '3', 'D': '4'}),
                ({'secrets': {'B': None, 'D': '5'}}, {'C': '3', 'D': '5'}),
                ({'environment': {}}, {'D': '5'}),
                ({'environment': {'D': '6'}, 'secrets': {'D': None}},
                 {'D': '6'})):
            self.assertEqual(expected, self.decrypt(self.update(id, **fields)))
            self.assertEqual(1, len(self.rows()))
        self.assertIsNone(self.update(id, environment={}).settings_id)
        self.assertEqual([], self.rows())

    def test_changes_detach_workers_despite_jobs(self):
        row = self.create(environment={'A': '1'})
        self.core.insert(models.Job, function_id=row.id)
        self.core.engine.calls.clear()
        new = self.update(row.id, environment={'A': '2'})
        self.assertNotEqual(row.settings_id, new.settings_id)
        self.assertEqual([('detach', row.id, 0)], self.core.engine.calls)

    def test_equal_values_are_no_change(self):
        row = self.create(environment={'A': '1'})
        self.core.engine.calls.clear()
        self.assertEqual(row, self.update(row.id, environment={'A': '1'}))
        self.assertEqual([], self.core.engine.calls)

    def test_versions_keep_their_values(self):
        id = self.create(environment={'A': '1'}, secrets={'B': '2'}).id
        self.versions.create(MINE, id, None)
        self.update(id, environment={'A': '3'}, secrets={'B': '4'})
        version = self.versions.get(MINE, id, 1)
        self.assertEqual({'A': '1', 'B': '2'}, self.decrypt(version))
        self.assertEqual({'A': '3', 'B': '4'},
                         self.decrypt(self.functions.get(MINE, id)))
        self.assertEqual(2, len(self.rows()))
        self.versions.delete(MINE, id, 1)
        self.assertEqual(1, len(self.rows()))

    def test_rows_are_deleted_with_the_function(self):
        id = self.create(environment={'A': '1'}).id
        self.versions.create(MINE, id, None)
        self.update(id, environment={'A': '2'})
        remaining = self.create(environment={'A': '1'})
        self.functions.delete(MINE, id)
        self.assertEqual([remaining.settings_id],
                         [row.id for row in self.rows()])

    def test_concurrent_updates_are_merged(self):
        row = self.create(environment={'A': '1'})
        self.core.backends.environments.read = (
            lambda rows: self.update_concurrently(row))
        self.update(row.id, secrets={'B': '2'})
        self.assertEqual({'A': 'theirs', 'B': '2'},
                         self.decrypt(self.functions.get(MINE, row.id)))
        self.assertEqual(1, len(self.rows()))

    def update_concurrently(self, row):
        del self.core.backends.environments.read
        self.update(row.id, environment={'A': 'theirs'})
        return {}


class TestRefusals(EnvironmentTest):
    def test_names(self):
        for field in ('environment', 'secrets'):
            for name, words in (
                    ('', 'cannot be a name'), ('1A', 'cannot be a name'),
                    ('A B', 'cannot be a name'), ('A=B', 'cannot be a name'),
                    ('Ä', 'cannot be a name'), ('A\n', 'cannot be a name'),
                    ('A' * 256, 'cannot be a name'),
                    ('PATH', 'the runtime sets it'),
                    ('HOME', 'the runtime sets it'),
                    ('LD_PRELOAD', 'how the programs of the runtime start'),
                    ('PYTHONPATH', 'how the programs of the runtime start'),
                    ('NODE_OPTIONS', 'how the programs'),
                    ('QINLING_SECRET', 'how the programs')):
                self.check_refused(words, **{field: {name: 'hidden'}})

    def test_values_are_texts_and_hidden_in_faults(self):
        for field in ('environment', 'secrets'):
            for value in (5, True, ['hidden'], {'hidden': 1}, 'hidden\0',
                          'hidden\ud800'):
                self.assertNotIn('hidden', self.check_refused(
                    'The value of A in', **{field: {'A': value}}))
        self.check_refused('must be text', environment={'A': None})

    def test_names_are_either_environment_or_secret(self):
        self.check_refused('A cannot be in both',
                           environment={'A': '1'}, secrets={'A': '2'})

    def test_number_of_variables_is_limited(self):
        self.core.conf.set_override('max_environment', 2,
                                    group='resource_limits')
        row = self.create(environment={'A': '1'}, secrets={'B': '1'})
        error = self.assertRaises(exception.Invalid, self.update, row.id,
                                  secrets={'C': '1'})
        self.assertIn('at most 2', str(error))

    def test_size_is_limited(self):
        self.core.conf.set_override('max_environment_size', 10,
                                    group='resource_limits')
        row = self.create(environment={'A': 'ää'}, secrets={'B': '1234'})
        for fields in ({'environment': {'A': 'äää'}},
                       {'secrets': {'B': '12345'}}):
            error = self.assertRaises(exception.Invalid, self.update,
                                      row.id, **fields)
            self.assertIn('at most 10', str(error))

    def test_images_have_no_environment(self):
        self.assertIn('neither environment nor secrets', str(
            self.assertRaises(
                exception.Invalid, self.core.backends.environments.plan, None,
                {'secrets': {'A': '1'}}, ImageSource())))
        self.assertIsNone(
            self.core.backends.environments.plan(None, {}, ImageSource()))


class ImageSource:
    has_package = False


class TestKeys(EnvironmentTest):
    """Changes of the configured keys."""

    def environments(self, *keys):
        self.core.conf.set_override('encryption_keys', list(keys),
                                    group='secrets')
        return environment.Environments(self.core.conf, self.core.db,
                                        secrets.Secrets(self.core.conf))

    def test_secrets_need_a_key(self):
        row = self.create(secrets={'A': '1'})
        error = self.assertRaises(exception.PermanentError,
                                  self.environments().decrypt, row.settings_id)
        self.assertIn('its secrets cannot be read', str(error))
        self.assertRaises(exception.Unavailable, self.environments().plan,
                          None, {'secrets': {'A': '1'}},
                          self.core.backends.sources['package'])

    def test_deleted_rows_raise(self):
        self.assertRaises(exception.PermanentError,
                          self.environments().decrypt, models.new_id())

    def test_rotation(self):
        row = self.create(environment={'A': '1'}, secrets={'B': '2'})
        plain = self.create(environment={'A': '1'})
        cipher = secrets.Secrets(self.core.conf)
        webhook = self.core.insert(
            models.Webhook, secret=cipher.encrypt('3'),
            previous_secret=cipher.encrypt('4'))
        before = self.core.row(models.Webhook, webhook)
        new = secrets.new_key()
        self.core.conf.set_override('encryption_keys', [new, self.key],
                                    group='secrets')
        self.assertEqual(3, rotation.rotate(
            self.core.db, secrets.Secrets(self.core.conf)))
        only_new = self.environments(new)
        self.assertEqual({'A': '1', 'B': '2'},
                         only_new.decrypt(row.settings_id))
        self.assertEqual({'A': '1'}, only_new.decrypt(plain.settings_id))
        cipher = secrets.Secrets(self.core.conf)
        after = self.core.row(models.Webhook, webhook)
        self.assertEqual(('3', '4'), (cipher.decrypt(after.secret),
                                      cipher.decrypt(after.previous_secret)))
        # The webhook looks unchanged to its owner.
        self.assertEqual((before.revision, before.updated_at),
                         (after.revision, after.updated_at))

    def test_rotation_works_in_batches(self):
        self.patch(rotation, 'PIECE', 2)
        for number in range(5):
            self.create(secrets={'A': str(number)})
        self.assertEqual(5, rotation.rotate(
            self.core.db, secrets.Secrets(self.core.conf)))

    def test_rotation_needs_the_old_key(self):
        self.create(secrets={'A': '1'})
        self.core.conf.set_override(
            'encryption_keys', [secrets.new_key()], group='secrets')
        self.assertRaises(exception.Unavailable, rotation.rotate,
                          self.core.db, secrets.Secrets(self.core.conf))
