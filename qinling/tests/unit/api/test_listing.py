# SPDX-License-Identifier: Apache-2.0
"""Pages of lists, for every noun."""

import datetime
import itertools
import urllib.parse

from qinling.api import root
from qinling.db import models
from qinling.tests.unit.api import cases

START = datetime.datetime(2026, 1, 1)
COUNT = 7
NOUNS = {'runtimes': models.Runtime, 'functions': models.Function,
         'aliases': models.FunctionAlias, 'executions': models.Execution,
         'versions': models.FunctionVersion, 'jobs': models.Job,
         'webhooks': models.Webhook}
KEYS = {'aliases': 'function_aliases', 'versions': 'function_versions'}


class ListTest(cases.ApiTest):
    def setUp(self):
        super().setUp()
        self.function = self.api.insert(models.Function,
                                        project_id='nobody')
        for noun, model in NOUNS.items():
            for number in range(COUNT):
                self.insert(noun, model, number)

    def insert(self, noun, model, number):
        values = {'created_at': START + datetime.timedelta(number // 2)}
        if number % 3:
            values['updated_at'] = START
        if noun in ('runtimes', 'functions', 'aliases'):
            values['name'] = f'n{number}'
        if noun in ('aliases', 'versions'):
            values['function_id'] = self.function
        if noun == 'versions':
            values['version_number'] = number + 1
        self.api.insert(model, **values)

    def path(self, noun):
        if noun == 'versions':
            return f'/v1/functions/{self.function}/versions'
        return f'/v1/{noun}'

    def page(self, noun, query=''):
        """(ids of a page, the link to the next)."""
        path = query if query.startswith('http') else self.path(noun) + query
        found = self.call('GET', path)
        rows = found.pop(KEYS.get(noun, noun))
        following = found.pop('next', None)
        self.assertEqual({}, found)
        return [row['id'] for row in rows], following

    def walk(self, noun, query):
        """The ids of all pages, which are full but for the last."""
        found, following = self.page(noun, query)
        size = len(found)
        while following:
            self.assertEqual(0, len(found) % size)
            self.assertTrue(following.startswith(
                f'http://localhost{self.path(noun)}?'), following)
            ids, following = self.page(noun, following)
            self.assertTrue(ids)
            found += ids
        return found


class TestPages(ListTest):
    def test_every_list_is_meant(self):
        lists = {route.route.path for route
                 in root.Root(self.api.services).routes
                 if 'limit' in route.route.query}
        self.assertEqual(
            {'/v1/functions/{id}/versions' if noun == 'versions'
             else f'/v1/{noun}' for noun in NOUNS}, lists)

    def test_everything_without_a_limit(self):
        for noun in NOUNS:
            ids, following = self.page(noun)
            self.assertEqual((COUNT, COUNT, None),
                             (len(ids), len(set(ids)), following))

    def test_pages_have_everything_once(self):
        for noun in NOUNS:
            whole, _ = self.page(noun)
            for limit in (1, 2, 3, COUNT, 100):
                self.assertEqual(whole, self.walk(noun, f'?limit={limit}'))

    def test_sorted_pages(self):
        keys = ('created_at', 'updated_at', 'id')
        for noun, key, direction in itertools.product(
                NOUNS, keys, ('asc', 'desc')):
            order = f'sort_key={key}&sort_dir={direction}'
            whole, _ = self.page(noun, f'?{order}')
            self.assertEqual(COUNT, len(set(whole)))
            self.assertEqual(whole, self.walk(noun, f'?limit=2&{order}'))

    def test_each_direction(self):
        for noun in NOUNS:
            for key in ('created_at', 'updated_at', 'id'):
                there, _ = self.page(noun, f'?sort_key={key}')
                back, _ = self.page(noun, f'?sort_key={key}&sort_dir=desc')
                self.assertEqual(there, back[::-1])

    def test_a_page_that_is_exactly_full(self):
        for noun in NOUNS:
            ids, following = self.page(noun, f'?limit={COUNT}')
            self.assertEqual((COUNT, None), (len(ids), following))

    def test_after_a_marker(self):
        for noun in NOUNS:
            whole, _ = self.page(noun)
            self.assertEqual((whole[3:], None),
                             self.page(noun, f'?marker={whole[2]}'))
            self.assertEqual(([], None),
                             self.page(noun, f'?marker={whole[-1]}'))

    def test_the_link_keeps_what_was_asked(self):
        _, following = self.page(
            'executions', '?limit=1&status=running&sort_key=status&'
            'description=neq:%C3%A9%26x')
        self.assertIsNone(following)
        _, following = self.page(
            'executions', '?limit=1&status=running&sort_dir=desc')
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(following).query)
        self.assertEqual(
            {'limit': ['1'], 'status': ['running'], 'sort_dir': ['desc']},
            {key: query[key] for key in query if key != 'marker'})

    def test_what_is_wrong(self):
        for noun in NOUNS:
            path = self.path(noun)
            for query, words in (
                    ('limit=0', 'limit must be at least 1'),
                    ('limit=-1', 'limit must be at least 1'),
                    ('limit=x', 'is not a whole number'),
                    ('limit=', 'is not a whole number'),
                    ('limit=1.5', 'is not a whole number'),
                    ('limit=99999999999', 'out of range'),
                    ('marker=x', 'is not a UUID'),
                    (f'marker={cases.NONE}', 'names nothing in this list'),
                    ('sort_key=nothing', 'sort_key must be one of'),
                    ('sort_key=project_id', 'sort_key must be one of'),
                    ('sort_key=', 'sort_key must be one of'),
                    ('sort_dir=up', 'sort_dir must be asc or desc'),
                    ('sort_dir=ASC', 'sort_dir must be asc or desc')):
                self.fault(400, words, 'GET', f'{path}?{query}')


class TestMost(ListTest):
    """The operator's maximum."""

    GROUPS = {'api': {'max_page_size': 3}}

    def test_no_page_has_more(self):
        for noun in NOUNS:
            for query in ('', '?limit=3', '?limit=100'):
                ids, following = self.page(noun, query)
                self.assertEqual(3, len(ids))
                self.assertIsNotNone(following)
                self.assertEqual(COUNT, len(set(self.walk(noun, query))))
            self.assertEqual(2, len(self.page(noun, '?limit=2')[0]))


class TestProjects(cases.ApiTest):
    """Whose things a list shows."""

    ENFORCING = True
    NOUNS = {'functions': 'function', 'aliases': 'function_alias',
             'executions': 'execution'}

    def setUp(self):
        super().setUp()
        function = self.api.insert(models.Function, project_id='nobody')
        self.ids = {}
        for noun in self.NOUNS:
            values = {'function_id': function} if noun == 'aliases' else {}
            self.ids[noun] = {project: self.api.insert(
                NOUNS[noun], project_id=project, **values)
                for project in ('mine', 'theirs')}

    def found(self, noun, query, project, roles):
        rows = self.call('GET', f'/v1/{noun}{query}', X_Project_Id=project,
                         X_Roles=roles)
        known = {id: project for project, id in self.ids[noun].items()}
        return {known.get(row['id'], 'nobody') for row
                in rows[KEYS.get(noun, noun)]}

    def test_ones_own(self):
        for noun in self.NOUNS:
            for roles in ('reader', 'member', 'admin'):
                for query in ('', '?all_projects=false',
                              '?all_projects=maybe', '?all_projects=',
                              '?project_id='):
                    self.assertEqual({'mine'}, self.found(
                        noun, query, 'mine', roles))

    def test_all(self):
        for noun, word in self.NOUNS.items():
            self.assertLessEqual({'mine', 'theirs'}, self.found(
                noun, '?all_projects=true', 'mine', 'admin'))
            for roles in ('reader', 'member'):
                self.fault(403, f'{word}:get_all:all_projects', 'GET',
                           f'/v1/{noun}?all_projects=true', X_Roles=roles)

    def test_those_of_another(self):
        for noun in self.NOUNS:
            for query in ('?project_id=theirs',
                          '?project_id=theirs&all_projects=true',
                          '?project_id=in:theirs,others'):
                self.assertEqual({'theirs'}, self.found(
                    noun, query, 'mine', 'admin'))
            # Of anybody else it is ignored.
            for roles in ('reader', 'member'):
                self.assertEqual({'mine'}, self.found(
                    noun, '?project_id=theirs', 'mine', roles))

    def test_a_marker_of_another(self):
        for noun in self.NOUNS:
            self.fault(400, 'names nothing in this list', 'GET',
                       f'/v1/{noun}?marker={self.ids[noun]["theirs"]}',
                       X_Project_Id='mine', X_Roles='admin')
