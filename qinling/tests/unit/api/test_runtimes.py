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
    def url(self, id):
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
        self.assertEqual(row, self.call('GET', self.url(row['id'])))
        self.assertEqual([('ensure_runtime', row['id'])],
                         self.engine.calls)

    def test_create_by_the_old_client(self):
        row = self.call('POST', ALL, {
            'image': 'i', 'is_public': False, 'trusted': False, 'name': 'n',
            'description': 'd'}, 201)
        self.assertEqual((False, False, 'n', 'd'), (
            row['is_public'], row['trusted'], row['name'],
            row['description']))

    def test_boolean_words(self):
        for word, expected in (('yes', True), ('no', False), ('true', True),
                               ('false', False), (True, True), (0, False)):
            row = self.call('POST', ALL, {'image': 'i', 'trusted': word},
                            201)
            self.assertIs(expected, row['trusted'])

    def test_create_without_an_image(self):
        for body in ({}, {'image': None}, {'name': 'n'}, {'image': ''}):
            self.fault(400, 'Required param is missing.', 'POST', ALL, body)

    def test_ids_are_read_only(self):
        self.fault(400, 'Cannot set read only field.', 'POST', ALL,
                   {'image': 'i', 'id': cases.UNKNOWN_ID})

    def test_texts(self):
        for field in ('name', 'description', 'image'):
            body = {'image': 'i', field: '😀' * 255}
            row = self.call('POST', ALL, body, 201)
            self.assertEqual('😀' * 255, row[field])
            for text in ('x' * 256, 'a\0b'):
                self.fault(400, field, 'POST', ALL,
                           {'image': 'i', field: text})
                self.fault(400, field, 'PUT', self.url(row['id']),
                           {field: text})

    def test_list(self):
        self.assertEqual({'runtimes': []}, self.call('GET', ALL))
        ids = [self.api.runtime(name=name) for name in ('a', 'b')]
        self.api.runtime(project_id='other', is_public=False)
        public = self.api.runtime(project_id='other')
        body = self.call('GET', ALL)
        self.assertEqual({'runtimes'}, set(body))
        self.assertEqual(ids + [public],
                         [row['id'] for row in body['runtimes']])
        for row in body['runtimes']:
            self.assertEqual(row, self.call('GET', self.url(row['id'])))

    def test_unknown_query_keys_are_refused(self):
        for key in ('all_projects', 'project_id', 'name', 'sort_keys',
                    'LIMIT'):
            self.fault(400, f'Unknown argument: "{key}"', 'GET',
                       f'{ALL}?{key}=1')

    def test_ids(self):
        private = self.api.runtime(project_id='other', is_public=False)
        self.engine.answers['pool_capacity'] = None
        for method, suffix, body in (
                ('GET', '', None), ('PUT', '', {'name': 'n'}),
                ('DELETE', '', None), ('GET', '/pool', None)):
            for id in ('x', '0', cases.UNKNOWN_ID[:-1], 'python3'):
                self.fault(400, 'is not a UUID', method,
                           self.url(id) + suffix, body)
            self.fault(404, f'Runtime not found [id={cases.UNKNOWN_ID}]',
                       method, self.url(cases.UNKNOWN_ID) + suffix, body)
            self.fault(404, 'Runtime not found', method,
                       self.url(private) + suffix, body)

    def test_variants_of_ids(self):
        id = self.api.runtime()
        for variant in (id.upper(), id.replace('-', '')):
            self.assertEqual(id, self.call('GET', self.url(variant))['id'])

    def test_update(self):
        id = self.api.runtime()
        row = self.call('PUT', self.url(id), {
            'name': 'n', 'description': 'd', 'image': 'python3',
            'is_public': False, 'trusted': False})
        self.assertEqual(('n', 'd', True, True, 'available'), (
            row['name'], row['description'], row['is_public'],
            row['trusted'], row['status']))
        self.assertTrue(TIME.fullmatch(row['updated_at']))
        self.assertEqual(row, self.call('PUT', self.url(id), {
            'name': None, 'image': None}))
        self.assertEqual([], self.engine.calls)

    def test_language(self):
        fields = {'language': 'ruby', 'language_version': '3.4'}
        row = self.call('POST', ALL, {'image': 'i', **fields}, 201)
        self.assertLessEqual(fields.items(), row.items())
        row = self.call('PUT', self.url(row['id']),
                        {'language_version': '3.5'})
        self.assertEqual(('ruby', '3.5'),
                         (row['language'], row['language_version']))
        self.fault(400, 'language is too long', 'POST', ALL,
                   {'image': 'i', 'language': 'x' * 65})

    def test_update_of_the_image_of_versions(self):
        id = self.api.function().runtime_id
        row = self.call('PUT', self.url(id),
                        {'image': 'new', 'upgrade_versions': True})
        self.assertEqual('new', row['image'])
        self.assertNotIn('upgrade_versions', row)
        self.fault(400, 'boolean', 'PUT', self.url(id),
                   {'upgrade_versions': 'perhaps'})

    def test_image_update(self):
        id = self.api.runtime()
        row = self.call('PUT', self.url(id), {'image': 'new'})
        self.assertEqual(('new', 'upgrading'), (row['image'],
                                                row['status']))
        self.assertIn(('ensure_runtime', id), self.engine.calls)
        self.fault(409, 'its status is upgrading', 'PUT', self.url(id),
                   {'image': 'newer'})

    def test_functions_run_during_a_change_of_the_image(self):
        id = self.api.function().runtime_id
        self.call('PUT', self.url(id), {'image': 'new'})
        self.assertEqual('upgrading', self.call('GET', self.url(id))['status'])
        function = self.api.function(runtime_id=id)
        self.assertEqual(id, function.runtime_id)

    def test_empty_image_is_refused(self):
        self.fault(400, 'image must not be empty', 'PUT',
                   self.url(self.api.runtime()), {'image': ''})

    def test_image_update_needs_an_engine(self):
        id = self.api.runtime()
        self.engine.answers['ensure_runtime'] = exception.Unavailable(
            reason='no engine answers')
        self.fault(503, 'no engine answers', 'PUT', self.url(id),
                   {'image': 'new'})
        self.assertEqual('python3',
                         self.call('GET', self.url(id))['image'])

    def test_delete(self):
        id = self.api.runtime()
        answer = self.api.request('DELETE', self.url(id))
        self.assertEqual((204, b''), (answer.status_int, answer.body))
        self.assertEqual([('delete_runtime', id)], self.engine.calls)
        self.assertEqual('deleting',
                         self.call('GET', self.url(id))['status'])

    def test_delete_in_use(self):
        function = self.api.function()
        id = function.runtime_id
        self.assertEqual(
            f'Runtime {id} is still in use.',
            self.fault(403, '', 'DELETE', self.url(id)))
        self.assertEqual('available',
                         self.api.row(models.Runtime, id).status)

    def test_pool(self):
        self.engine.answers['pool_capacity'] = {'total': 3, 'available': 2}
        self.assertEqual({'name': cases.UNKNOWN_ID,
                          'capacity': {'total': 3, 'available': 2}}, self.call(
                              'GET', self.url(cases.UNKNOWN_ID) + '/pool'))

    def test_pool_without_an_engine(self):
        self.engine.answers['pool_capacity'] = exception.Unavailable(
            reason='none')
        self.fault(503, 'none', 'GET', self.url(cases.UNKNOWN_ID) + '/pool')

    def test_etags(self):
        id = self.api.runtime()
        answer = self.api.request('GET', self.url(id))
        self.assertEqual('"1"', answer.headers['ETag'])
        self.fault(412, 'its ETag is now "1"', 'PUT', self.url(id),
                   {'name': 'n'}, If_Match='"2"')
        self.fault(412, 'its ETag is now "1"', 'DELETE', self.url(id),
                   If_Match='"x"')
        answer = self.api.request('PUT', self.url(id), {'name': 'n'},
                                  If_Match='"1"')
        self.assertEqual('"2"', answer.headers['ETag'])

    def test_invalid_etags(self):
        id = self.api.runtime()
        for tag in ('1', 'x', '"1', '"1", 2', ''):
            self.fault(400, 'If-Match', 'PUT', self.url(id), {'name': 'n'},
                       If_Match=tag)
        for tag in ('"' + '9' * 5000 + '"', '"99999999999999999999"',
                    '"-1"', '""', '"1 "'):
            self.fault(412, 'ETag', 'PUT', self.url(id), {'name': 'n'},
                       If_Match=tag)
        huge = '"99999999999999999999"'
        for number, tag in enumerate((f'"1", {huge}', f'{huge}, W/"2"', '*',
                                      ' * ')):
            row = self.call('PUT', self.url(id), {'name': f'n{number}'},
                            If_Match=tag)
            self.assertEqual(f'n{number}', row['name'])
