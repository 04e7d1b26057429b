# SPDX-License-Identifier: Apache-2.0
"""Tests of lists: filters, order and pages."""

import datetime
import itertools

from oslotest import base

from qinling.db import crud
from qinling.db import filtering
from qinling.db import models
from qinling.tests.contracts import database
from qinling.tests import databases
from qinling.tests import fixtures

START = datetime.datetime(2026, 1, 1, 12, 30, 15, 250000)
#: Few values, so that many rows are alike; and none of them often.
NAMES = (None, 'a', 'b', None, 'A', '')


class Pages(database.OnDatabase):
    """Tests of paging: every order yields each row once."""

    def setUp(self):
        super().setUp()
        self.db.write(self._insert_rows)

    @staticmethod
    def _insert_rows(tx):
        for number in range(18):
            created = START + datetime.timedelta(seconds=number // 3)
            updated = None if number % 2 else (
                START + datetime.timedelta(microseconds=number % 5))
            crud.insert(tx, models.Function, **databases.sample(
                models.Function, name=NAMES[number % len(NAMES)],
                created_at=created, updated_at=updated))

    def page(self, model=models.Function, filters=(), **page):
        return self.db.read(lambda tx: crud.select_page(
            tx, fixtures.caller(), model, filters, crud.Page(**page)))

    def walk(self, limit, **page):
        """Return the ids of all pages in order."""
        ids, marker = [], None
        while rows := self.page(limit=limit, marker=marker, **page):
            ids += [row.id for row in rows]
            self.assertLessEqual(len(rows), limit)
            marker = rows[-1].id
        return ids

    def test_every_order(self):
        orders = itertools.product(
            ('created_at', 'updated_at', 'name', 'id'), ('asc', 'desc'))
        for key, direction in orders:
            whole = [row.id for row in self.page(
                sort_key=key, sort_dir=direction)]
            self.assertEqual((18, 18), (len(whole), len(set(whole))))
            for limit in (1, 4, 6, 18, 50):
                self.assertEqual(whole, self.walk(
                    limit, sort_key=key, sort_dir=direction))

    def test_rows_follow_the_requested_order(self):
        rows = self.page()
        self.assertEqual(
            sorted(rows, key=lambda row: (row.created_at, row.id)), rows)
        for key in ('updated_at', 'created_at'):
            rows = self.page(sort_key=key)
            values = [getattr(row, key) for row in rows]
            self.assertEqual(sorted(values, key=lambda value: (
                value is not None, value or START)), values)
            backwards = self.page(sort_key=key, sort_dir='desc')
            self.assertEqual(rows[::-1], backwards)

    def test_pages_of_filtered_rows(self):
        filters = filtering.list_conditions(
            models.Function, [('name', 'eq:b')])
        whole = [row.id for row in self.page(filters=filters)]
        self.assertEqual(3, len(whole))
        self.assertEqual(whole, self.walk(2, filters=filters))

    def test_paging_with_later_rows(self):
        first = self.page(limit=5)
        self.insert(models.Function, created_at=START - datetime.timedelta(1))
        self.assertEqual(
            {row.id for row in self.page()},
            {row.id for row in first} | {
                row.id for row in self.page(marker=first[-1].id)}
            | {self.page(limit=1)[0].id})

    def test_lists_omit_large_columns(self):
        self.insert(models.Execution, logs='long', input='i', sync=False)
        row, = self.db.read(lambda tx: crud.select_page(
            tx, fixtures.caller(), models.Execution, without=('logs',)))
        self.assertEqual((None, 'i', False), (row.logs, row.input, row.sync))

    def test_objects_in_lists_are_objects(self):
        self.assertEqual({'source': 'package'}, self.page()[0].code)


class Filters(database.OnDatabase):
    """Tests of ``[operator:]value``."""

    TEXTS = ('a', 'b', 'c', 'a_b', 'a%b', 'axb', 'a/b', 'a\\b', 'eq:a',
             'a,b', 'by job 😀', '', None)

    def setUp(self):
        super().setUp()
        for text in self.TEXTS:
            self.insert(models.Execution, description=text)

    def filter_values(self, text, name='description', model=models.Execution):
        rows = self.db.read(lambda tx: crud.select_page(
            tx, fixtures.caller(), model,
            filtering.list_conditions(model, [(name, text)])))
        return {getattr(row, name) for row in rows}

    def test_equal(self):
        for text in self.TEXTS:
            if text is not None and not text.startswith('eq:'):
                self.assertEqual({text}, self.filter_values(text))
                self.assertEqual({text}, self.filter_values(f'eq:{text}'))
        self.assertEqual({'eq:a'}, self.filter_values('eq:eq:a'))
        self.assertEqual({'a'}, self.filter_values('eq:a'))

    def test_unknown_operators_are_part_of_the_value(self):
        self.insert(models.Execution, description='foo:a')
        self.insert(models.Execution, description=':a')
        for text in ('foo:a', ':a'):
            self.assertEqual({text}, self.filter_values(text))

    def test_not_equal(self):
        self.assertEqual(set(self.TEXTS) - {'a', None},
                         self.filter_values('neq:a'))

    def test_order(self):
        words = {'a', 'b', 'c'}
        for text, expected in (('gt:a', {'b', 'c'}),
                               ('gte:b', {'b', 'c'}),
                               ('lt:c', {'a', 'b'}),
                               ('lte:a', {'a'})):
            self.assertEqual(expected, self.filter_values(text) & words)

    def test_lists(self):
        self.assertEqual({'a', 'c'}, self.filter_values('in:a,c,none'))
        self.assertEqual({''}, self.filter_values('in:'))
        self.assertEqual(set(self.TEXTS) - {'a', 'c', None},
                         self.filter_values('nin:a,c'))

    def test_part(self):
        self.assertEqual({'by job 😀'}, self.filter_values('has:job'))
        self.assertEqual({'by job 😀'}, self.filter_values('has:😀'))
        self.assertEqual(set(self.TEXTS) - {None}, self.filter_values('has:'))

    def test_part_escapes_wildcards(self):
        for text in ('_', '%', '/', '\\'):
            self.assertEqual({f'a{text}b'},
                             self.filter_values(f'has:a{text}b'))
            self.assertEqual({f'a{text}b'}, self.filter_values(f'has:{text}'))

    def test_values_are_escaped(self):
        for text in ("' OR 1=1 --", 'has:\' OR \'\'=\'', 'in:\'),(\'a'):
            self.assertEqual(set(), self.filter_values(text))

    def test_other_columns(self):
        self.insert(models.Execution, function_id='g', status='error',
                    project_id='default')
        for name, text, expected in (
                ('function_id', 'g', {'g'}), ('status', 'neq:running',
                                              {'error'}),
                ('function_id', 'has:f', {'f'}),
                ('project_id', 'in:default,other', {'default'})):
            self.assertEqual(expected, self.filter_values(text, name))


class TestPagesOnSqlite(Pages, base.BaseTestCase):
    backend = 'sqlite'


class TestPagesOnPostgresql(Pages, base.BaseTestCase):
    backend = 'postgresql'


class TestPagesOnMariadb(Pages, base.BaseTestCase):
    backend = 'mariadb'


class TestFiltersOnSqlite(Filters, base.BaseTestCase):
    backend = 'sqlite'


class TestFiltersOnPostgresql(Filters, base.BaseTestCase):
    backend = 'postgresql'


class TestFiltersOnMariadb(Filters, base.BaseTestCase):
    backend = 'mariadb'
