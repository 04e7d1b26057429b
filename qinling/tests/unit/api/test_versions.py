# SPDX-License-Identifier: Apache-2.0
"""Versions over the API."""

import io

from oslotest import base

from qinling.db import crud
from qinling.db import models
from qinling.tests import fixtures

OTHER = fixtures.archive({'main.py': 'def main(**kwargs):\n    return 2\n'})
FROZEN = ('code', 'entry', 'cpu', 'memory_size', 'timeout', 'runtime_id')


class TestVersions(base.BaseTestCase):
    """``/v1/functions/{id}/versions``."""

    def setUp(self):
        super().setUp()
        self.api = self.useFixture(fixtures.Api())
        self.function = self.api.function(name='f').id
        self.path = f'/v1/functions/{self.function}/versions'

    def call(self, method, path='', body=None, status=200, **headers):
        """Return the decoded body of an answer with the expected status."""
        answer = self.api.request(method, self.path + path, body, **headers)
        self.assertEqual(status, answer.status_int, answer.text)
        return answer.json if answer.body else None

    def fault(self, status, words, method, path='', body=None, **headers):
        """Check that a request fails with the words."""
        answer = self.call(method, path, body, status, **headers)
        self.assertIn(words, answer['faultstring'])

    def test_create(self):
        for number, body in ((1, {'description': 'first'}),
                             (2, {'description': None}), (3, {}),
                             (4, None)):
            row = self.call('POST', '', body, 201)
            self.assertEqual((number, (body or {}).get('description'), 0),
                             (row['version_number'], row['description'],
                              row['count']))
            self.assertEqual(self.function, row['function_id'])
        answer = self.api.request('GET', f'/v1/functions/{self.function}')
        self.assertEqual(4, answer.json['latest_version'])

    def test_versions_keep_the_code_and_limits(self):
        function = self.api.request(
            'GET', f'/v1/functions/{self.function}').json
        self.call('POST', status=201)
        self.api.request(
            'PUT', f'/v1/functions/{self.function}',
            b'timeout=9&entry=a.b&cpu=200',
            'application/x-www-form-urlencoded')
        row = self.call('GET', '/1')
        self.assertEqual({name: function[name] for name in FROZEN},
                         {name: row[name] for name in FROZEN})

    def test_invalid_versions_are_refused(self):
        for body in ({'version_number': 7}, {'count': 1}, {'id': 'x'},
                     {'function_id': self.function}):
            self.fault(400, 'read only', 'POST', '', body)
        self.fault(400, 'Unknown attribute', 'POST', '', {'nonsense': 1})
        self.fault(400, 'too long', 'POST', '', {'description': 'x' * 256})
        self.fault(400, 'Wrong type', 'POST', '', {'description': 5})
        self.path = '/v1/functions/nonsense/versions'
        self.fault(400, 'not a UUID', 'POST')
        self.path = f'/v1/functions/{models.new_id()}/versions'
        self.fault(404, 'Function not found', 'POST')
        self.fault(404, 'Function not found', 'GET')

    def test_versions_are_limited(self):
        self.api.conf.set_override('max_versions', 2,
                                   group='resource_limits')
        for _ in range(2):
            self.call('POST', status=201)
        self.fault(403, 'has 2 versions', 'POST')
        self.call('DELETE', '/1', status=204)
        self.assertEqual(3, self.call('POST', status=201)['version_number'])

    def test_list(self):
        self.assertEqual([], self.call('GET')['function_versions'])
        for _ in range(12):
            self.call('POST', status=201)
        numbers = [row['version_number']
                   for row in self.call('GET')['function_versions']]
        self.assertEqual(list(range(1, 13)), numbers)
        listed, url = [], f'{self.path}?limit=5&sort_dir=desc'
        while url:
            page = self.api.request('GET', url).json
            listed += [row['version_number']
                       for row in page['function_versions']]
            url = page.get('next')
        self.assertEqual(list(range(12, 0, -1)), listed)
        self.fault(400, 'sort_key', 'GET', '?sort_key=cpu')
        self.fault(400, 'Unknown argument: "status"', 'GET', '?status=x')

    def test_retention(self):
        self.api.request('PUT', f'/v1/functions/{self.function}', {
            'keep_versions': 1})
        row = self.call('POST', status=201)
        self.assertEqual({'deleted': [], 'in_use': []}, row['retention'])
        self.api.services.aliases.create(fixtures.caller(), {
            'name': 'a', 'function_id': self.function,
            'function_version': 1})
        for _ in range(2):
            row = self.call('POST', status=201)
        self.assertEqual(
            {'deleted': [2],
             'in_use': [{'version_number': 1, 'reason': 'alias a'}]},
            row['retention'])
        self.assertNotIn('retention', self.call('GET', '/3'))

    def test_message_and_tags(self):
        row = self.call('POST', '', {'message': 'why', 'tags': [
            'b', '1.0']}, 201)
        self.assertEqual(('why', ['b', '1.0']), (row['message'],
                                                 row['tags']))
        self.fault(400, 'read only', 'PUT', '/1', {'message': 'other'})
        row = self.call('PUT', '/1', {'tags': ['a']})
        self.assertEqual(('why', ['a'], None), (
            row['message'], row['tags'], row['description']))
        self.call('PUT', '/1', {'description': 'd'})
        self.assertEqual(['a'], self.call('GET', '/1')['tags'])
        self.assertEqual([], self.call('PUT', '/1', {'tags': []})['tags'])
        self.fault(400, 'too long', 'POST', '', {'message': 'x' * 4001})

    def test_invalid_tags(self):
        for tags, words in ((['A'], 'cannot be a tag'),
                            (['x' * 64], 'cannot be a tag'),
                            (['a"b'], 'cannot be a tag'),
                            (['a', 'a'], 'there twice'),
                            (list(map(str, range(21))), '21 tags')):
            self.fault(400, words, 'POST', '', {'tags': tags})
        for tags in ('a', [1], {'a': 'b'}, [None]):
            self.call('POST', '', {'tags': tags}, 400)

    def test_list_by_tag(self):
        for tags in (['a_b', 'c'], ['axb'], [], ['c']):
            self.call('POST', '', {'tags': tags}, 201)

        def numbers(query):
            return [row['version_number'] for row in self.call(
                'GET', query)['function_versions']]
        for query, expected in (
                ('?tags=has:c', [1, 4]), ('?tags=has:a_b', [1]),
                ('?tags=has:c&tags=has:a_b', [1]), ('?tags=has:b', [])):
            self.assertEqual(expected, numbers(query))
        for query in ('?tags=c', '?tags=eq:c'):
            self.fault(400, 'has:TAG', 'GET', query)
        self.fault(400, 'cannot be a tag', 'GET', '?tags=has:C')

    def test_verify(self):
        row = self.call('POST', status=201)
        self.assertRegex(row['digest'], '^sha256:[0-9a-f]{64}$')
        self.assertEqual(
            {'digest': row['digest'], 'recomputed': row['digest'],
             'valid': True, 'parts': []}, self.call('GET', '/1/verify'))
        self.fault(404, 'FunctionVersion not found', 'GET', '/2/verify')

    def test_get(self):
        self.call('POST', status=201)
        self.assertEqual(1, self.call('GET', '/1')['version_number'])
        for number in ('0', '2'):
            self.fault(404, 'FunctionVersion not found', 'GET',
                       f'/{number}')
        for number in ('x', '-1', '1.5', str(2 ** 40)):
            self.call('GET', f'/{number}', status=400)

    def test_download(self):
        self.call('POST', status=201)
        self.api.services.functions.update(
            fixtures.caller(), self.function, {},
            io.BytesIO(OTHER))
        self.call('POST', status=201)
        for number, package in ((1, fixtures.PACKAGE), (2, OTHER)):
            answer = self.api.request(
                'GET', f'{self.path}/{number}?download=true')
            self.assertEqual(
                (200, 'application/zip', package),
                (answer.status_int, answer.content_type, answer.body))
            self.assertEqual(
                f'attachment; filename="{self.function}_{number}"',
                answer.content_disposition)

    def test_unchanged_code_shares_the_package(self):
        for _ in range(3):
            self.call('POST', status=201)
        self.assertEqual(1, len(self.api.packages()))
        self.call('DELETE', '/2', status=204)
        self.assertEqual(1, len(self.api.packages()))

    def test_update(self):
        self.call('POST', status=201)
        row = self.call('PUT', '/1', {'description': 'better'})
        self.assertEqual('better', row['description'])
        self.assertIsNotNone(row['updated_at'])
        self.assertEqual('better', self.call(
            'PUT', '/1', {'description': None})['description'])
        for name in (*FROZEN, 'version_number', 'count'):
            self.fault(400, 'read only', 'PUT', '/1', {name: row[name]})
        self.fault(404, 'FunctionVersion not found', 'PUT', '/2',
                   {'description': 'x'})

    def test_etag(self):
        answer = self.api.request('POST', self.path)
        self.assertEqual('"1"', answer.headers['ETag'])
        self.call('PUT', '/1', {'description': 'x'}, If_Match='"1"')
        for tag in ('"1"', '"nonsense"', '"1", "7"'):
            self.fault(412, 'its ETag is now "2"', 'PUT', '/1',
                       {'description': 'y'}, If_Match=tag)
            self.fault(412, 'its ETag is now "2"', 'DELETE', '/1',
                       If_Match=tag)
        self.fault(400, 'If-Match', 'PUT', '/1', {'description': 'y'},
                   If_Match='2')
        self.assertEqual('x', self.call('GET', '/1')['description'])
        self.call('PUT', '/1', {'description': 'y'}, If_Match='*')
        self.call('DELETE', '/1', status=204, If_Match='W/"9", "3"')

    def test_executions_do_not_change_the_etag(self):
        tag = self.api.request('POST', self.path).headers['ETag']
        self.api.services.triggers.fire(
            fixtures.caller(), fixtures.execution_request(
                self.function, function_version=1))
        answer = self.api.request('GET', f'{self.path}/1')
        self.assertEqual((1, tag, None),
                         (answer.json['count'], answer.headers['ETag'],
                          answer.json['updated_at']))

    def insert(self, model, **values):
        """Return the id of a new row that refers to the function."""
        return self.api.insert(model, **values)

    def test_references_block_deletion(self):
        self.call('POST', status=201)
        target = {'function_id': self.function, 'function_version': 1}
        alias = self.insert(models.FunctionAlias, name='prod', **target)
        job = self.insert(models.Job, **target)
        paused = self.insert(models.Job, status='paused',
                             function_alias='prod')
        hook = self.insert(models.Webhook, **target)
        running = self.insert(models.Execution, **target)
        self.insert(models.Job, status='done', **target)
        self.insert(models.Job, status='cancelled', function_alias='prod')
        self.insert(models.Execution, **dict(target, status='success'))
        expected = [('alias', 'prod', None), ('job', job, None),
                    ('webhook', hook, None), ('job', paused, 'prod'),
                    ('execution', running, None)]
        self.assertEqual(expected, [
            (reference['kind'], reference['id'], reference['alias'])
            for reference in self.call('GET', '/1/references')['references']])
        fault = self.call('DELETE', '/1', status=403)['faultstring']
        for kind, id, _ in expected:
            self.assertIn(f'{kind} {id}', fault)
        self.assertIn(f'job {paused} (through alias prod)', fault)
        for model, id in ((models.Job, job), (models.Job, paused),
                          (models.Webhook, hook),
                          (models.FunctionAlias, alias)):
            self.call('DELETE', '/1', status=403)
            self.remove(model, id)
        self.call('DELETE', '/1', status=403)
        self.remove(models.Execution, running)
        self.call('DELETE', '/1', status=204)
        self.assertIn(('detach', self.function, 1), self.api.engine.calls)
        self.fault(404, 'FunctionVersion not found', 'DELETE', '/1')

    def remove(self, model, id):
        self.api.db.write(lambda tx: crud.delete(tx, model, id))

    def test_scale_and_detach(self):
        self.call('POST', status=201)
        for verb in ('scale_up', 'scale_down'):
            for body, count in (({'count': 2}, 2), ({}, 1), (None, 1)):
                self.call('POST', f'/1/{verb}', body, 202)
                called, target, number = self.api.engine.calls[-1]
                self.assertEqual((verb, 1, count),
                                 (called, target.version, number))
            self.fault(400, 'at least 1', 'POST', f'/1/{verb}',
                       {'count': 0})
            self.fault(404, 'FunctionVersion not found', 'POST',
                       f'/7/{verb}', {})
        self.call('POST', '/1/detach', status=202)
        self.assertEqual(('detach', self.function, 1),
                         self.api.engine.calls[-1])
        self.fault(404, 'FunctionVersion not found', 'POST', '/7/detach')
        self.call('POST', '/0/detach', status=202)
        self.assertEqual(('detach', self.function, 0),
                         self.api.engine.calls[-1])

    def test_executions_resolve_versions(self):
        self.call('POST', status=201)
        answer = self.api.request('POST', '/v1/executions', {
            'function_id': self.function, 'function_version': 1})
        self.assertEqual((201, 1), (answer.status_int,
                                    answer.json['function_version']))
        answer = self.api.request('POST', '/v1/executions', {
            'function_id': self.function, 'function_version': 2})
        self.assertEqual(404, answer.status_int)

    def test_runtimes_of_versions_cannot_be_deleted(self):
        runtime = self.call('POST', status=201)['runtime_id']
        new_runtime = self.api.runtime()
        self.api.db.write(lambda tx: tx.exec_driver_sql(
            f"UPDATE functions SET runtime_id = '{new_runtime}'"))
        answer = self.api.request('DELETE', f'/v1/runtimes/{runtime}')
        self.assertEqual(403, answer.status_int)


class TestProjects(base.BaseTestCase):
    """Versions of functions of another project."""

    def setUp(self):
        super().setUp()
        self.api = self.useFixture(fixtures.Api(enforcing=True))
        owner = fixtures.caller('p')
        function = self.api.function(owner).id
        self.api.services.versions.create(owner, function, None)
        self.path = f'/v1/functions/{function}/versions'

    def status(self, method, path, project, role, body=None):
        return self.api.request(
            method, self.path + path, body, X_Project_Id=project,
            X_Roles=role).status_int

    def test_access_of_members_and_admins(self):
        body = {'description': 'x'}
        for method, path, request, expected in (
                ('GET', '', None, 200), ('GET', '/1', None, 200),
                ('GET', '/1?download=true', None, 200),
                ('GET', '/1/references', None, 200),
                ('PUT', '/1', body, 200)):
            self.assertEqual(expected, self.status(
                method, path, 'p', 'member', request))
            self.assertEqual(404, self.status(
                method, path, 'q', 'member', request), (method, path))
            self.assertEqual(expected, self.status(
                method, path, 'q', 'admin', request), (method, path))

    def test_only_owners_create_and_delete(self):
        for method, path in (('POST', ''), ('DELETE', '/1')):
            for role in ('member', 'admin'):
                self.assertEqual(404, self.status(method, path, 'q', role))
            self.assertEqual(403, self.status(method, path, 'p', 'reader'))
        self.assertEqual(201, self.status('POST', '', 'p', 'member'))
        self.assertEqual(204, self.status('DELETE', '/1', 'p', 'member'))

    def test_only_admins_scale(self):
        for verb in ('scale_up', 'scale_down', 'detach'):
            path = f'/1/{verb}'
            self.assertEqual(403, self.status('POST', path, 'p', 'member'))
            self.assertEqual(202, self.status('POST', path, 'q', 'admin'))
