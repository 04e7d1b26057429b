# SPDX-License-Identifier: Apache-2.0
"""``/v1/runtimes``."""

import re

from qinling.db import models
from qinling import exception
from qinling.tests.unit.api import cases

KEYS = {'id', 'name', 'description', 'image', 'language',
        'language_version', 'is_public', 'trusted', 'status',
        'status_reason', 'project_id', 'created_at', 'updated_at'}
TIME = re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ')
UUID = re.compile(r'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}')
ALL = '/v1/runtimes'


class TestRuntimes(cases.ApiTest):
    def one(self, id):
        return f'{ALL}/{id}'

    def test_create(self):
        row = self.call('POST', ALL, {'image': 'python3'}, 201)
        self.assertEqual(KEYS, set(row))
        self.assertTrue(UUID.fullmatch(row['id']))
        self.assertTrue(TIME.fullmatch(row['created_at']))
        self.assertEqual(
            {'image': 'python3', 'is_public': True, 'trusted': True,
             'status': 'creating', 'project_id': 'default', 'name': None,
             'description': None, 'updated_at': None, 'status_reason': None,
             'language': None, 'language_version': None},
            {key: row[key] for key in KEYS - {'id', 'created_at'}})
        self.assertEqual(row, self.call('GET', self.one(row['id'])))
        self.assertEqual([('ensure_runtime', row['id'], None)],
                         self.engine.calls)

    def test_create_as_the_old_client_does(self):
        row = self.call('POST', ALL, {
            'image': 'i', 'is_public': False, 'trusted': False, 'name': 'n',
            'description': 'd'}, 201)
        self.assertEqual((False, False, 'n', 'd'), (
            row['is_public'], row['trusted'], row['name'],
            row['description']))

    def test_words_for_yes_and_no(self):
        for word, expected in (('yes', True), ('no', False), ('true', True),
                               ('false', False), (True, True), (0, False)):
            row = self.call('POST', ALL, {'image': 'i', 'trusted': word},
                            201)
            self.assertIs(expected, row['trusted'])

    def test_create_without_an_image(self):
        for body in ({}, {'image': None}, {'name': 'n'}, {'image': ''}):
            self.fault(400, 'Required param is missing.', 'POST', ALL, body)

    def test_an_id_of_the_users_own(self):
        self.fault(400, 'Cannot set read only field.', 'POST', ALL,
                   {'image': 'i', 'id': cases.NONE})

    def test_texts(self):
        for field in ('name', 'description', 'image'):
            body = {'image': 'i', field: '😀' * 255}
            row = self.call('POST', ALL, body, 201)
            self.assertEqual('😀' * 255, row[field])
            for text in ('x' * 256, 'a\0b'):
                self.fault(400, field, 'POST', ALL,
                           {'image': 'i', field: text})
                self.fault(400, field, 'PUT', self.one(row['id']),
                           {field: text})

    def test_list(self):
        self.assertEqual({'runtimes': []}, self.call('GET', ALL))
        ids = [self.api.runtime(name=name) for name in ('a', 'b')]
        self.api.runtime(project_id='other', is_public=False)
        public = self.api.runtime(project_id='other')
        found = self.call('GET', ALL)
        self.assertEqual({'runtimes'}, set(found))
        self.assertEqual(ids + [public],
                         [row['id'] for row in found['runtimes']])
        for row in found['runtimes']:
            self.assertEqual(row, self.call('GET', self.one(row['id'])))

    def test_keys_of_a_list(self):
        for key in ('all_projects', 'project_id', 'status', 'name',
                    'fields', 'sort_keys', 'LIMIT'):
            self.fault(400, f'Unknown argument: "{key}"', 'GET',
                       f'{ALL}?{key}=1')

    def test_ids(self):
        private = self.api.runtime(project_id='other', is_public=False)
        self.engine.answers['pool_capacity'] = None
        for method, suffix, body in (
                ('GET', '', None), ('PUT', '', {'name': 'n'}),
                ('DELETE', '', None), ('GET', '/pool', None)):
            for id in ('x', '0', cases.NONE[:-1], 'python3'):
                self.fault(400, 'is not a UUID', method,
                           self.one(id) + suffix, body)
            self.fault(404, f'Runtime not found [id={cases.NONE}]', method,
                       self.one(cases.NONE) + suffix, body)
            self.fault(404, 'Runtime not found', method,
                       self.one(private) + suffix, body)

    def test_ids_in_other_words(self):
        id = self.api.runtime()
        for other in (id.upper(), id.replace('-', '')):
            self.assertEqual(id, self.call('GET', self.one(other))['id'])

    def test_update(self):
        id = self.api.runtime()
        row = self.call('PUT', self.one(id), {
            'name': 'n', 'description': 'd', 'image': 'python3',
            'is_public': False, 'trusted': False})
        self.assertEqual(('n', 'd', True, True, 'available'), (
            row['name'], row['description'], row['is_public'],
            row['trusted'], row['status']))
        self.assertTrue(TIME.fullmatch(row['updated_at']))
        self.assertEqual(row, self.call('PUT', self.one(id), {
            'name': None, 'image': None}))
        self.assertEqual([], self.engine.calls)

    def test_language(self):
        told = {'language': 'ruby', 'language_version': '3.4'}
        row = self.call('POST', ALL, {'image': 'i', **told}, 201)
        self.assertLessEqual(told.items(), row.items())
        row = self.call('PUT', self.one(row['id']),
                        {'language_version': '3.5'})
        self.assertEqual(('ruby', '3.5'),
                         (row['language'], row['language_version']))
        self.fault(400, 'language is too long', 'POST', ALL,
                   {'image': 'i', 'language': 'x' * 65})

    def test_update_of_the_image_of_versions(self):
        id = self.api.function().runtime_id
        row = self.call('PUT', self.one(id),
                        {'image': 'new', 'upgrade_versions': True})
        self.assertEqual('new', row['image'])
        self.assertNotIn('upgrade_versions', row)
        self.fault(400, 'boolean', 'PUT', self.one(id),
                   {'upgrade_versions': 'perhaps'})

    def test_update_of_the_image(self):
        id = self.api.runtime()
        row = self.call('PUT', self.one(id), {'image': 'new'})
        self.assertEqual(('new', 'upgrading'), (row['image'],
                                                row['status']))
        self.assertIn(('ensure_runtime', id, 'python3'), self.engine.calls)
        self.fault(409, 'its status is upgrading', 'PUT', self.one(id),
                   {'image': 'newer'})

    def test_update_of_the_image_in_use(self):
        function = self.api.function()
        id = function.runtime_id
        self.engine.answers['has_workers'] = True
        self.fault(403, f'Runtime {id} is still in use.', 'PUT',
                   self.one(id), {'image': 'new'})
        self.engine.answers['has_workers'] = False
        self.call('PUT', self.one(id), {'image': 'new'})

    def test_update_to_no_image(self):
        self.fault(400, 'image must not be empty', 'PUT',
                   self.one(self.api.runtime()), {'image': ''})

    def test_update_without_an_engine(self):
        id = self.api.runtime()
        self.engine.answers['has_workers'] = exception.Unavailable(
            reason='no engine answers')
        self.fault(503, 'no engine answers', 'PUT', self.one(id),
                   {'image': 'new'})
        self.assertEqual('python3',
                         self.call('GET', self.one(id))['image'])

    def test_delete(self):
        id = self.api.runtime()
        answer = self.api.request('DELETE', self.one(id))
        self.assertEqual((204, b''), (answer.status_int, answer.body))
        self.assertEqual([('delete_runtime', id)], self.engine.calls)
        self.assertEqual('deleting',
                         self.call('GET', self.one(id))['status'])

    def test_delete_in_use(self):
        function = self.api.function()
        id = function.runtime_id
        self.assertEqual(
            f'Runtime {id} is still in use.',
            self.fault(403, '', 'DELETE', self.one(id)))
        self.assertEqual('available',
                         self.api.row(models.Runtime, id).status)

    def test_pool(self):
        self.engine.answers['pool_capacity'] = {'total': 3, 'available': 2}
        self.assertEqual(
            {'name': cases.NONE, 'capacity': {'total': 3, 'available': 2}},
            self.call('GET', self.one(cases.NONE) + '/pool'))

    def test_pool_without_an_engine(self):
        self.engine.answers['pool_capacity'] = exception.Unavailable(
            reason='none')
        self.fault(503, 'none', 'GET', self.one(cases.NONE) + '/pool')

    def test_etags(self):
        id = self.api.runtime()
        answer = self.api.request('GET', self.one(id))
        self.assertEqual('"1"', answer.headers['ETag'])
        self.fault(412, 'its ETag is now "1"', 'PUT', self.one(id),
                   {'name': 'n'}, If_Match='"2"')
        self.fault(412, 'its ETag is now "1"', 'DELETE', self.one(id),
                   If_Match='"x"')
        answer = self.api.request('PUT', self.one(id), {'name': 'n'},
                                  If_Match='"1"')
        self.assertEqual('"2"', answer.headers['ETag'])

    def test_etags_that_are_none(self):
        id = self.api.runtime()
        for tag in ('1', 'x', '"1', '"1", 2', ''):
            self.fault(400, 'If-Match', 'PUT', self.one(id), {'name': 'n'},
                       If_Match=tag)
        for tag in ('"' + '9' * 5000 + '"', '"99999999999999999999"',
                    '"-1"', '""', '"1 "'):
            self.fault(412, 'ETag', 'PUT', self.one(id), {'name': 'n'},
                       If_Match=tag)
        huge = '"99999999999999999999"'
        for turn, tag in enumerate((f'"1", {huge}', f'{huge}, W/"2"', '*',
                                    ' * ')):
            row = self.call('PUT', self.one(id), {'name': f'n{turn}'},
                            If_Match=tag)
            self.assertEqual(f'n{turn}', row['name'])
