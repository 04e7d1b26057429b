# SPDX-License-Identifier: Apache-2.0
"""Choice of a version for one execution, and previews of webhooks."""

from qinling.api import app
from qinling.core import secrets
from qinling import policy
from qinling.tests import fixtures
from qinling.tests.unit.api import cases

ALL = '/v1/executions'
SECRET = 'a secret of a sender'


class ChoiceTest(cases.ApiTest):
    GROUPS = {'secrets': {'encryption_keys': [secrets.new_key()]}}

    def setUp(self):
        super().setUp()
        self.ctx = fixtures.caller()
        services = self.api.services
        self.function = self.api.function().id
        for _ in range(2):
            services.versions.create(self.ctx, self.function)
        self.add_alias('prod', self.function, 1)

    def add_alias(self, name, function, version=0):
        self.api.services.aliases.create(self.ctx, {
            'name': name, 'function_id': function,
            'function_version': version})

    def run_alias(self, version=None, status=201, **headers):
        body = {'function_alias': 'prod', 'function_version': version}
        return self.call('POST', ALL, body, status, **headers)


class TestExecutions(ChoiceTest):
    def check(self, row, version, is_chosen=True):
        self.assertEqual(
            ('prod', self.function, version, is_chosen or None),
            (row['function_alias'], row['function_id'],
             row['function_version'], row['version_chosen']))
        self.assertEqual(row, self.call('GET', f'{ALL}/{row["id"]}'))

    def test_field(self):
        self.check(self.run_alias(2), 2)
        self.check(self.run_alias(1), 1)
        for version in (0, None):
            self.check(self.run_alias(version), 1, False)
        # The version of an ignored function is no choice.
        body = {'function_alias': 'prod', 'function_version': 2,
                'function_id': self.function}
        self.check(self.call('POST', ALL, body, 201), 1, False)
        self.check(self.call('POST', ALL, body, 201,
                             X_Qinling_Version='2'), 2)

    def test_header(self):
        self.check(self.run_alias(X_Qinling_Version='2'), 2)
        self.check(self.run_alias(2, X_Qinling_Version='2'), 2)
        self.check(self.run_alias(X_Qinling_Version='0'), 1, False)
        row = self.call('POST', ALL, {'function_id': self.function},
                        status=201, X_Qinling_Version='2')
        self.assertEqual((2, None), (row['function_version'],
                                     row['version_chosen']))

    def test_faults(self):
        for version, headers, status, words in (
                (3, {}, 404, 'FunctionVersion not found'),
                (1, {'X_Qinling_Version': '2'}, 400, 'differ'),
                (None, {'X_Qinling_Version': 'x'}, 400,
                 "The header X-Qinling-Version is not valid: 'x' is not a "
                 'whole number.'),
                (-1, {}, 400, 'not a version number')):
            answer = self.run_alias(version, status, **headers)
            self.assertIn(words, answer['faultstring'])

    def test_repeated_requests_name_the_same_version(self):
        first = self.run_alias(X_Qinling_Version='2', Idempotency_Key='k')
        again = self.run_alias(X_Qinling_Version='2', Idempotency_Key='k')
        self.assertEqual(first['id'], again['id'])
        self.run_alias(status=422, Idempotency_Key='k')

    def test_batch(self):
        batch = self.call('POST', f'{ALL}/batch', {
            'function_alias': 'prod', 'function_version': 2,
            'inputs': [1]}, 201)
        row = self.call('GET', f'{ALL}/{batch["executions"][0]["id"]}')
        self.check(row, 2)


class TestPolicy(ChoiceTest):
    ENFORCING = True

    def test_policy(self):
        path = self.create_tempfiles(
            [('policy', '"execution:choose_version": "role:chooser"\n')],
            '.yaml')[0]
        self.api.conf.set_override('policy_file', path, group='oslo_policy')
        self.api.app = app.create_app(
            self.api.services, fixtures.HeaderStrategy(
                policy.Enforcer(self.api.conf)))
        member = {'X_Project_Id': self.ctx.project_id, 'X_Roles': 'member'}
        for version, headers in ((2, {}), (None, {'X_Qinling_Version': '2'})):
            answer = self.run_alias(version, 403, **member, **headers)
            self.assertIn('execution:choose_version', answer['faultstring'])
        self.run_alias(**member)
        self.run_alias(2, X_Project_Id=self.ctx.project_id,
                       X_Roles='member,chooser')
        batch = self.call('POST', f'{ALL}/batch', {
            'function_alias': 'prod', 'function_version': 2,
            'inputs': [1]}, 201, **member)
        self.assertEqual(403, batch['executions'][0]['error']['code'])


class TestPreviews(ChoiceTest):
    def create(self, **values):
        values.setdefault('function_alias', 'prod')
        return self.call('POST', '/v1/webhooks', {
            'previews': True, **values}, 201)

    def invoke(self, row, variant, status=202, method='POST'):
        """Return the execution of a delivery."""
        answer = self.call(
            method, f'/v1/webhooks/{row["id"]}/{variant}/invoke',
            status=status)
        if status != 202:
            return answer
        return self.call('GET', f'{ALL}/{answer["execution_id"]}')

    def check(self, row, alias, version):
        self.assertEqual((alias, self.function, version, 'webhook'), (
            row['function_alias'], row['function_id'],
            row['function_version'], row['trigger']))

    def test_urls(self):
        row = self.create()
        urls = [url.replace('{version}', '2').replace('{name}', 'prod')
                for url in row['preview_urls']]
        self.assertEqual(2, len(urls))
        for url in urls:
            self.call('POST', url[url.index('/v1'):], status=202)
        self.assertEqual(row['preview_urls'], self.call(
            'GET', f'/v1/webhooks/{row["id"]}')['preview_urls'])
        row = self.call('PUT', f'/v1/webhooks/{row["id"]}',
                        {'previews': False})
        self.assertEqual((False, []), (row['previews'],
                                       row['preview_urls']))

    def test_versions(self):
        row = self.create(methods=['POST', 'GET'])
        self.check(self.invoke(row, 'versions/2'), 'prod', 2)
        self.check(self.invoke(row, 'versions/2', method='GET'), 'prod', 2)
        answer = self.invoke(row, 'versions/x', 404)
        self.assertIn(f'function_id={self.function}', answer['faultstring'])
        row = self.create(function_alias=None, function_id=self.function)
        self.check(self.invoke(row, 'versions/2'), None, 2)
        for variant in ('versions/3', 'versions/0', 'versions/x'):
            answer = self.invoke(row, variant, 404)
            self.assertIn('FunctionVersion not found', answer['faultstring'])

    def test_aliases(self):
        self.add_alias('next', self.function, 2)
        self.add_alias('other', self.api.function().id)
        for values in ({}, {'function_alias': None,
                            'function_id': self.function}):
            row = self.create(**values)
            self.check(self.invoke(row, 'aliases/next'), 'next', 2)
            for name in ('other', 'none'):
                answer = self.invoke(row, f'aliases/{name}', 404)
                self.assertIn('FunctionAlias not found',
                              answer['faultstring'])

    def test_previews_must_be_allowed(self):
        row = self.create(previews=None)
        self.assertFalse(row['previews'])
        for variant in ('versions/2', 'aliases/prod'):
            for method in ('POST', 'GET', 'OPTIONS'):
                answer = self.invoke(row, variant, 404, method)
                self.assertIn('Webhook not found', answer['faultstring'])
        self.assertEqual([], self.engine.calls)

    def test_signatures_are_verified(self):
        row = self.create(signature='github', secret=SECRET)
        for variant in ('versions/2', 'versions/9', 'aliases/prod'):
            answer = self.invoke(row, variant, 401)
            self.assertIn('no signature', answer['faultstring'])
        self.assertEqual([], self.engine.calls)

    def test_variants_do_not_share_deliveries(self):
        row = self.create()
        ids = {self.call('POST', f'/v1/webhooks/{row["id"]}{variant}/invoke',
                         status=202, Idempotency_Key='k')['execution_id']
               for variant in ('', '/versions/2', '/aliases/prod',
                               '/versions/2')}
        self.assertEqual(3, len(ids))
