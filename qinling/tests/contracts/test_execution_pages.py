# SPDX-License-Identifier: Apache-2.0
"""Lists of executions return what a search of all rows would."""

import datetime
import itertools
import operator
import random

import fixtures as fixtures_library
from oslotest import base

from qinling.db import crud
from qinling.db import execution_pages
from qinling.db import filtering
from qinling.db import models
from qinling.db import paging
from qinling import exception
from qinling.tests.contracts import database
from qinling.tests import fixtures

START = datetime.datetime(2026, 1, 1, 12, 30, 15, 250000)
COUNT = 120
VALUES = {
    'function_id': ('f', 'g'), 'function_version': (0, 1, 2),
    'function_alias': (None, 'a', 'b'), 'job_id': (None, None, 'j'),
    'group_id': (None, 'x', 'y'), 'description': (None, 'one', 'two'),
    'trigger': (None, 'api', 'job'), 'sync': (True, False),
    'flow_key': (None, '', 'ada'),
    'reason': (None, 'timeout', 'crashed', 'no_worker'),
    'status': ('running', 'success', 'failed', 'error', 'cancelled'),
    'duration': (None, 0.5, 1.5, 2.5)}
COMPARISONS = {'eq': operator.eq, 'neq': operator.ne, 'gt': operator.gt,
               'gte': operator.ge, 'lt': operator.lt, 'lte': operator.le}
SORT_KEYS = ('created_at', 'updated_at', 'started_at', 'duration', 'status',
             'id')
#: Each is a list of filters.
QUERIES = (
    [], ['status=failed'], ['status=neq:success'], ['status=in:failed,error'],
    ['status=nin:running,success', 'status=neq:error'], ['status=gte:r'],
    ['reason=timeout'], ['reason=neq:timeout'], ['reason=in:timeout,crashed'],
    ['function_id=f'], ['function_id=neq:f'], ['function_id=in:f,g'],
    ['function_id=f', 'function_version=1'],
    ['function_id=f', 'function_version=in:1,2', 'status=failed'],
    ['function_id=f', 'status=success'], ['function_version=2'],
    ['function_alias=a'], ['function_alias=a', 'status=in:failed,success'],
    ['job_id=j'], ['group_id=x'], ['group_id=x', 'duration=gt:1'],
    ['flow_key=ada'], ['flow_key=in:,ada', 'duration=gt:1'],
    ['description=one'], ['description=has:o'], ['trigger=job'],
    ['sync=true'], ['sync=false', 'trigger=api'],
    ['created_at=gte:2026-01-01T12:31:00'],
    ['created_at=gt:2026-01-01T12:31:00', 'created_at=lt:2026-01-01T12:32:00',
     'status=success'], ['duration=gt:0.5', 'duration=lte:2.5'],
    ['duration=1.5', 'status=success'], ['started_at=lt:2026-01-01T12:31:00'],
    ['updated_at=gte:2026-01-01T12:31:00'], ['function_version=99'],
    ['function_id=f', 'function_id=in:g,f'])


def passes(row, item):
    """Return whether a row passes a filter, without a database."""
    value = getattr(row, item.name)
    if value is None:
        return False
    if item.operator == 'has':
        return item.value in value
    if item.operator in ('in', 'nin'):
        return (value in item.values) == (item.operator == 'in')
    return COMPARISONS[item.operator](value, item.value)


def sort_value(key):
    """Return the sort key of rows."""
    def get(row):
        value = getattr(row, key)
        return (value is not None, value or 0, row.created_at, row.id)
    return get


class ExecutionPages(database.OnDatabase):
    """Tests on one database; ``limit`` bounds the searched rows."""

    def setUp(self):
        super().setUp()
        choose = random.Random(1).choice
        self.db.write(lambda tx: [crud.insert(
            tx, models.Execution, **self.create_row(number, choose))
            for number in range(COUNT)])
        self.insert(models.Execution, project_id='foreign', function_id='h',
                    job_id='k', group_id='z', description='one')
        self.rows = self.db.read(lambda tx: crud.select(
            tx, models.Execution, models.Execution.project_id == 'default'))

    def create_row(self, number, choose):
        created = START + datetime.timedelta(seconds=number // 2)
        row = {name: choose(values) for name, values in VALUES.items()}
        row['started_at'] = choose((None, created))
        row['updated_at'] = None if row['status'] == 'running' else (
            created + datetime.timedelta(microseconds=number % 3))
        return dict(row, created_at=created, project_id='default')

    def page(self, query, ctx=None, **page):
        filters = [filtering.parse(models.Execution, *text.split('=', 1))
                   for text in query]
        return self.db.read(lambda tx: execution_pages.select_page(
            tx, ctx or fixtures.caller(), filters, crud.Page(**page)))

    def walk(self, query, limit, **page):
        """Return the ids of all pages in order."""
        ids, marker = [], None
        while rows := self.page(query, limit=limit, marker=marker, **page):
            ids += [row.id for row in rows]
            self.assertLessEqual(len(rows), limit)
            marker = rows[-1].id
        return ids

    def expected(self, query, key, direction):
        filters = [filtering.parse(models.Execution, *text.split('=', 1))
                   for text in query]
        rows = [row for row in self.rows
                if (key != 'duration' or row.duration is not None)
                and all(passes(row, item) for item in filters)]
        return [row.id for row in sorted(
            rows, key=sort_value(key), reverse=direction == 'desc')]

    def check_lists(self):
        """Compare all lists with their counts.

        :returns: the number of rejected lists, and whether lists were
            counted.
        """
        rejected, counted = 0, set()
        for query, key, direction in itertools.product(
                QUERIES, SORT_KEYS, ('asc', 'desc')):
            page = {'sort_key': key, 'sort_dir': direction}
            count = paging.Count()
            expected = self.expected(query, key, direction)
            try:
                rows = self.page(query, limit=2, count=count, **page)
                counted.add(count.value is not None)
                if count.value is not None:
                    self.assertEqual(len(expected), count.value, (query, page))
                rows = self.page(query, **page)
            except exception.Invalid as e:
                self.assertIn(f'A list by {key} with the filters ', str(e))
                rejected += 1
                continue
            self.assertEqual(expected, [row.id for row in rows],
                             (query, page))
            self.assertEqual(expected, self.walk(query, 25, **page),
                             (query, page))
        return rejected, counted

    def test_small_projects_have_all_lists(self):
        self.assertEqual((0, {True}), self.check_lists())

    def test_counts_are_bounded(self):
        self.useFixture(fixtures_library.MockPatchObject(
            paging, 'MAX_COUNT', 20))
        for query in ([], ['status=in:success,failed,error,running'],
                      ['function_id=f', 'sync=true']):
            count = paging.Count()
            self.page(query, count=count, limit=1)
            self.assertEqual(21, count.value, query)

    def test_lists_of_large_projects_are_right_or_rejected(self):
        self.useFixture(fixtures_library.MockPatchObject(
            execution_pages, 'MAX_SEARCHED_ROWS', 10))
        lists = 2 * len(QUERIES) * len(SORT_KEYS)
        rejected, counted = self.check_lists()
        self.assertLess(lists / 4, rejected)
        # Some pages are full before the search ends.
        self.assertEqual({True, False}, counted)
        for query in (['status=failed'], ['function_id=f', 'status=error'],
                      ['reason=nin:crashed'], ['job_id=j'], ['group_id=x'],
                      ['function_alias=b'], ['description=two']):
            self.page(query)
        for key in set(SORT_KEYS) - {'started_at', 'status'}:
            self.page([], sort_key=key)

    def test_values_of_other_projects_select_nothing(self):
        for query in ('function_id=h', 'function_id=in:h,h2', 'job_id=k',
                      'job_id=eq:k', 'group_id=z', 'group_id=in:z'):
            self.assertEqual([], self.page([query]), query)
            self.assertEqual([], self.page([query], sort_key='duration'))
        self.assertEqual(self.expected(['function_id=f'], 'created_at', 'asc'),
                         [row.id for row in self.page(['function_id=in:f,h'])])
        self.assertNotIn('foreign', {row.project_id for row in self.page(
            ['function_id=neq:f'])})

    def test_all_projects(self):
        ctx = fixtures.caller().elevated()
        self.assertEqual(COUNT + 1, len(self.page([], ctx)))
        self.assertEqual(1, len(self.page(['function_id=h'], ctx)))
        self.assertEqual(1, len(self.page(['project_id=foreign'], ctx)))
        self.assertEqual(
            COUNT, len(self.page(['project_id=neq:foreign'], ctx)))

    def test_unknown_markers_are_rejected(self):
        self.assertRaises(exception.Invalid, self.page, [], marker='no')
        foreign, = self.page(['function_id=h'], fixtures.caller().elevated())
        self.assertRaises(exception.Invalid, self.page, [],
                          marker=foreign.id)


class TestOnSqlite(ExecutionPages, base.BaseTestCase):
    backend = 'sqlite'


class TestOnPostgresql(ExecutionPages, base.BaseTestCase):
    backend = 'postgresql'


class TestOnMariadb(ExecutionPages, base.BaseTestCase):
    backend = 'mariadb'


class TestFilters(base.BaseTestCase):
    """Values of filters have the type of the column."""

    def parse(self, name, text):
        return filtering.parse(models.Execution, name, text)

    def test_values(self):
        for name, text, expected in (
                ('function_version', 'gt:2', (2,)),
                ('function_version', 'in:1, 2', (1, 2)),
                ('duration', '2.5', (2.5,)), ('sync', 'No', (False,)),
                ('status', 'has:a', ('a',)),
                ('created_at', 'gte:2026-01-01', (
                    datetime.datetime(2026, 1, 1),)),
                ('created_at', '2026-01-01T02:00:00+02:00', (
                    datetime.datetime(2026, 1, 1),)),
                ('created_at', 'lt:2026-01-01T00:00:00Z', (
                    datetime.datetime(2026, 1, 1),))):
            self.assertEqual(expected, self.parse(name, text).values, text)

    def test_values_of_another_type_are_rejected(self):
        for name, text, sentence in (
                ('function_version', '1.5', 'is not a whole number.'),
                ('function_version', '1_0', 'is not a whole number.'),
                ('duration', '\u0661.5', 'is not a number.'),
                ('function_version', str(2 ** 63), 'is not a whole number.'),
                ('duration', 'gt:fast', "duration: 'fast' is not a number."),
                ('duration', 'inf', 'is not a number.'),
                ('duration', 'has:1', 'duration is no text'),
                ('sync', 'maybe', 'is not a boolean; use true or false.'),
                ('created_at', 'now', 'use the form 2026-01-31T12:00:00'),
                ('created_at', '0001-01-01T00:00:00+20:00', 'not a time')):
            error = self.assertRaises(exception.Invalid, self.parse, name,
                                      text)
            self.assertIn(sentence, str(error))
