# SPDX-License-Identifier: Apache-2.0
"""Pagination of every list."""

import datetime
import itertools
from unittest import mock
import urllib.parse

from qinling.api import root
from qinling.db import models
from qinling.db import paging
from qinling.tests.unit.api import cases

START = datetime.datetime(2026, 1, 1)
COUNT = 7
NOUNS = {'runtimes': models.Runtime, 'functions': models.Function,
         'aliases': models.FunctionAlias, 'executions': models.Execution,
         'versions': models.FunctionVersion, 'jobs': models.Job,
         'webhooks': models.Webhook, 'failures': models.Failure,
         'operations': models.Operation, 'results': models.ReplayResult,
         'deliveries': models.Delivery,
         'event_sources': models.EventSource,
         'dead_letters': models.DeadLetter}
#: Paths of lists below a resource.
PATHS = {'versions': '/v1/functions/{id}/versions',
         'results': '/v1/operations/{id}/results',
         'deliveries': '/v1/webhooks/{id}/deliveries'}
#: Keys of the order; deliveries never change.
ORDERS = {noun: ('created_at', 'id') if noun == 'deliveries'
          else ('created_at', 'updated_at', 'id') for noun in NOUNS}
KEYS = {'aliases': 'function_aliases', 'versions': 'function_versions'}


class ListTest(cases.ApiTest):
    def setUp(self):
        super().setUp()
        self.function = self.api.insert(models.Function,
                                        project_id='unused')
        self.operation = self.api.insert(models.Operation,
                                         project_id='unused')
        self.webhook = self.api.insert(
            models.Webhook, function_id=self.function, project_id='unused')
        for noun, model in NOUNS.items():
            for number in range(COUNT):
                self.insert(noun, model, number)

    def insert(self, noun, model, number):
        values = {'created_at': START + datetime.timedelta(number // 2)}
        if number % 3 and noun != 'deliveries':
            values['updated_at'] = START
        if noun == 'deliveries':
            values['webhook_id'] = self.webhook
        if noun in ('runtimes', 'functions', 'aliases'):
            values['name'] = f'n{number}'
        if noun in ('aliases', 'versions'):
            values['function_id'] = self.function
        if noun == 'versions':
            values['version_number'] = number + 1
        if noun == 'results':
            values.update(operation_id=self.operation, source_id=str(number),
                          project_id='unused')
        self.api.insert(model, **values)

    def path(self, noun):
        if noun == 'versions':
            return f'/v1/functions/{self.function}/versions'
        if noun == 'results':
            return f'/v1/operations/{self.operation}/results'
        if noun == 'deliveries':
            return f'/v1/webhooks/{self.webhook}/deliveries'
        return f'/v1/{noun}'

    def page(self, noun, query=''):
        """Return (ids of a page, URL of the next page)."""
        path = query if query.startswith('http') else self.path(noun) + query
        body = self.call('GET', path)
        rows = body.pop(KEYS.get(noun, noun))
        next_url = body.pop('next', None)
        self.assertEqual({}, body)
        return [row['id'] for row in rows], next_url

    def walk(self, noun, query):
        """Return the ids of all pages. Check that only the last page may be
        partial.
        """
        all_ids, next_url = self.page(noun, query)
        size = len(all_ids)
        while next_url:
            self.assertEqual(0, len(all_ids) % size)
            self.assertTrue(next_url.startswith(
                f'http://localhost{self.path(noun)}?'), next_url)
            ids, next_url = self.page(noun, next_url)
            self.assertTrue(ids)
            all_ids += ids
        return all_ids


class TestPages(ListTest):
    def test_every_list_is_covered(self):
        lists = {route.route.path for route
                 in root.Root(self.api.services).routes
                 if 'limit' in route.route.query}
        self.assertEqual(
            {PATHS.get(noun, f'/v1/{noun}') for noun in NOUNS}, lists)

    def test_no_limit_returns_all_rows(self):
        for noun in NOUNS:
            ids, next_url = self.page(noun)
            self.assertEqual((COUNT, COUNT, None),
                             (len(ids), len(set(ids)), next_url))

    def test_pages_contain_each_row_once(self):
        for noun in NOUNS:
            whole, _ = self.page(noun)
            for limit in (1, 2, 3, COUNT, 100):
                self.assertEqual(whole, self.walk(noun, f'?limit={limit}'))

    def test_sorted_pages(self):
        orders = [(noun, key) for noun in NOUNS for key in ORDERS[noun]]
        for (noun, key), direction in itertools.product(
                orders, ('asc', 'desc')):
            order = f'sort_key={key}&sort_dir={direction}'
            whole, _ = self.page(noun, f'?{order}')
            self.assertEqual(COUNT, len(set(whole)))
            self.assertEqual(whole, self.walk(noun, f'?limit=2&{order}'))

    def test_desc_reverses_asc(self):
        for noun in NOUNS:
            for key in ORDERS[noun]:
                ascending, _ = self.page(noun, f'?sort_key={key}')
                descending, _ = self.page(noun,
                                          f'?sort_key={key}&sort_dir=desc')
                self.assertEqual(ascending, descending[::-1])

    def test_full_last_page_has_no_next(self):
        for noun in NOUNS:
            ids, next_url = self.page(noun, f'?limit={COUNT}')
            self.assertEqual((COUNT, None), (len(ids), next_url))

    def test_marker(self):
        for noun in NOUNS:
            whole, _ = self.page(noun)
            self.assertEqual((whole[3:], None),
                             self.page(noun, f'?marker={whole[2]}'))
            self.assertEqual(([], None),
                             self.page(noun, f'?marker={whole[-1]}'))

    def test_counts(self):
        for noun in NOUNS:
            whole, _ = self.page(noun)
            for query in ('limit=2', f'limit=1&marker={whole[-1]}'):
                body = self.call(
                    'GET', f'{self.path(noun)}?{query}&with_count=true')
                self.assertEqual((COUNT, True), (
                    body['count'], body['count_is_exact']))
        path = self.path('functions')
        first_day = START + datetime.timedelta(1)
        body = self.call(
            'GET', f'{path}?with_count=1&fields=id'
            f'&created_at=lt:{first_day.isoformat()}')
        self.assertEqual((2, True), (body['count'], body['count_is_exact']))
        with mock.patch.object(paging, 'MAX_COUNT', 3):
            for noun in NOUNS:
                body = self.call(
                    'GET', f'{self.path(noun)}?limit=1&with_count=true')
                self.assertEqual((3, False), (
                    body['count'], body['count_is_exact']))

    def test_next_link_keeps_the_query(self):
        _, next_url = self.page(
            'executions', '?limit=1&status=running&sort_key=status&'
            'description=neq:%C3%A9%26x')
        self.assertIsNone(next_url)
        _, next_url = self.page(
            'executions', '?limit=1&status=running&sort_dir=desc')
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(next_url).query)
        self.assertEqual(
            {'limit': ['1'], 'status': ['running'], 'sort_dir': ['desc']},
            {key: query[key] for key in query if key != 'marker'})

    def test_invalid_queries_are_refused(self):
        for noun in NOUNS:
            path = self.path(noun)
            for query, words in (
                    ('limit=0', 'limit must be at least 1'),
                    ('limit=-1', 'limit must be at least 1'),
                    ('limit=x', 'is not a whole number'),
                    ('limit=', 'is not a whole number'),
                    ('limit=1_0', 'is not a whole number'),
                    ('limit=%D9%A1', 'is not a whole number'),
                    ('limit=1.5', 'is not a whole number'),
                    ('limit=99999999999', 'out of range'),
                    ('marker=x', 'names nothing' if noun == 'failures'
                     else 'is not a UUID'),
                    ('marker=', 'names nothing' if noun == 'failures'
                     else 'is not a UUID'),
                    (f'marker={cases.UNKNOWN_ID}',
                     'names nothing in this list'),
                    ('sort_key=nothing', 'sort_key must be one of'),
                    ('sort_key=project_id', 'sort_key must be one of'),
                    ('sort_key=', 'sort_key must be one of'),
                    ('sort_dir=up', 'sort_dir must be asc or desc'),
                    ('sort_dir=ASC', 'sort_dir must be asc or desc'),
                    ('limit=1&limit=2', 'limit must occur only once'),
                    ('fields=id&fields=id', 'fields must occur only once')):
                self.fault(400, words, 'GET', f'{path}?{query}')


class TestMaxPageSize(ListTest):
    """The maximum set by the operator."""

    GROUPS = {'api': {'max_page_size': 3}}

    def test_pages_are_limited(self):
        for noun in NOUNS:
            for query in ('', '?limit=3', '?limit=100'):
                ids, next_url = self.page(noun, query)
                self.assertEqual(3, len(ids))
                self.assertIsNotNone(next_url)
                self.assertEqual(COUNT, len(set(self.walk(noun, query))))
            self.assertEqual(2, len(self.page(noun, '?limit=2')[0]))


class TestProjects(cases.ApiTest):
    """Projects whose rows a list returns."""

    ENFORCING = True
    NOUNS = {'functions': 'function', 'aliases': 'function_alias',
             'executions': 'execution'}

    def setUp(self):
        super().setUp()
        function = self.api.insert(models.Function, project_id='unused')
        self.ids = {}
        for noun in self.NOUNS:
            values = {'function_id': function} if noun == 'aliases' else {}
            self.ids[noun] = {project: self.api.insert(
                NOUNS[noun], project_id=project, **values)
                for project in ('mine', 'theirs')}

    def projects(self, noun, query, project, roles):
        rows = self.call('GET', f'/v1/{noun}{query}', X_Project_Id=project,
                         X_Roles=roles)
        owners = {id: project for project, id in self.ids[noun].items()}
        return {owners.get(row['id'], 'unused') for row
                in rows[KEYS.get(noun, noun)]}

    def test_lists_show_the_own_project(self):
        for noun in self.NOUNS:
            for roles in ('reader', 'member', 'admin'):
                for query in ('', '?all_projects=false',
                              '?all_projects=maybe', '?all_projects=',
                              '?project_id='):
                    self.assertEqual({'mine'}, self.projects(
                        noun, query, 'mine', roles))

    def test_all_projects_needs_a_policy(self):
        for noun, word in self.NOUNS.items():
            self.assertLessEqual({'mine', 'theirs'}, self.projects(
                noun, '?all_projects=true', 'mine', 'admin'))
            for roles in ('reader', 'member'):
                self.fault(403, f'{word}:get_all:all_projects', 'GET',
                           f'/v1/{noun}?all_projects=true', X_Roles=roles)

    def test_project_id_filters_for_admins(self):
        for noun in self.NOUNS:
            for query in ('?project_id=theirs',
                          '?project_id=theirs&all_projects=true',
                          '?project_id=in:theirs,others'):
                self.assertEqual({'theirs'}, self.projects(
                    noun, query, 'mine', 'admin'))
            # Other roles cannot filter by project.
            for roles in ('reader', 'member'):
                self.assertEqual({'mine'}, self.projects(
                    noun, '?project_id=theirs', 'mine', roles))

    def test_markers_of_other_projects_are_refused(self):
        for noun in self.NOUNS:
            self.fault(400, 'names nothing in this list', 'GET',
                       f'/v1/{noun}?marker={self.ids[noun]["theirs"]}',
                       X_Project_Id='mine', X_Roles='admin')
