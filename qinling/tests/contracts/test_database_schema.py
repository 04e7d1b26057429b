# SPDX-License-Identifier: Apache-2.0
"""Tests of the migrations: their schema matches the models."""

from alembic import autogenerate
from alembic import migration as alembic_migration
from oslotest import base
import sqlalchemy as sa

from qinling.db import crud
from qinling.db import migration
from qinling.db import models
from qinling.tests.contracts import database
from qinling.tests import databases

EMOJI = 'naïve 😀 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 漢字'


def describe_tables(engine):
    """Return a description of all tables of a database."""
    inspector = sa.inspect(engine)
    description = {}
    for table in inspector.get_table_names():
        if table == 'alembic_version':
            continue
        description[table] = {
            'columns': {
                column['name']: dict(column, type=column['type'].compile(
                    engine.dialect)) for column in inspector.get_columns(
                        table)},
            'key': inspector.get_pk_constraint(table)[
                'constrained_columns'],
            'foreign': _sorted(inspector.get_foreign_keys(table)),
            'unique': _sorted(inspector.get_unique_constraints(table)),
            'indexes': _sorted(
                dict(index, dialect_options={
                    name: str(value) for name, value
                    in index.get('dialect_options', {}).items()})
                for index in inspector.get_indexes(table))}
    return description


def _sorted(things):
    """Sort constraints by content, since databases choose different names."""
    return sorted((sorted((key, str(value)) for key, value in thing.items()
                          if key != 'name' or not _is_generated(value))
                   for thing in things), key=str)


def _is_generated(name):
    return name is None or 'fk' in name or 'ibfk' in name


class Schema(database.OnDatabase):
    """Tests of the migrated schema."""

    def test_migrations_match_the_models(self):
        with self.db.engine.connect() as connection:
            context = alembic_migration.MigrationContext.configure(
                connection, opts={'compare_type': True,
                                  'compare_server_default': True})
            self.assertEqual([], autogenerate.compare_metadata(
                context, models.Base.metadata))

    def test_migrated_tables_equal_created_tables(self):
        # This sees collations and the deletes of foreign keys, too.
        reference = self.useFixture(
            databases.Database(self.backend, empty=True))
        models.Base.metadata.create_all(reference.db.engine)
        self.assertEqual(describe_tables(reference.db.engine),
                         describe_tables(self.db.engine))

    def test_upgrade_of_the_newest_revision(self):
        self.insert(models.Runtime)
        migration.upgrade(self.db)
        self.assertEqual(migration.head(self.db), migration.current(self.db))
        self.assertTrue(self.db.read(
            lambda tx: crud.exists(tx, models.Runtime)))

    def test_rows_of_the_first_release_survive(self):
        db = self.useFixture(
            databases.Database(self.backend, empty=True)).db
        migration.upgrade(db, '001')
        names = 'id, project_id, created_at, status, function_version'
        values = "'p', '2026-01-01 00:00:00', 'running', 0"

        def write(tx):
            tx.exec_driver_sql(f'INSERT INTO jobs ({names}, revision) '
                               f"VALUES ('j', {values}, 1)")
            tx.exec_driver_sql(
                f'INSERT INTO executions ({names}, function_id, sync, '
                f"attempt) VALUES ('e', {values}, 'f', '1', 0)")
        db.write(write)
        migration.upgrade(db)
        job, = db.read(lambda tx: crud.select(tx, models.Job))
        self.assertEqual(('j', 'running', 'once', None),
                         (job.id, job.status, job.misfire, job.timezone))
        row, = db.read(lambda tx: crud.select(tx, models.Execution))
        self.assertEqual(('e', 'running', 0, None), (
            row.id, row.status, row.retry, row.next_attempt_at))

    def test_all_texts_keep_every_character(self):
        for model in databases.SAMPLES:
            texts = [column.name for column in model.__table__.columns
                     if isinstance(column.type, (sa.String, sa.Text))
                     and column.type.length != 36
                     and column.name not in (
                         'project_id', 'status', 'method')]
            id = self.insert(model, **dict.fromkeys(texts, EMOJI))
            row = self.get(model, id)
            self.assertEqual(dict.fromkeys(texts, EMOJI),
                             {name: getattr(row, name) for name in texts})

    def test_objects_keep_every_character(self):
        code = {'source': EMOJI, 'deep': [{'é': None}, 1.5, True]}
        id = self.insert(models.Function, code=code)
        self.assertEqual(code, self.get(models.Function, id).code)

    def test_times_keep_microseconds(self):
        now = models.now().replace(microsecond=123456)
        id = self.insert(models.Execution, lease_until=now)
        self.assertEqual(now, self.get(models.Execution, id).lease_until)

    def test_long_texts(self):
        text = 'x' * (2 ** 20)
        id = self.insert(models.Execution, input=text, result=text, logs=text)
        row = self.get(models.Execution, id)
        self.assertEqual((text,) * 3, (row.input, row.result, row.logs))

    def test_versions_are_deleted_with_their_function(self):
        id = self.insert(models.Function)
        version = self.insert(models.FunctionVersion, function_id=id)
        self.db.write(lambda tx: crud.delete(tx, models.Function, id))
        self.assertIsNone(self.get(models.FunctionVersion, version))


class TestSchemaOnSqlite(Schema, base.BaseTestCase):
    backend = 'sqlite'


class TestSchemaOnPostgresql(Schema, base.BaseTestCase):
    backend = 'postgresql'


class TestSchemaOnMariadb(Schema, base.BaseTestCase):
    backend = 'mariadb'
