# SPDX-License-Identifier: Apache-2.0
"""``/v1/functions`` except forms and packages."""

import hashlib

from qinling.core import secrets
from qinling.db import crud
from qinling.db import models
from qinling.tests import fixtures
from qinling.tests.unit.api import cases

KEYS = {'id', 'name', 'description', 'cpu', 'memory_size', 'timeout',
        'runtime_id', 'code', 'entry', 'count', 'latest_version',
        'async_policy', 'min_workers', 'trust', 'keep_versions',
        'environment', 'input_schema', 'output_schema', 'flow_control',
        'secret_names', 'secret_references',
        'project_id', 'created_at', 'updated_at'}
ALL = '/v1/functions'
CODE = {'source': 'package',
        'md5sum': hashlib.md5(fixtures.PACKAGE).hexdigest(),
        'sha256': hashlib.sha256(fixtures.PACKAGE).hexdigest()}
OTHER = fixtures.archive({'main.py': 'other'})


class FunctionTest(cases.ApiTest):
    def url(self, id, suffix=''):
        return f'{ALL}/{id}{suffix}'

    def form(self, method, path, fields, package=None, status=200):
        body, kind = (cases.urlencoded(fields) if package is None
                      else cases.multipart(fields, package))
        return self.call(method, path, body, status, kind=kind)

    def multipart_fault(self, status, words, method, path, fields,
                        package=None):
        body, kind = cases.multipart(fields, package)
        return self.fault(status, words, method, path, body, kind=kind)

    def create(self, **fields):
        fields = {'code': '{"source": "package"}', **fields}
        if 'runtime_id' not in fields:
            fields['runtime_id'] = self.api.runtime()
        return self.form('POST', ALL, fields, fixtures.PACKAGE, 201)


class TestCreate(FunctionTest):
    def test_create(self):
        runtime = self.api.runtime()
        row = self.create(runtime_id=runtime)
        self.assertEqual(KEYS, set(row))
        self.assertEqual(
            {'name': None, 'description': None, 'cpu': 100, 'timeout': 5,
             'memory_size': 33554432, 'runtime_id': runtime, 'code': CODE,
             'entry': 'main.main', 'count': 0, 'latest_version': 0,
             'async_policy': None, 'min_workers': 0, 'trust': False,
             'keep_versions': 0, 'input_schema': None, 'output_schema': None,
             'flow_control': None,
             'environment': {}, 'secret_names': [], 'secret_references': [],
             'project_id': 'default', 'updated_at': row['created_at']},
            {key: row[key] for key in KEYS - {'id', 'created_at'}})
        self.assertEqual(row, self.call('GET', self.url(row['id'])))

    def test_validation_order(self):
        fields = {'timeout': 'x'}
        for words, field in (
                ('Required param is missing: code',
                 {'code': '{"source": "nothing"}'}),
                ('Invalid timeout resource specified. An integer is '
                 'required.', {'timeout': '301'}),
                ('timeout resource limitation not within the allowable '
                 'range: 1 ~ 300(seconds).', {'timeout': '3'}),
                ('Invalid code source specified',
                 {'code': '{"source": "package", "md5sum": "0"}'}),
                ('Required param is missing: runtime_id', {})):
            self.multipart_fault(400, words, 'POST', ALL, fields)
            fields.update(field)
        fields['runtime_id'] = cases.UNKNOWN_ID
        self.multipart_fault(404, f'Runtime not found [id={cases.UNKNOWN_ID}]',
                             'POST', ALL, fields)
        fields['runtime_id'] = self.api.runtime(status='creating')
        self.multipart_fault(400, 'its status is creating', 'POST', ALL,
                             fields)
        fields['runtime_id'] = self.api.runtime()
        for words, package in (('Package is required', None),
                               ('not a valid ZIP package', b'x'),
                               ('Package md5 mismatch.', fixtures.PACKAGE)):
            self.multipart_fault(400, words, 'POST', ALL, fields, package)
        self.assertEqual([], self.api.packages())

    def test_resource_limits(self):
        fields = {'code': '{"source": "package"}',
                  'runtime_id': self.api.runtime()}
        for name, word, good, wrong in (
                ('cpu', 'cpu', '300', ('99', '301')),
                ('memory_size', 'memory', '134217728',
                 ('33554431', '134217729')),
                ('timeout', 'timeout', '1', ('0', '301'))):
            for value in ('x', '', '1.5', '٣ ٣'):
                self.multipart_fault(400,
                                     f'Invalid {word} resource specified. An '
                                     'integer is required.', 'POST', ALL,
                                     {**fields, name: value}, fixtures.PACKAGE)
            for value in wrong:
                self.multipart_fault(
                    400, f'{word} resource limitation not within', 'POST', ALL,
                    {**fields, name: value}, fixtures.PACKAGE)
            row = self.form('POST', ALL, {**fields, name: good},
                            fixtures.PACKAGE, 201)
            self.assertEqual(int(good), row[name])

    def test_texts(self):
        fields = {'code': '{"source": "package"}',
                  'runtime_id': self.api.runtime()}
        for name, length in (('name', 255), ('description', 255),
                             ('entry', 80)):
            self.assertEqual('😀' * length, self.create(
                **{name: '😀' * length})[name])
            for text in ('x' * (length + 1), 'a\0b'):
                self.multipart_fault(400, name, 'POST', ALL,
                                     {**fields, name: text}, fixtures.PACKAGE)

    def test_unknown_keys_of_json_bodies_are_refused(self):
        row = self.create(name='n')
        for method, path in (('POST', ALL), ('PUT', self.url(row['id']))):
            sentence = self.fault(400, 'Unknown attribute', method, path,
                                  {'memory': 1, 'names': 'x'})
            self.assertIn('memory, names. Did you mean: memory_size, name?',
                          sentence)
        # Old clients send a field more, and a read object may be sent back.
        self.assertEqual('n', self.form(
            'PUT', self.url(row['id']), {'source': 'package'})['name'])
        changed = self.call('PUT', self.url(row['id']), {
            name: row[name] for name in ('id', 'name', 'count', 'created_at',
                                         'secret_references')})
        # A second may begin between the two changes.
        self.assertEqual({**row, 'updated_at': changed['updated_at']},
                         changed)

    def test_invalid_code_is_refused(self):
        for code in ('', 'x', '{', '[]', '"package"', '5', 'null', '[' * 9999,
                     '{}', '{"source": "x"}', '{"source": null}',
                     '{"source": ["package"]}'):
            self.multipart_fault(400, '', 'POST', ALL, {'code': code},
                                 fixtures.PACKAGE)

    def test_invalid_runtimes_are_refused(self):
        for runtime in ('x', '5', cases.UNKNOWN_ID + '0'):
            self.multipart_fault(400, 'is not a UUID', 'POST', ALL, {
                'code': '{"source": "package"}', 'runtime_id': runtime})
        hidden = self.api.runtime(project_id='other', is_public=False)
        self.multipart_fault(404, 'Runtime not found', 'POST', ALL, {
            'code': '{"source": "package"}', 'runtime_id': hidden})


class TestShow(FunctionTest):
    def test_list(self):
        self.assertEqual({'functions': []}, self.call('GET', ALL))
        rows = [self.create(name=name) for name in ('b', 'a', 'a')]
        self.api.insert(models.Function, project_id='other')
        self.assertEqual({'functions': rows}, self.call('GET', ALL))
        # Also here, code is an object.
        self.assertEqual(CODE, rows[0]['code'])

    def test_unknown_query_keys_are_refused(self):
        for key in ('name', 'status', 'runtime_id'):
            self.fault(400, f'Unknown argument: "{key}"', 'GET',
                       f'{ALL}?{key}=1')

    def test_ids(self):
        for method in ('GET', 'PUT'):
            for id in ('x', cases.UNKNOWN_ID, '5'):
                self.fault(404, f'Function not found [id={id}]', method,
                           self.url(id))
        for method, suffix, body in (
                ('DELETE', '', None), ('GET', '/workers', None),
                ('POST', '/detach', None), ('POST', '/scale_up', {}),
                ('POST', '/scale_down', {}), ('GET', '/references', None)):
            self.fault(400, 'is not a UUID', method, self.url('x', suffix),
                       body)
            if suffix != '/workers':
                self.fault(404, f'Function not found [id={cases.UNKNOWN_ID}]',
                           method, self.url(cases.UNKNOWN_ID, suffix), body)

    def test_etag(self):
        id = self.create()['id']
        answer = self.api.request('GET', self.url(id))
        self.assertEqual('"1"', answer.headers['ETag'])
        self.fault(412, 'its ETag is now "1"', 'DELETE', self.url(id),
                   If_Match='"2"')

    def test_download(self):
        id = self.create()['id']
        for word in ('true', '1', 'yes', 'True', 'on', 'T', ' y '):
            for accept in ('*/*', 'application/json', 'application/zip'):
                answer = self.api.request(
                    'GET', self.url(id, f'?download={word}'), Accept=accept)
                self.assertEqual(
                    (200, 'application/zip', f'attachment; filename="{id}"',
                     fixtures.PACKAGE),
                    (answer.status_int, answer.content_type,
                     answer.headers['Content-Disposition'], answer.body))
        for word in ('false', '0', 'maybe', ''):
            self.assertEqual(id, self.call(
                'GET', self.url(id, f'?download={word}'))['id'])

    def test_download_of_a_lost_package(self):
        id = self.create()['id']
        row = self.api.row(models.Function, id)
        self.api.backends.packages._storage.delete(row.package)
        self.fault(404, 'is gone', 'GET', self.url(id, '?download=true'))
        self.fault(404, 'Function not found', 'GET',
                   self.url(cases.UNKNOWN_ID, '?download=true'))


class TestDelete(FunctionTest):
    def test_delete(self):
        id = self.create()['id']
        answer = self.api.request('DELETE', self.url(id))
        self.assertEqual((204, b''), (answer.status_int, answer.body))
        self.fault(404, 'Function not found', 'GET', self.url(id))
        self.fault(404, 'Function not found', 'DELETE', self.url(id))
        self.assertEqual([], self.api.packages())

    def test_references_block_deletion(self):
        id = self.create()['id']
        for model, kind in ((models.FunctionAlias, 'alias'),
                            (models.Job, 'job'), (models.Webhook,
                                                  'webhook')):
            user = self.api.insert(model, function_id=id)
            self.fault(403, f'Function {id} is still in use by {kind} ',
                       'DELETE', self.url(id))
            self.api.db.write(lambda tx: crud.delete(tx, model, user))
        self.api.insert(models.Job, function_id=id, status='done')
        self.call('DELETE', self.url(id), status=204)

    def test_executions_outlive_their_function(self):
        id = self.create()['id']
        run = self.call('POST', '/v1/executions', {'function_id': id}, 201)
        self.call('DELETE', self.url(id), status=204)
        self.assertEqual(run, self.call(
            'GET', f'/v1/executions/{run["id"]}'))

    def test_references(self):
        id = self.create()['id']
        self.assertEqual({'references': []}, self.call(
            'GET', self.url(id, '/references')))
        self.api.insert(models.FunctionAlias, function_id=id, name='prod')
        self.assertEqual(
            {'references': [{'kind': 'alias', 'id': 'prod', 'alias': None}]},
            self.call('GET', self.url(id, '/references')))


class TestWorkers(FunctionTest):
    def test_list(self):
        self.engine.answers['list_workers'] = ['w1', 'w2']
        for suffix, version in (('', 0), ('?function_version=0', 0),
                                ('?function_version=7', 7)):
            self.assertEqual({'workers': [
                {'function_id': cases.UNKNOWN_ID, 'function_version': version,
                 'worker_name': name} for name in ('w1', 'w2')]}, self.call(
                     'GET', self.url(cases.UNKNOWN_ID, '/workers' + suffix)))
            self.assertEqual(('list_workers', cases.UNKNOWN_ID, version),
                             self.engine.calls[-1])
        self.engine.answers['list_workers'] = []
        self.assertEqual({'workers': []}, self.call(
            'GET', self.url(cases.UNKNOWN_ID, '/workers')))
        for version in ('x', '-1', '1.5', ''):
            self.fault(400, '', 'GET', self.url(
                cases.UNKNOWN_ID, f'/workers?function_version={version}'))

    def test_provision(self):
        id = self.create()['id']
        self.call('POST', f'{ALL}/{id}/versions', {}, 201)
        for path in (self.url(id), self.url(id, '/versions/1')):
            for body, count in (({'count': 2}, 2), ({'count': '3'}, 3),
                                ({}, 1), ({'count': 0}, 0)):
                self.call('POST', f'{path}/provision', body, 202)
                self.assertEqual(count,
                                 self.call('GET', path)['min_workers'])
            for count in (-1, 101, 'x', 1.5):
                self.fault(400, '', 'POST', f'{path}/provision',
                           {'count': count})
        for path in (self.url(cases.UNKNOWN_ID), self.url(id, '/versions/9')):
            self.fault(404, 'not found', 'POST', f'{path}/provision', {})

    def test_scaling(self):
        id = self.create()['id']
        for verb in ('scale_up', 'scale_down'):
            for body, count in (({'count': 3}, 3), ({'count': '2'}, 2),
                                ({}, 1), ({'count': None}, 1), (None, 1)):
                answer = self.api.request('POST', self.url(id, '/' + verb),
                                          body)
                self.assertEqual((202, b''), (answer.status_int,
                                              answer.body))
                name, target, number = self.engine.calls[-1]
                self.assertEqual((verb, (id, 0), count),
                                 (name, target.function_key, number))
            self.engine.calls.clear()
            for count in (0, -1, 'x', 1.5, True, []):
                self.fault(400, '', 'POST', self.url(id, '/' + verb),
                           {'count': count})
            self.assertEqual([], self.engine.calls)

    def test_detach(self):
        id = self.create()['id']
        answer = self.api.request('POST', self.url(id, '/detach'))
        self.assertEqual((202, b''), (answer.status_int, answer.body))
        self.assertEqual([('detach', id, 0)], self.engine.calls)


class TestEnvironment(FunctionTest):
    """Environment variables and secrets."""

    GROUPS = {'secrets': {'encryption_keys': [secrets.new_key()]}}

    def test_values_of_secrets_are_hidden(self):
        row = self.create(environment='{"A": "1"}',
                          secrets='{"C": "hush", "B": "hush"}')
        expected = {'environment': {'A': '1'}, 'secret_names': ['B', 'C']}
        self.call('POST', self.url(row['id'], '/versions'), status=201)
        self.call('PUT', self.url(row['id']),
                  {'environment': {}, 'secrets': {'C': None}})
        for path, visible in (
                ('', {'environment': {}, 'secret_names': ['B']}),
                ('/versions/1', expected)):
            function = self.call('GET', self.url(row['id'], path))
            self.assertEqual(visible,
                             {name: function[name] for name in visible})
        listed, = self.call('GET', self.url(
            row['id'], '/versions'))['function_versions']
        self.assertEqual(expected, {name: listed[name] for name in expected})
        listed, = self.call('GET', ALL)['functions']
        self.assertEqual(['B'], listed['secret_names'])
        for body in (row, listed, function):
            self.assertNotIn('hush', str(body))
            self.assertNotIn('secrets', body)
            self.assertNotIn('settings_id', body)

    def test_invalid_environments_are_refused(self):
        id = self.create()['id']
        for fields in ({'environment': '['}, {'environment': '[]'},
                       {'secrets': 'hush'}, {'secrets': '{"A": ["hush"]}'},
                       {'environment': '{"PATH": "hush"}'}):
            name, = fields
            fault = self.multipart_fault(400, name, 'PUT', self.url(id),
                                         fields)
            self.assertNotIn('hush', str(fault))
