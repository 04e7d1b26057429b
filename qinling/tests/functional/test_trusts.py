# SPDX-License-Identifier: Apache-2.0
"""Tests of functions with a trust, with a real Keystone and Swift."""

import json
import uuid

from keystoneauth1 import session
from oslotest import base

from qinling.tests.functional import base as servers
from qinling.tests.functional import openstack
from qinling.tests.functional import test_keystone

#: Lists the containers of its owner by HTTP alone.
LIST = '''
import json, urllib.request

def main(url, context):
    request = urllib.request.Request(
        url + '?format=json', headers={'X-Auth-Token': context['token']})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return [each['name'] for each in json.load(answer)]
'''
TELL = '''
def main(context, reveal=False):
    session = context['os_session']
    print(context)
    return {'context': context, 'session': session is not None,
            'token': context['token'] if reveal else None}
'''
#: The same by the session.
SESSION = '''
def main(context, url):
    session = context['os_session']
    listed = session.get(url, endpoint_filter={
        'service_type': 'object-store', 'interface': 'public'},
        headers={'Accept': 'application/json'})
    return {'names': [each['name'] for each in listed.json()],
            'user': session.get_user_id(),
            'project': session.get_project_id(),
            'same': session is context['os_session']}
'''
CODE = 'def main(**kwargs):\n    return %r\n'


class TestTrusts(servers.Shared, base.BaseTestCase):
    """Tests of the rights of a function with the owner's trust."""

    @classmethod
    def make_server(cls):
        server = openstack.OpenStack()
        server.client = None
        return server

    def setUp(self):
        super().setUp()
        self.account, self.mine = self.server.create_client()

    def trust_of(self, account):
        return [trust for trust in self.server.trusts()
                if trust['trustor_user_id'] == account.user_id]

    def run_list(self, function, url=None):
        return self.mine.run(function['id'], json.dumps(
            {'url': url or self.server.url(self.account)}))

    def create_from_swift(self, client=None, status=201, **where):
        where = where or {'container': 'code', 'object': 'main.zip'}
        client = client or self.mine
        return client.form('POST', '/v1/functions', {
            'code': json.dumps({'source': 'swift', 'swift': where}),
            'runtime_id': client.runtime()}, status=status)

    def test_functions_see_their_owners_resources(self):
        name = uuid.uuid4().hex
        self.account.session().put(
            f'{self.server.url(self.account)}/{name}')
        function = self.mine.create(LIST)
        self.assertTrue(function['trust'])
        row = self.run_list(function)
        self.assertEqual([name], servers.output(row), row)
        stranger, _ = self.server.create_client()
        row = self.run_list(function, self.server.url(stranger))
        self.assertEqual('failed', row['status'])
        self.assertIn('403', servers.output(row))

    def test_the_session_of_a_function(self):
        name = uuid.uuid4().hex
        self.account.session().put(
            f'{self.server.url(self.account)}/{name}')
        function = self.mine.form('POST', '/v1/functions', {
            'runtime_id': self.mine.runtime(), 'timeout': 60,
            'memory_size': 64 << 20, 'code': '{"source": "package"}'},
            openstack.package_with_libraries(SESSION), 201)
        for _ in range(2):
            row = self.run_list(function, '/')
            self.assertEqual(
                {'names': [name], 'user': self.account.user_id,
                 'project': self.account.project_id, 'same': True},
                servers.output(row), row)

    def test_contents_of_the_token(self):
        row = self.mine.run(self.mine.create(TELL)['id'], '{"reveal": true}')
        result = servers.output(row)
        token = result['token']
        access = self.server.identity.service.session().get(
            f'{self.server.identity.url}/auth/tokens',
            headers={'X-Subject-Token': token}).json()['token']
        self.assertIn('OS-TRUST:trust', access)
        self.assertEqual(
            (self.account.user_id, self.account.project_id,
             {'member', 'reader'}),
            (access['user']['id'], access['project']['id'],
             {role['name'] for role in access['roles']}))
        self.assertEqual(self.server.identity.url,
                         result['context']['auth_url'])
        self.assertEqual(access['expires_at'][:19],
                         result['context']['expires_at'][:19])
        # It neither opens another token nor gives its rights away.
        for path, body in (
                ('/OS-TRUST/trusts', {'trust': {}}),
                ('/auth/tokens', {'auth': {'identity': {
                    'methods': ['token'], 'token': {'id': token}}}})):
            answer = session.Session().post(
                self.server.identity.url + path, json=body,
                headers={'X-Auth-Token': token}, raise_exc=False)
            self.assertIn(answer.status_code, (400, 401, 403))

    def test_tokens_are_not_logged(self):
        function = self.mine.create(TELL)
        row = self.mine.run(function['id'])
        self.assertEqual('success', row['status'], row)
        self.assertIsNone(servers.output(row)['context']['token'])
        self.assertIn("'token': None", self.mine.log(row['id']))
        log = self.server.server.program.log.read_text()
        self.assertNotIn('gAAAA', log)
        for path in self.server.server.state.glob('qinling.db*'):
            content = path.read_bytes()
            self.assertNotIn(self.account.password.encode(), content)

    def test_a_function_without_a_trust(self):
        function = self.mine.create(TELL, trust='false')
        self.assertFalse(function['trust'])
        self.assertEqual([], self.trust_of(self.account))
        result = servers.output(self.mine.run(
            function['id'], '{"reveal": true}'))
        self.assertEqual((None, False), (result['token'], result['session']))
        path = f'/v1/functions/{function["id"]}'
        self.assertTrue(self.mine.form(
            'PUT', path, {'trust': 'true'})['trust'])
        self.assertIsNotNone(servers.output(self.mine.run(
            function['id'], '{"reveal": true}'))['token'])
        self.assertFalse(self.mine.form(
            'PUT', path, {'trust': 'false'})['trust'])
        self.assertEqual([], self.trust_of(self.account))

    def test_trusts_are_limited_and_deleted_with_the_function(self):
        self.server.identity.grant(
            self.account.project_id, self.account.user_id, 'admin')
        function = self.mine.create(LIST)
        trust, = self.trust_of(self.account)
        self.assertEqual(
            (self.account.project_id, True, 0),
            (trust['project_id'], trust['impersonation'],
             trust['redelegation_count']))
        self.assertIsNotNone(trust['expires_at'])
        self.mine.form('PUT', f'/v1/functions/{function["id"]}',
                       {'description': 'of no interest'})
        self.assertEqual([trust], self.trust_of(self.account))
        self.mine.form('PUT', f'/v1/functions/{function["id"]}', {},
                       servers.package(CODE % 'new'))
        # Executions that run use the former trust.
        trusts = self.trust_of(self.account)
        self.assertEqual(2, len(trusts))
        self.assertIn(trust['id'], [present['id'] for present in trusts])
        self.mine.call('DELETE', f'/v1/functions/{function["id"]}')
        self.assertEqual([], self.trust_of(self.account))

    def test_the_last_editor_becomes_the_trustor(self):
        function = self.mine.create(CODE % 'old')
        account, client = self.server.create_client(project={
            'id': self.account.project_id,
            'name': self.account.project_name})
        client.form('PUT', f'/v1/functions/{function["id"]}', {},
                    servers.package(TELL))
        self.assertEqual(1, len(self.trust_of(account)))
        context = servers.output(client.run(function['id']))['context']
        self.assertEqual(account.user_id, context['user_id'])

    def test_owner_loses_the_role(self):
        function = self.mine.create(TELL)
        self.server.identity.revoke(
            self.account.project_id, self.account.user_id, 'member')
        account, client = self.server.create_client(project={
            'id': self.account.project_id,
            'name': self.account.project_name})
        row = client.run(function['id'])
        self.assertEqual('error', row['status'], row)
        self.assertIn('its trust gives nothing any more',
                      servers.output(row))

    def test_code_in_swift(self):
        package = self.server.upload(self.account, CODE % 'first')
        function = self.create_from_swift()
        self.assertEqual({'source': 'swift', 'swift': {
            'container': 'code', 'object': 'main.zip'}}, function['code'])
        self.assertEqual('first', servers.output(
            self.mine.run(function['id'])))
        path = f'/v1/functions/{function["id"]}'
        status, headers, data = self.mine.request(
            'GET', f'{path}?download=true')
        self.assertEqual((200, package), (status, data))
        self.server.upload(self.account, CODE % 'second', 'other.zip')
        changed = self.mine.form('PUT', path, {
            'code': '{"swift": {"object": "other.zip"}}'})
        self.assertEqual({'container': 'code', 'object': 'other.zip'},
                         changed['code']['swift'])
        self.assertEqual('second', servers.output(
            self.mine.run(function['id'])))
        status, answer = self.mine.call('POST', f'{path}/versions', {})
        self.assertEqual(403, status, answer)

    def test_unavailable_code_in_swift(self):
        self.server.upload(self.account, CODE % 'mine')
        for where, sentence in (
                ({'container': 'code'}, 'Both container and object'),
                ({'container': 'code', 'object': 'no.zip'},
                 'Failed to validate object in Swift'),
                ({'container': 'a/b', 'object': 'x'}, 'cannot be the name')):
            answer = self.create_from_swift(status=400, **where)
            self.assertIn(sentence, answer['faultstring'])
        _, stranger = self.server.create_client()
        answer = self.create_from_swift(client=stranger, status=400)
        self.assertIn('There is no object', answer['faultstring'])
        function = self.create_from_swift()
        path = f'/v1/functions/{function["id"]}'
        self.assertEqual(404, stranger.call(
            'GET', f'{path}?download=true')[0])
        self.account.session().delete(
            f'{self.server.url(self.account)}/code/main.zip')
        row = self.mine.run(function['id'])
        self.assertEqual('error', row['status'])
        self.assertIn('its package is gone', servers.output(row))
        self.assertEqual(404, self.mine.call(
            'GET', f'{path}?download=true')[0])

    def test_users_without_roles_to_delegate(self):
        account, reader = self.server.create_client('reader', 'service')
        self.server.identity.grant(
            account.project_id, account.user_id, 'admin')
        application = self.account.session().post(
            f'{self.server.identity.url}/users/{self.account.user_id}'
            '/application_credentials', json={
                'application_credential': {'name': 'a'}}).json()[
                    'application_credential']
        token = session.Session().post(
            f'{self.server.identity.url}/auth/tokens', json={'auth': {
                'identity': {'methods': ['application_credential'],
                             'application_credential': {
                                 'id': application['id'],
                                 'secret': application['secret']}}}}
        ).headers['X-Subject-Token']
        client = servers.Client(self.mine.url, {'X-Auth-Token': token})
        answer = client.create(LIST, status=403)
        self.assertIn('trust=false', answer['faultstring'])
        client.create(LIST, status=201, trust='false')
        self.assertEqual([], self.trust_of(self.account))


class TestFaults(base.BaseTestCase):
    """Tests of outages of Keystone and Swift, and of expired tokens."""

    def create(self, client, code=TELL, **fields):
        return client.create(code, **fields)['id']

    def test_unavailable_services(self):
        cloud = self.useFixture(openstack.OpenStack())
        account, mine = cloud.create_client()
        cloud.upload(account, CODE % 'mine')
        cold = self.create(mine)
        warm = self.create(mine)
        self.assertEqual('success', mine.run(warm)['status'])
        fields = {'code': json.dumps({'source': 'swift', 'swift': {
            'container': 'code', 'object': 'main.zip'}}),
            'runtime_id': mine.runtime()}
        stored = mine.form('POST', '/v1/functions', fields, status=201)['id']
        cloud.swift.stop()
        mine.form('POST', '/v1/functions', fields, status=503)
        self.assertEqual(503, mine.call(
            'GET', f'/v1/functions/{stored}?download=true')[0])
        mine.get('/v1/functions')
        cloud.identity.stop()
        # Workers with a token need no Keystone; the caller is cached.
        row = mine.run(warm)
        self.assertEqual('success', row['status'], row)
        row = mine.run(cold)
        self.assertEqual('error', row['status'])
        self.assertIn('Keystone does not answer', servers.output(row))
        answer = mine.create(LIST, status=503)
        self.assertIn('Trust creation failed for function',
                      answer['faultstring'])
        cloud.identity.start()
        cloud.swift.start()
        self.assertEqual('success', mine.run(cold)['status'])
        self.assertEqual('mine', servers.output(mine.run(stored)))
        # The sweep deletes the remaining trusts.
        cloud.identity.stop()
        self.assertEqual(204, mine.call(
            'DELETE', f'/v1/functions/{cold}')[0])
        cloud.identity.start()
        self.assertEqual(3, len(cloud.trusts()))

    def test_tokens_are_renewed(self):
        cloud = self.useFixture(openstack.OpenStack(expiration=12))
        account, mine = cloud.create_client()
        function = self.create(mine)

        def run():
            client = servers.Client(mine.url, test_keystone.headers(account))
            row = client.run(function, '{"reveal": true}')
            self.assertEqual('success', row['status'], row)
            return servers.output(row)['token']
        first = run()
        second = servers.wait_for(
            lambda: (token := run()) != first and token, 'another token')
        session.Session().get(
            f'{cloud.identity.url}/auth/catalog',
            headers={'X-Auth-Token': second})

    def test_orphaned_trusts_are_swept(self):
        cloud = self.useFixture(openstack.OpenStack())
        account, mine = cloud.create_client()
        surviving, deleted = self.create(mine), self.create(mine)
        cloud.server.program.kill()
        openstack.update_database(cloud.server.state / 'qinling.db',
                                  'DELETE FROM functions WHERE id = ?',
                                  [deleted])
        # Lost long ago, as far as Keystone's table can tell.
        openstack.update_database(
            cloud.identity.state / 'keystone.db',
            'UPDATE trust SET extra = replace(extra, ?, ?)',
            ['"qinling_made_at": 1', '"qinling_made_at": -1'])
        self.assertEqual(2, len(cloud.trusts()))
        cloud.server.restart()
        servers.wait_for(lambda: len(cloud.trusts()) == 1, 'the sweep')
        again = servers.Client(cloud.server.client.url, mine.headers)
        self.assertEqual('success', again.run(surviving)['status'])
