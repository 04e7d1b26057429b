# SPDX-License-Identifier: Apache-2.0
"""Image functions over the API."""

import json

from qinling.tests.unit.api import cases

ALL = '/v1/functions'
IMAGE = 'registry.example/resize:2'


class TestImageFunctions(cases.ApiTest):
    GROUPS = {'engine': {'orchestrator': 'kubernetes'}}

    def create(self, status=201, image=IMAGE, **fields):
        code = json.dumps({'source': 'image', 'image': image})
        body, kind = cases.urlencoded(dict(fields, code=code))
        return self.call('POST', ALL, body, status, kind=kind)

    def check_update_refused(self, id, words, **fields):
        body, kind = cases.urlencoded(fields)
        self.fault(400, words, 'PUT', f'{ALL}/{id}', body, kind=kind)

    def test_create(self):
        row = self.create(timeout=60, entry='main.main')
        self.assertEqual(
            ({'source': 'image', 'image': IMAGE}, None, None, 60),
            (row['code'], row['runtime_id'], row['entry'], row['timeout']))

    def test_invalid_image_names_are_refused(self):
        self.assertIn('not the name of an image', self.create(
            400, 'a\n  privileged: true')['faultstring'])

    def test_optional_runtime_is_checked(self):
        id = self.api.runtime()
        self.assertEqual(id, self.create(runtime_id=id)['runtime_id'])
        self.create(404, runtime_id='00000000-0000-4000-8000-000000000000')

    def test_execute(self):
        id = self.create()['id']
        row = self.call('POST', '/v1/executions',
                        {'function_id': id, 'input': 'a b'}, 201)
        self.assertEqual('success', row['status'])
        self.assertEqual(1, self.call('GET', f'{ALL}/{id}')['count'])

    def test_execute_by_alias(self):
        self.call('POST', '/v1/aliases', {
            'name': 'live', 'function_id': self.create()['id']}, 201)
        row = self.call('POST', '/v1/executions',
                        {'function_alias': 'live'}, 201)
        self.assertEqual('success', row['status'])

    def test_download_is_refused(self):
        id = self.create()['id']
        self.fault(405, 'Download image function is not allowed', 'GET',
                   f'{ALL}/{id}?download=true')

    def test_code_cannot_be_changed(self):
        id = self.create()['id']
        code = json.dumps({'source': 'image', 'image': 'other'})
        for fields in ({'code': code}, {'cpu': 200}, {'entry': 'a.b'}):
            self.check_update_refused(id, 'can not be changed', **fields)
        self.check_update_refused(id, 'code type',
                                  code='{"source": "package"}')
        body, kind = cases.urlencoded({'name': 'n', 'timeout': 7})
        row = self.call('PUT', f'{ALL}/{id}', body, kind=kind)
        self.assertEqual(('n', 7), (row['name'], row['timeout']))

    def test_versions_are_refused(self):
        id = self.create()['id']
        self.fault(403, 'package', 'POST', f'{ALL}/{id}/versions', {})

    def test_scaling_is_refused(self):
        id = self.create()['id']
        for verb in ('scale_up', 'scale_down'):
            self.fault(400, 'no workers', 'POST', f'{ALL}/{id}/{verb}',
                       {'count': 1})

    def test_delete(self):
        id = self.create()['id']
        self.call('DELETE', f'{ALL}/{id}', status=204)


class TestWithoutContainers(cases.ApiTest):
    def test_process_orchestrator_refuses_images(self):
        body, kind = cases.urlencoded({'code': json.dumps(
            {'source': 'image', 'image': IMAGE})})
        self.fault(400, 'must be one of: package.', 'POST', ALL, body,
                   kind=kind)
