# SPDX-License-Identifier: Apache-2.0
"""Event sources as users create and change them."""

from oslotest import base

from qinling.core import rotation
from qinling.core import secrets
from qinling.core import targets
from qinling.core.trigger import event_sources
from qinling.db import models
from qinling import exception
from qinling.tests import fixtures

KEYS = [secrets.new_key(), secrets.new_key()]
SETTINGS = {'url': 'amqp://h', 'queue': 'q'}
LOGIN = {'username': 'u', 'password': 'a-password'}


class TestEventSources(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.core = self.useFixture(fixtures.Core(
            secrets={'encryption_keys': KEYS[:1]}))
        self.noun = self.core.services.event_sources
        self.ctx = fixtures.caller()
        self.function = self.core.function().id

    def create(self, **values):
        return self.noun.create(self.ctx, {
            'kind': 'rabbitmq', 'settings': SETTINGS,
            'function_id': self.function, **values})

    def refuse(self, text, action, *args, **values):
        error = self.assertRaises(exception.Invalid, action, *args, **values)
        self.assertIn(text, str(error))

    def test_wrong_values(self):
        for text, values in (
                ('kind must be one of: kafka, notifications, rabbitmq, redis, '
                 'swift',
                 {'kind': 'amqp'}), ('kind must', {'kind': None}),
                ('settings must be', {'settings': 'x'}),
                ('needs url', {'settings': {}}),
                ('credentials must be', {'credentials': {'token': 'x'}}),
                ('credentials must be', {'credentials': {'username': 1}}),
                ('batch_size must be', {'batch_size': 0}),
                ('batch_window must be', {'batch_window': 301}),
                ('name is too long', {'name': 'x' * 256}),
                ('Either function_alias', {'function_id': None})):
            self.refuse(text, self.create, **values)

    def test_kinds_are_the_modules_of_drivers(self):
        self.assertEqual(['kafka', 'notifications', 'rabbitmq', 'redis',
                          'swift'], event_sources.list_kinds())

    def test_credentials_are_encrypted(self):
        row = self.create(credentials=LOGIN)
        self.assertNotIn('a-password', row.credentials)
        keys = secrets.Secrets(self.useFixture(fixtures.Conf(
            secrets={'encryption_keys': KEYS[::-1]})).conf)
        self.assertEqual(1, rotation.rotate(self.core.db, keys))
        stored = self.core.row(models.EventSource, row.id)
        self.assertNotEqual(row.credentials, stored.credentials)
        self.assertIn('a-password', keys.decrypt(stored.credentials))

    def test_credentials_stay_with_their_url(self):
        row = self.create(credentials=LOGIN)
        moved = {'settings': dict(SETTINGS, url='amqp://evil.example')}
        self.refuse('needs the credentials again', self.noun.update,
                    self.ctx, row.id, moved)
        self.noun.update(self.ctx, row.id, {
            'settings': dict(SETTINGS, queue='other')})
        self.noun.update(self.ctx, row.id, {**moved, 'credentials': LOGIN})
        plain = self.create()
        self.noun.update(self.ctx, plain.id, moved)

    def test_update(self):
        row = self.create()
        self.refuse('cannot change', self.noun.update, self.ctx, row.id,
                    {'kind': 'redis'})
        self.core.services.aliases.create(self.ctx, {
            'name': 'a', 'function_id': self.function})
        row = self.noun.update(self.ctx, row.id, {'function_alias': 'a'})
        self.assertEqual((None, 'a', 2), (
            row.function_id, row.function_alias, row.revision))
        self.assertEqual(
            ['event_source'], [reference.kind for reference in
                               self.core.db.read(targets.alias_references,
                                                 row.project_id, 'a')])

    def test_quota(self):
        self.core.services.quotas.update(
            self.ctx.project_id, {'event_sources': 1})
        self.create()
        self.assertRaises(exception.QuotaExceeded, self.create)

    def test_disabled(self):
        self.core.conf.set_override('enabled', False, group='event_sources')
        self.assertRaises(exception.EventSourcesDisabled, self.create)

    def test_function_of_another_project(self):
        self.assertRaises(
            exception.FunctionNotFound, self.noun.create,
            fixtures.caller('other'), {
                'kind': 'rabbitmq', 'settings': SETTINGS,
                'function_id': self.function})

    def test_guard_of_a_cloud(self):
        conf = self.useFixture(fixtures.Conf(
            api={'auth_strategy': 'keystone'})).conf
        self.assertRaises(exception.TemporaryError, event_sources
                          .create_guard(conf).check, '127.0.0.1', 'h')
        event_sources.create_guard(self.core.conf).check('127.0.0.1', 'h')
