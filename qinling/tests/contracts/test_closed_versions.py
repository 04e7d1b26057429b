# SPDX-License-Identifier: Apache-2.0
"""Tests of digests, tags and recorded secrets, on every database."""

import json

from oslotest import base
import sqlalchemy as sa

from qinling.core.execution import records
from qinling.core import secrets
from qinling.db import crud
from qinling.db import migration
from qinling.db import models
from qinling.tests.contracts import test_versions
from qinling.tests import databases
from qinling.tests import fixtures

INSERT = sa.text(
    'INSERT INTO function_settings (id, project_id, created_at, environment, '
    "secrets) VALUES (:id, 'p', '2026-01-01 00:00:00', '{}', :secrets)")


class ClosedVersions:
    """Tests on the database ``backend``."""

    def setUp(self):
        super().setUp()
        self.core = self.useFixture(fixtures.Core(
            self.backend, secrets={'encryption_keys': [secrets.new_key()]}))
        self.ctx = fixtures.caller()
        self.versions = self.core.services.versions
        self.function = self.core.function(
            self.ctx, secrets={'S': 'a', 'L': 'b'},
            secret_modes={'L': 'latest'})

    def publish(self, **values):
        return self.versions.create(self.ctx, self.function.id, values)

    def test_tags(self):
        for tags in (['a_b'], ['axb', 'c'], []):
            self.publish(tags=tags)

        def find(*filters):
            return [row.version_number for row in self.versions.list(
                self.ctx, self.function.id,
                crud.Page(sort_key='version_number'), tags=filters)]
        self.assertEqual([1], find('has:a_b'))
        self.assertEqual([2], find('has:c', 'has:axb'))
        self.assertEqual([1, 2, 3], find())
        self.assertEqual([], find('has:a'))

    def test_recorded_secrets(self):
        digest = self.publish().digest
        self.core.services.functions.update(
            self.ctx, self.function.id, {'secrets': {'S': 'c', 'L': 'd'}},
            None)
        for number, expected in ((0, (None, {'S': 2, 'L': 2})),
                                 (1, (digest, {'S': 1, 'L': 2}))):
            row = self.core.services.triggers.fire(
                self.ctx, fixtures.execution_request(
                    self.function.id, function_version=number))
            stored = records.from_database(
                self.core.row(models.Execution, row.id))
            self.assertEqual(expected, (stored.digest, stored.secrets))

    def test_publication_during_an_upgrade(self):
        for number in range(5):
            values = {'image': f'image-{number}', 'upgrade_versions': True}
            results = test_versions.run_concurrently(3, lambda place: (
                self.core.services.runtimes.update(
                    self.ctx, self.function.runtime_id, values)
                if place == 0 else self.publish()))
            for result in results:
                self.assertNotIsInstance(result, Exception)
            self.core.db.write(lambda tx: crud.update(
                tx, models.Runtime, self.function.runtime_id,
                {'status': 'available'}))
        for row in self.versions.list(self.ctx, self.function.id,
                                      crud.Page()):
            self.assertEqual([], self.versions.verify(
                self.ctx, self.function.id, row.version_number).parts)

    def test_retention_respects_concurrent_users(self):
        self.core.services.functions.update(
            self.ctx, self.function.id, {'keep_versions': 1}, None)
        first = self.publish()
        for number in range(8):
            values = {'name': f'a{number}', 'function_id': self.function.id,
                      'function_version': first.version_number + number}
            pointed, published = test_versions.run_concurrently(
                2, lambda place: self.publish() if place else (
                    self.core.services.aliases.create(self.ctx, values)))
            self.assertNotIsInstance(published, Exception)
            exists = self.core.db.read(lambda tx: crud.exists(
                tx, models.FunctionVersion,
                models.FunctionVersion.version_number
                == values['function_version']))
            self.assertEqual(exists, not isinstance(pointed, Exception))


class SecretNumbersUpgrade:
    """Test of the upgrade of environments with secrets."""

    def test_numbers_are_copied(self):
        db = self.useFixture(
            databases.Database(self.backend, empty=True)).db
        migration.upgrade(db, '014')
        stored = [{}, {'A': {'sealed': 'x', 'size': 1}},
                  {'A': {'number': 7}, 'B': {'number': 2}}]
        with db.engine.begin() as connection:
            connection.execute(INSERT, [
                {'id': str(number), 'secrets': json.dumps(value)}
                for number, value in enumerate(stored)])
        migration.upgrade(db)
        rows = db.read(lambda tx: crud.select(tx, models.FunctionSettings))
        self.assertEqual([None, {'A': 1}, {'A': 7, 'B': 2}],
                         [row.secret_numbers for row in rows])


class TestSqlite(ClosedVersions, SecretNumbersUpgrade,
                 base.BaseTestCase):
    backend = 'sqlite'


class TestPostgresql(ClosedVersions, SecretNumbersUpgrade,
                     base.BaseTestCase):
    backend = 'postgresql'


class TestMariadb(ClosedVersions, SecretNumbersUpgrade,
                  base.BaseTestCase):
    backend = 'mariadb'
