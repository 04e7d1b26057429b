# SPDX-License-Identifier: Apache-2.0
"""Aliases over the API."""

from oslotest import base

from qinling.api import root
from qinling.db import models
from qinling.tests import fixtures


class TestAliases(base.BaseTestCase):
    """``/v1/aliases``."""

    def setUp(self):
        super().setUp()
        self.api = self.useFixture(fixtures.Api())
        self.ctx = fixtures.caller()
        self.function = self.api.function().id
        for _ in range(3):
            self.api.services.versions.create(self.ctx, self.function, None)

    def call(self, method, path='', body=None, status=200, **headers):
        """Return the decoded body of an answer with the expected status."""
        answer = self.api.request(method, f'/v1/aliases{path}', body,
                                  **headers)
        self.assertEqual(status, answer.status_int, answer.text)
        return answer.json if answer.body else None

    def fault(self, status, words, method, path='', body=None, **headers):
        """Check that a request fails with the words."""
        answer = self.call(method, path, body, status, **headers)
        self.assertIn(words, answer['faultstring'])

    def create(self, name='prod', version=1, **fields):
        return self.call('POST', '', dict(
            fields, name=name, function_id=self.function,
            function_version=version), 201)

    def test_create(self):
        row = self.create(description='d')
        self.assertEqual(
            ('prod', self.function, 1, 'd', None, 'default', None),
            (row['name'], row['function_id'], row['function_version'],
             row['description'], row['routing'], row['project_id'],
             row['updated_at']))
        self.assertEqual(row, self.call('GET', '/prod'))
        # As python-qinlingclient sends it, to the same version.
        row = self.call('POST', '', {
            'name': 'other', 'function_id': self.function,
            'function_version': 1, 'description': ''}, 201)
        self.assertEqual('', row['description'])
        row = self.call('POST', '', {'name': 'latest', 'function_id':
                                     self.function}, 201)
        self.assertEqual(0, row['function_version'])

    def test_invalid_aliases_are_refused(self):
        good = {'name': 'a', 'function_id': self.function}
        for field in good:
            self.fault(400, 'Required param is missing.', 'POST', '',
                       dict(good, **{field: None}))
        for name in ('a/b', 'a b', 'ä', 'x' * 256, 'a\n'):
            self.fault(400, 'alias name', 'POST', '', dict(good, name=name))
        self.fault(400, 'not a UUID', 'POST', '',
                   dict(good, function_id='x'))
        self.fault(404, 'Function not found', 'POST', '',
                   dict(good, function_id=models.new_id()))
        self.fault(404, 'FunctionVersion not found', 'POST', '',
                   dict(good, function_version=9))
        for version in (-1, 'x', 1.5, True):
            self.call('POST', '', dict(good, function_version=version), 400)
        self.fault(400, 'too long', 'POST', '',
                   dict(good, description='x' * 256))
        self.create('a')
        self.fault(409, 'Duplicate entry', 'POST', '', good)
        self.assertEqual(
            1, len(self.call('GET')['function_aliases']))

    def test_names_of_paths_are_reserved(self):
        paths = [route.route.path.split('/') for route
                 in root.Root(self.api.services).routes]
        names = {path[3] for path in paths
                 if path[2:3] == ['aliases'] and len(path) == 4} - {'{name}'}
        self.assertEqual({'explain'}, names)
        for name in names:
            self.fault(400, 'is part of the API', 'POST', '', {
                'name': name, 'function_id': self.function})

    def test_invalid_routing_is_refused(self):
        good = {'name': 'a', 'function_id': self.function}
        for routing in ([], 'x', {'1': 0.5}, {'1': 0.9, '2': 0.2},
                        {'1': 0, '2': 1}, {'1': -1, '2': 2}, {'x': 1},
                        {'01': 1}, {'1': '1'}, {'1': True}, {'-1': 1},
                        {'²': 1}):
            self.fault(400, 'outing', 'POST', '',
                       dict(good, routing=routing))
        self.fault(404, 'version=9', 'POST', '',
                   dict(good, routing={'1': 0.5, '9': 0.5}))

    def test_list(self):
        names = [f'a{number}' for number in range(5)]
        for name in names:
            self.create(name)
        self.assertEqual(names, [row['name'] for row in self.call('GET')[
            'function_aliases']])
        listed, url = [], '/v1/aliases?limit=2&sort_key=name&sort_dir=desc'
        while url:
            page = self.api.request('GET', url).json
            listed += [row['name'] for row in page['function_aliases']]
            url = page.get('next')
        self.assertEqual(names[::-1], listed)

    def test_update(self):
        self.create()
        for body, version, text in (
                ({'function_version': '2'}, 2, None),
                ({'description': 'd'}, 2, 'd'),
                ({'function_id': None, 'function_version': None,
                  'description': None}, 2, 'd'),
                ({'name': 'prod', 'function_version': 3}, 3, 'd')):
            row = self.call('PUT', '/prod', body)
            self.assertEqual(('prod', version, text), (
                row['name'], row['function_version'], row['description']))
        self.fault(400, 'cannot change', 'PUT', '/prod', {'name': 'x'})
        function_id = self.api.function().id
        row = self.call('PUT', '/prod', {'function_id': function_id,
                                         'function_version': 0})
        self.assertEqual(function_id, row['function_id'])
        self.fault(404, 'FunctionVersion not found', 'PUT', '/prod',
                   {'function_version': 1})
        self.fault(404, 'Function not found', 'PUT', '/prod',
                   {'function_id': models.new_id()})
        self.fault(404, 'FunctionAlias not found', 'PUT', '/nothing', {})

    def test_routing(self):
        routing = {'1': 0.9, '2': 0.1}
        self.assertEqual(routing, self.create(routing=routing)['routing'])
        row = self.call('PUT', '/prod', {'description': 'x'})
        self.assertEqual(routing, row['routing'])
        row = self.call('PUT', '/prod', {'routing': {'3': 1}})
        self.assertEqual(({'3': 1}, 1),
                         (row['routing'], row['function_version']))
        self.assertIsNone(
            self.call('PUT', '/prod', {'routing': {}})['routing'])
        self.call('PUT', '/prod', {'routing': routing})
        row = self.call('PUT', '/prod', {'function_version': 2})
        self.assertEqual((None, 2),
                         (row['routing'], row['function_version']))

    def test_etag(self):
        self.create()
        answer = self.api.request('GET', '/v1/aliases/prod')
        self.assertEqual('"1"', answer.headers['ETag'])
        self.call('PUT', '/prod', {'function_version': 2}, If_Match='"1"')
        for method, path, body in (
                ('PUT', '/prod', {'function_version': 3}),
                ('POST', '/prod/rollback', {}), ('DELETE', '/prod', None)):
            self.fault(412, 'ETag is now "2"', method, path, body,
                       If_Match='"1"')
        self.assertEqual(2, self.call('GET', '/prod')['function_version'])
        self.call('DELETE', '/prod', status=204, If_Match='"2"')

    def history(self):
        return [(entry['revision'], entry['function_version'],
                 entry['routing'], entry['previous']
                 and entry['previous']['function_version'])
                for entry in self.call('GET', '/prod/history')['history']]

    def test_history_and_rollback(self):
        self.create()
        self.call('PUT', '/prod', {'function_version': 2})
        self.call('PUT', '/prod', {'description': 'no move'})
        self.call('PUT', '/prod', {'routing': {'2': 0.5, '3': 0.5}})
        weights = {'2': 0.5, '3': 0.5}
        self.assertEqual([(4, 2, weights, 2), (2, 2, None, 1),
                          (1, 1, None, None)], self.history())
        self.assertEqual('default', self.call('GET', '/prod/history')[
            'history'][0]['user_id'])
        row = self.call('POST', '/prod/rollback')
        self.assertEqual((2, None),
                         (row['function_version'], row['routing']))
        row = self.call('POST', '/prod/rollback', {'revision': 1})
        self.assertEqual(1, row['function_version'])
        row = self.call('POST', '/prod/rollback', {'revision': 4})
        self.assertEqual(weights, row['routing'])
        self.assertEqual([7, 6, 5, 4, 2, 1],
                         [entry[0] for entry in self.history()])

    def test_rollback_needs_an_earlier_target(self):
        self.create()
        self.fault(409, 'no such target', 'POST', '/prod/rollback')
        self.fault(409, 'no such target', 'POST', '/prod/rollback',
                   {'revision': 5})
        self.fault(404, 'FunctionAlias', 'POST', '/nothing/rollback')
        self.fault(404, 'FunctionAlias', 'GET', '/nothing/history')
        self.call('PUT', '/prod', {'function_version': 2})
        self.api.services.versions.delete(self.ctx, self.function, 1)
        self.fault(404, 'FunctionVersion not found', 'POST',
                   '/prod/rollback')
        self.assertEqual(2, self.call('GET', '/prod')['function_version'])

    def test_delete(self):
        self.create()
        job = self.api.insert(models.Job, function_alias='prod')
        hook = self.api.insert(models.Webhook, function_alias='prod')
        self.api.insert(models.Job, function_alias='prod', status='done')
        self.api.insert(models.Job, function_alias='prod',
                        project_id='other')
        references = self.call('GET', '/prod/references')['references']
        self.assertEqual([('job', job), ('webhook', hook)], [
            (reference['kind'], reference['id']) for reference in references])
        self.fault(403, f'job {job}', 'DELETE', '/prod')
        self.fault(403, f'webhook {hook}', 'DELETE', '/prod')
        self.api.db.write(lambda tx: tx.exec_driver_sql(
            'DELETE FROM webhooks'))
        self.api.db.write(lambda tx: tx.exec_driver_sql(
            'DELETE FROM jobs'))
        self.call('DELETE', '/prod', status=204)
        self.fault(404, 'FunctionAlias not found', 'DELETE', '/prod')
        self.create()

    def test_functions_with_aliases_cannot_be_deleted(self):
        self.create()
        answer = self.api.request('DELETE', f'/v1/functions/{self.function}')
        self.assertEqual(403, answer.status_int)
        self.assertIn('alias prod', answer.json['faultstring'])
        answer = self.api.request(
            'GET', f'/v1/functions/{self.function}/references').json
        self.assertEqual(['prod'], [reference['id'] for reference
                                    in answer['references']])

    def test_executions_resolve_aliases(self):
        self.create(version=2)
        answer = self.api.request('POST', '/v1/executions', {
            'function_id': None, 'function_version': None,
            'function_alias': 'prod', 'sync': True, 'input': None})
        self.assertEqual(
            (201, 'prod', self.function, 2),
            (answer.status_int, *(answer.json[name] for name in (
                'function_alias', 'function_id', 'function_version'))))
        # An alias takes precedence over a function and version.
        answer = self.api.request('POST', '/v1/executions', {
            'function_id': models.new_id(), 'function_version': 9,
            'function_alias': 'prod'})
        self.assertEqual(2, answer.json['function_version'])
        answer = self.api.request('POST', '/v1/executions',
                                  {'function_alias': 'nothing'})
        self.assertEqual(404, answer.status_int)


class TestProjects(base.BaseTestCase):
    """Aliases belong to a project."""

    def setUp(self):
        super().setUp()
        self.api = self.useFixture(fixtures.Api(enforcing=True))
        self.ids = {}
        for project in ('p', 'q'):
            ctx = fixtures.caller(project)
            self.ids[project] = self.api.function(ctx).id
            self.api.services.aliases.create(ctx, {
                'name': 'prod', 'function_id': self.ids[project]})
        self.api.services.aliases.create(fixtures.caller('p'), {
            'name': 'only', 'function_id': self.ids['p']})

    def call(self, method, path, project, role='member', body=None):
        return self.api.request(method, path, body, X_Project_Id=project,
                                X_Roles=role)

    def test_names_are_unique_per_project(self):
        for project in ('p', 'q'):
            for role in ('reader', 'admin'):
                row = self.call('GET', '/v1/aliases/prod', project, role)
                self.assertEqual(self.ids[project],
                                 row.json['function_id'])

    def test_aliases_of_other_projects_are_hidden(self):
        for role in ('member', 'admin'):
            for method, path, body in (
                    ('GET', '', None), ('PUT', '', {}),
                    ('DELETE', '', None), ('GET', '/history', None),
                    ('GET', '/references', None),
                    ('POST', '/rollback', {})):
                answer = self.call(method, f'/v1/aliases/only{path}', 'q',
                                   role, body)
                self.assertEqual(404, answer.status_int, (method, path))
            answer = self.call('POST', '/v1/executions', 'q', role,
                               {'function_alias': 'only'})
            self.assertEqual(404, answer.status_int)

    def test_targets_in_other_projects_are_refused(self):
        for role in ('member', 'admin'):
            answer = self.call('POST', '/v1/aliases', 'q', role, {
                'name': 'theft', 'function_id': self.ids['p']})
            self.assertEqual(404, answer.status_int)
            answer = self.call('PUT', '/v1/aliases/prod', 'q', role,
                               {'function_id': self.ids['p']})
            self.assertEqual(404, answer.status_int)

    def test_lists(self):
        def names(*args):
            answer = self.call('GET', *args)
            return answer.status_int, [
                (row['project_id'], row['name'])
                for row in answer.json.get('function_aliases', ())]
        rows = [('p', 'prod'), ('q', 'prod'), ('p', 'only')]
        path = '/v1/aliases'
        self.assertEqual((200, rows[1:2]), names(path, 'q'))
        self.assertEqual((200, rows[1:2]), names(path, 'q', 'admin'))
        all_projects = f'{path}?all_projects=true'
        self.assertEqual((403, []), names(all_projects, 'q'))
        self.assertEqual((200, rows), names(all_projects, 'q', 'admin'))
        filtered = f'{path}?project_id=p'
        self.assertEqual((200, rows[1:2]), names(filtered, 'q'))
        self.assertEqual((200, [rows[0], rows[2]]),
                         names(filtered, 'q', 'admin'))
