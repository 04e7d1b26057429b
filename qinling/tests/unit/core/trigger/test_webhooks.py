# SPDX-License-Identifier: Apache-2.0
"""Creation, update and rotation of webhooks."""

from oslotest import base

from qinling import context
from qinling.core import secrets
from qinling.core.trigger import webhooks
from qinling.db import crud
from qinling.db import models
from qinling import exception
from qinling.tests import fixtures

SECRET = 'a secret of a sender'
TARGET_FIELDS = ('function_id', 'function_version', 'function_alias')
SECRET_FIELDS = ('signature', 'secret', 'previous_secret', 'previous_until')


class WebhookTest(base.BaseTestCase):
    KEYS = [secrets.new_key()]

    def setUp(self):
        super().setUp()
        self.core = self.useFixture(fixtures.Core(
            secrets={'encryption_keys': self.KEYS}))
        self.services = self.core.services
        self.webhooks = self.services.webhooks
        self.ctx = fixtures.caller()
        self.function = self.core.function().id
        self.services.versions.create(self.ctx, self.function, None)
        self.services.aliases.create(self.ctx, {
            'name': 'prod', 'function_id': self.function})

    def create(self, ctx=None, **values):
        return self.webhooks.create(ctx or self.ctx, values)[0]

    def update(self, id, ctx=None, match=None, **values):
        return self.webhooks.update(ctx or self.ctx, id, values, match)

    def row(self, id):
        return self.core.row(models.Webhook, id)

    def target(self, row):
        return tuple(getattr(row, name) for name in TARGET_FIELDS)


class TestCreate(WebhookTest):
    def test_targets(self):
        for request, expected in (
                ((self.function, None, None), (self.function, 0, None)),
                ((self.function, 0, None), (self.function, 0, None)),
                ((self.function, 1, None), (self.function, 1, None)),
                ((None, None, 'prod'), (None, None, 'prod')),
                ((self.function, 1, 'prod'), (None, None, 'prod'))):
            values = {name: value for name, value
                      in zip(TARGET_FIELDS, request) if value is not None}
            self.assertEqual(expected, self.target(self.create(**values)))

    def test_unknown_targets(self):
        theirs = self.core.function(fixtures.caller('theirs')).id
        for kind, values in (
                (exception.FunctionNotFound, {'function_id': 'x'}),
                (exception.FunctionNotFound, {'function_id': theirs}),
                (exception.FunctionVersionNotFound, {
                    'function_id': self.function, 'function_version': 2}),
                (exception.FunctionAliasNotFound, {'function_alias': 'x'}),
                (exception.FunctionAliasNotFound, {'function_alias': ''})):
            self.assertRaises(kind, self.create, **values)
        self.assertRaises(exception.FunctionAliasNotFound, self.create,
                          fixtures.caller('theirs'), function_alias='prod')
        # Admins cannot use functions of other projects either.
        self.assertRaises(exception.FunctionNotFound, self.create,
                          fixtures.caller('theirs').elevated(),
                          function_id=self.function)

    def test_function_or_alias_is_required(self):
        for values in ({}, {'function_version': 1}, {'description': 'x'}):
            error = self.assertRaises(exception.Invalid, self.create,
                                      **values)
            self.assertEqual('Either function_alias or function_id must be '
                             'provided.', str(error))

    def test_invalid_values_are_refused(self):
        for values in ({'payload': 'raw'}, {'signature': 'rot13'},
                       {'description': 'x' * 256}, {'description': 'a\0'},
                       {'secret': SECRET},
                       {'signature': 'github', 'secret': 'short'}):
            self.assertRaises(exception.Invalid, self.create,
                              function_id=self.function, **values)

    def test_secrets_are_returned_and_stored_encrypted(self):
        row, secret = self.webhooks.create(self.ctx, {
            'function_id': self.function, 'signature': 'github',
            'secret': SECRET})
        self.assertEqual(SECRET, secret)
        for value in self.row(row.id):
            self.assertNotIn(SECRET, str(value))

    def test_generated_secret(self):
        row, secret = self.webhooks.create(self.ctx, {
            'function_id': self.function, 'signature': 'standard'})
        self.assertTrue(secret.startswith('whsec_'))
        self.assertNotIn(secret, str(self.row(row.id)))

    def test_webhook_without_a_secret(self):
        row, secret = self.webhooks.create(self.ctx, {
            'function_id': self.function})
        self.assertEqual([None] * 5, [secret, *(
            getattr(row, name) for name in SECRET_FIELDS)])


class TestWithoutKey(WebhookTest):
    KEYS = []

    def test_signatures_need_an_encryption_key(self):
        error = self.assertRaises(
            exception.Unavailable, self.create, function_id=self.function,
            signature='github')
        self.assertIn('[secrets] encryption_keys', str(error))
        self.assertFalse(self.core.db.read(
            lambda tx: crud.exists(tx, models.Webhook)))
        self.create(function_id=self.function)


class TestUpdate(WebhookTest):
    def test_targets(self):
        function_id = self.core.function().id
        by_function, by_alias = (self.function, 1, None), (None, None, 'prod')
        for before, change, after in (
                (by_function, {'function_version': 0},
                 (self.function, 0, None)),
                (by_function, {'function_id': function_id,
                               'function_version': 0}, (function_id, 0, None)),
                (by_function, {'function_alias': 'prod'}, by_alias),
                (by_function, {'function_alias': 'prod',
                               'function_id': function_id}, by_alias),
                (by_alias, {'function_id': function_id},
                 (function_id, 0, None)),
                (by_alias, {'function_id': self.function,
                            'function_version': 1}, by_function),
                (by_alias, {'description': 'd'}, by_alias),
                (by_function, {'sync': True}, by_function)):
            id = self.create(**{name: value for name, value in zip(
                TARGET_FIELDS, before) if value is not None}).id
            self.assertEqual(after, self.target(self.update(id, **change)),
                             (before, change))

    def test_version_needs_a_function(self):
        id = self.create(function_alias='prod').id
        error = self.assertRaises(exception.Invalid, self.update, id,
                                  function_version=1)
        self.assertIn('give function_id', str(error))

    def test_unknown_targets(self):
        id = self.create(function_id=self.function, function_version=1).id
        for kind, values in (
                (exception.FunctionNotFound, {'function_id': 'x'}),
                (exception.FunctionVersionNotFound, {'function_version': 2}),
                (exception.FunctionVersionNotFound, {
                    'function_id': self.core.function().id}),
                (exception.FunctionAliasNotFound, {'function_alias': 'x'})):
            before = self.row(id)
            self.assertRaises(kind, self.update, id, **values)
            self.assertEqual(before, self.row(id))

    def test_webhooks_of_other_projects_are_hidden(self):
        id = self.create(function_id=self.function).id
        theirs = context.project_owner('theirs')
        for action in (lambda: self.update(id, theirs, description='x'),
                       lambda: self.webhooks.rotate_secret(theirs, id, {}),
                       lambda: self.webhooks.clear_secret(theirs, id),
                       lambda: self.webhooks.get(theirs, id),
                       lambda: self.webhooks.delete(theirs, id)):
            self.assertRaises(exception.WebhookNotFound, action)

    def test_changes_check_the_revision(self):
        id = self.create(function_id=self.function).id
        self.update(id, match=frozenset([1]), description='d')
        for action in (
                lambda: self.update(id, match=frozenset([1])),
                lambda: self.webhooks.rotate_secret(
                    self.ctx, id, {'signature': 'github'}, frozenset([1])),
                lambda: self.webhooks.clear_secret(
                    self.ctx, id, frozenset([1])),
                lambda: self.webhooks.delete(self.ctx, id, frozenset([1]))):
            self.assertRaises(exception.PreconditionFailed, action)
        self.assertEqual('d', self.row(id).description)

    def test_update_without_changes(self):
        row = self.create(function_id=self.function)
        self.assertEqual(row, self.update(row.id))


class TestRotate(WebhookTest):
    def rotate(self, id, **values):
        return self.webhooks.rotate_secret(self.ctx, id, values)

    def test_rotation_adds_a_secret(self):
        id = self.create(function_id=self.function).id
        error = self.assertRaises(exception.Invalid, self.rotate, id)
        self.assertIn('no signature yet', str(error))
        row, secret = self.rotate(id, signature='slack')
        self.assertEqual(('slack', None), (row.signature,
                                           row.previous_secret))
        self.assertGreater(len(secret), 40)

    def test_rotation_keeps_the_previous_secret(self):
        id = self.create(function_id=self.function, signature='github').id
        before = self.row(id)
        row, _ = self.rotate(id)
        self.assertEqual(before.secret, row.previous_secret)
        self.assertNotEqual(before.secret, row.secret)
        seconds = (row.previous_until - models.now()).total_seconds()
        self.assertTrue(webhooks.DEFAULT_OVERLAP_SECONDS - 60 <
                        seconds <= webhooks.DEFAULT_OVERLAP_SECONDS)

    def test_rotation_to_another_form(self):
        id = self.create(function_id=self.function, signature='github').id
        row, secret = self.rotate(id, signature='standard')
        self.assertEqual(('standard', None, None), (
            row.signature, row.previous_secret, row.previous_until))
        self.assertTrue(secret.startswith('whsec_'))

    def test_invalid_values_are_refused(self):
        id = self.create(function_id=self.function, signature='github').id
        for values in ({'overlap': -1}, {'overlap': 7 * 24 * 3600 + 1},
                       {'secret': 'short'}, {'signature': 'x'},
                       {'signature': 'standard', 'secret': SECRET}):
            before = self.row(id)
            self.assertRaises(exception.Invalid, self.rotate, id, **values)
            self.assertEqual(before, self.row(id))

    def test_clear_secret(self):
        id = self.create(function_id=self.function, signature='github').id
        self.rotate(id)
        self.webhooks.clear_secret(self.ctx, id)
        self.assertEqual([None] * 4, [getattr(self.row(id), name)
                                      for name in SECRET_FIELDS])


class TestReferences(WebhookTest):
    def test_webhooks_block_deletion(self):
        webhook = self.create(function_id=self.function,
                              function_version=1).id
        for action in (
                lambda: self.services.functions.delete(
                    self.ctx, self.function),
                lambda: self.services.versions.delete(
                    self.ctx, self.function, 1)):
            error = self.assertRaises(exception.Forbidden, action)
            self.assertIn(f'webhook {webhook}', str(error))
        by_alias = self.create(function_alias='prod').id
        error = self.assertRaises(
            exception.FunctionAliasInUse, self.services.aliases.delete,
            self.ctx, 'prod')
        self.assertIn(f'webhook {by_alias}', str(error))
        for id in (webhook, by_alias):
            self.webhooks.delete(self.ctx, id)
        self.services.aliases.delete(self.ctx, 'prod')
        self.services.functions.delete(self.ctx, self.function)
