# SPDX-License-Identifier: Apache-2.0
"""Tests of prepared statements, on every database."""

import contextlib
import datetime
import threading

from oslo_db import exception as db_exc
from oslotest import base
import sqlalchemy as sa

from qinling.db import crud
from qinling.db import models
from qinling.db import prepared
from qinling.db import queries
from qinling.tests.contracts import database
from qinling.tests import databases

TIME = datetime.datetime(2030, 1, 2, 3, 4, 5, 678901)


class Prepared(database.OnDatabase):
    """Tests on the database ``backend``."""

    def execution(self, **values):
        return {**databases.sample(models.Execution), 'id': models.new_id(),
                'created_at': TIME, 'status': 'running', 'sync': True,
                'function_version': 0, 'attempt': 0, 'retry': 0, **values}

    def insert_whole(self, values):
        self.db.write(lambda tx: crud.insert_whole(
            tx, models.Execution, values))
        return self.get(models.Execution, values['id'])

    def test_values_are_converted_like_those_of_sqlalchemy(self):
        values = self.execution(
            input='%s ? :x \U0001f600 \x01', description="it's 100 %",
            lease_until=TIME, sync=False, attempt=3)
        row = self.insert_whole(values)
        for name, value in values.items():
            self.assertEqual(value, getattr(row, name), name)

    def test_duplicates_raise_the_error_of_oslo_db(self):
        values = self.execution()
        self.insert_whole(values)
        self.assertRaises(crud.DuplicateEntry, self.insert_whole, values)
        # The connection is still usable.
        self.insert_whole(self.execution())

    def test_missing_defaults_are_computed(self):
        values = self.execution()
        del values['attempt'], values['created_at']
        row = self.insert_whole(values)
        self.assertEqual(0, row.attempt)
        self.assertIsNotNone(row.created_at)

    def test_update_reports_whether_a_row_changed(self):
        id = self.insert_whole(self.execution()).id
        is_own = crud.equals_parameter(models.Execution.owner, 'me')
        for owner, changed in (('other', False), ('me', True)):
            self.update(models.Execution, id, {'owner': 'me'})
            self.assertEqual(changed, self.update(
                models.Execution, id, {'lease_until': TIME,
                                       'updated_at': TIME},
                is_own, params={'me': owner}))
        self.assertEqual(TIME, self.get(models.Execution, id).lease_until)

    def test_errors_of_the_driver_are_translated(self):
        table = models.Execution.__table__
        statement = sa.update(table).where(table.c.id == 'x').values(
            attempt=sa.text('no_such_column'), updated_at=TIME)
        errors = []
        for execute in (lambda tx: tx.execute(statement),
                        lambda tx: prepared.Prepared(statement).change(
                            tx, {})):
            try:
                self.db.write(execute)
            except (db_exc.DBError, sa.exc.DBAPIError) as e:
                errors.append((type(e), e.args[0]))
        self.assertEqual(errors[0], errors[1])
        self.insert_whole(self.execution())

    def test_threads_compile_a_statement_once(self):
        compiled, meeting = [], threading.Barrier(2)

        def compile_form(*args):
            compiled.append(args)
            with contextlib.suppress(threading.BrokenBarrierError):
                meeting.wait(0.2)
            return form(*args)
        form = prepared._Form
        self.patch(prepared, '_Form', compile_form)
        statement = prepared.Prepared(sa.select(models.Execution.id))
        database.run_together(*[
            lambda: self.db.read(statement.first_raw, {})] * 4)
        self.assertEqual(1, len(compiled))

    def test_lists_of_values_are_expanded(self):
        ids = [self.insert_whole(self.execution()).id for _ in range(2)]
        table = models.Execution.__table__
        statement = prepared.Prepared(
            sa.update(table).where(table.c.id.in_(ids)).values(
                attempt=sa.bindparam('number'), updated_at=TIME))
        self.assertEqual(2, self.db.write(
            lambda tx: statement.change(tx, {'number': 7})))

    def test_all_rows(self):
        values = [self.execution(created_at=TIME.replace(second=second),
                                 sync=not second) for second in range(3)]
        for row in values:
            self.insert_whole(row)
        columns = models.Execution.__table__.c
        statement = prepared.Prepared(sa.select(
            columns.id, columns.sync, columns.created_at).where(
                columns.created_at >= sa.bindparam('since')).order_by(
                    columns.created_at.desc()).limit(
                        sa.bindparam('count', type_=sa.Integer)))
        for count, seconds in ((2, [2, 1]), (9, [2, 1, 0]), (0, [])):
            rows = self.db.read(statement.all, {
                'since': TIME.replace(second=0), 'count': count})
            self.assertEqual(
                [(values[second]['id'], not second,
                  TIME.replace(second=second)) for second in seconds],
                [(row.id, row.sync, row.created_at) for row in rows])

    def test_changed_rows_are_never_old(self):
        function = self.insert(models.Function, entry='a.b')
        for entry in ('a.b', 'c.d', 'a.b', 'e.f'):
            self.update(models.Function, function, {'entry': entry})
            row = self.db.read(
                lambda tx: queries.by_id(tx, function, 0))
            self.assertEqual(entry, row.f_entry)
            self.assertIsInstance(row.f_code, dict)


class TestSqlite(Prepared, base.BaseTestCase):
    backend = 'sqlite'


class TestPostgresql(Prepared, base.BaseTestCase):
    backend = 'postgresql'


class TestMariadb(Prepared, base.BaseTestCase):
    backend = 'mariadb'
