# SPDX-License-Identifier: Apache-2.0
"""Schema migrations."""

import pathlib

import alembic_migrations
from oslotest import base

from qinling.db import crud
from qinling.db import migration
from qinling.db import models
from qinling.tests import databases


class TestMigration(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.db = self.useFixture(databases.Database(empty=True)).db

    def test_empty_databases_have_no_revision(self):
        self.assertIsNone(migration.current(self.db))

    def test_upgrade_to_the_head(self):
        migration.upgrade(self.db)
        self.assertEqual(migration.head(self.db), migration.current(self.db))
        self.assertFalse(self.db.read(
            lambda tx: crud.exists(tx, models.Function)))

    def test_upgrade_step_by_step(self):
        for revision, _ in migration.history(self.db):
            migration.upgrade(self.db, revision)
            self.assertEqual(revision, migration.current(self.db))

    def test_history_covers_all_revisions(self):
        steps = migration.history(self.db)
        self.assertEqual(('001', 'Create the tables of the first release.'),
                         steps[0])
        self.assertEqual(migration.head(self.db), steps[-1][0])

    def test_every_file_is_in_the_history(self):
        files = pathlib.Path(alembic_migrations.__file__).parent.glob(
            'versions/[0-9]*.py')
        self.assertEqual(
            sorted(path.name[:3] for path in files),
            [revision for revision, _ in migration.history(self.db)])

    def test_stamp_changes_no_table(self):
        migration.stamp(self.db, '001')
        self.assertEqual('001', migration.current(self.db))
        with self.db.engine.connect() as connection:
            self.assertFalse(connection.dialect.has_table(
                connection, 'functions'))
