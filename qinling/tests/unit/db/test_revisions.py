# SPDX-License-Identifier: Apache-2.0
"""Comparison of the schema with the release."""

from oslotest import base
import sqlalchemy as sa

from qinling.db import migration
from qinling.db import revisions
from qinling.tests import databases


class TestCheck(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.db = self.useFixture(databases.Database(empty=True)).db

    def refusal(self):
        return str(self.assertRaises(ValueError, revisions.check, self.db))

    def test_schema_of_this_release(self):
        migration.upgrade(self.db)
        revisions.check(self.db)

    def test_no_schema(self):
        head = migration.head(self.db)
        self.assertEqual(
            f'The database has no schema of Qinling, this release needs '
            f'{head}: run qinling-db-manage upgrade.', self.refusal())

    def test_older_schemas(self):
        for revision, _ in migration.history(self.db)[:-1]:
            migration.upgrade(self.db, revision)
            self.assertIn(f'has the schema {revision}, ', self.refusal())

    def test_schema_of_a_newer_release(self):
        migration.upgrade(self.db)
        with self.db.engine.begin() as tx:
            tx.execute(sa.text("UPDATE alembic_version SET version_num='999'"))
        revisions.check(self.db)
