# SPDX-License-Identifier: Apache-2.0
"""Tests of the service with a real Keystone."""

import fixtures
from oslotest import base

from qinling.tests.functional import base as servers
from qinling.tests.functional import keystone
from qinling.tests.functional import terminal

TYPE = 'function-engine'
#: Seconds that the service remembers a token for in these tests.
REMEMBERED = 1
HELLO = 'def main(name, **kwargs):\n    return f"Hello, {name}"\n'


def options(identity, **groups):
    """Return the options of a service with Keystone."""
    return {'api': {'auth_strategy': 'keystone'},
            'keystone_authtoken': dict(
                identity.service.options(), token_cache_time=REMEMBERED,
                **groups)}


def headers(account):
    """Return the headers of an account's requests."""
    return {'X-Auth-Token': account.token()}


class Secured(fixtures.Fixture):
    """Standalone server, ``server``, with a Keystone, ``identity``.

    The server is in the catalog.
    """

    def _setUp(self):
        self.identity = self.useFixture(keystone.Keystone())
        self.server = self.useFixture(
            servers.Standalone(**options(self.identity)))
        self.identity.register(TYPE, self.server.client.url)
        self.client = self.client_of(self.identity.admin)

    def client_of(self, account):
        """Return a client of an account."""
        return servers.Client(self.server.client.url, headers(account))

    def create_client(self, *roles, project=None):
        """Return an account and a client, by default in a new project."""
        account = self.identity.user(
            project or self.identity.project(), *roles)
        return account, self.client_of(account)


class SecretTest(base.BaseTestCase):
    """Test case that checks the logs for tokens."""

    def wait_for_status(self, client, status, method='GET',
                        path='/v1/functions', body=None):
        servers.wait_for(
            lambda: client.call(method, path, body)[0] == status,
            f'{method} {path} to be answered with {status}')

    def check_no_secret(self, program, *secrets):
        log = program.log.read_text()
        for secret in secrets:
            self.assertNotIn(secret, log)


class TestProjects(servers.Shared, SecretTest):
    """Tests of permissions with the roles of Keystone."""

    @staticmethod
    def make_server():
        return Secured()

    def test_login_create_execute(self):
        account, client = self.server.create_client('member')
        session = account.session()
        url = session.get_endpoint(service_type=TYPE)
        self.assertEqual(client.url, url)
        function = client.create(HELLO)
        self.assertEqual(account.project_id, function['project_id'])
        answer = session.post(
            '/v1/executions', endpoint_filter={'service_type': TYPE},
            json={'function_id': function['id'],
                  'input': '{"name": "Ada"}'}).json()
        self.assertEqual(('success', 'Hello, Ada', account.project_id), (
            answer['status'], servers.output(answer), answer['project_id']))
        self.check_no_secret(self.server.server.program, session.get_token(),
                             account.password,
                             self.server.identity.service.password)

    def test_login_of_the_web_interface(self):
        account, client = self.server.create_client('member')
        function = client.create(HELLO)
        anonymous = servers.Client(self.server.client.url)
        self.assertEqual('keystone', anonymous.get('/ui/config.json')['auth'])
        form = {'user': account.username, 'password': account.password,
                'project': account.project_name, 'domain': 'Default'}
        status, answer = anonymous.call('POST', '/ui/login', form)
        self.assertEqual(200, status)
        token = answer['token']
        path = f'/v1/functions/{function["id"]}'
        self.assertEqual(200, servers.Client(
            anonymous.url, {'X-Auth-Token': token}).call('GET', path)[0])
        for changes in ({'password': 'wrong'}, {'project': 'another'}):
            status, answer = anonymous.call('POST', '/ui/login',
                                            {**form, **changes})
            self.assertEqual(401, status)
            self.assertIn('Keystone does not accept', answer['faultstring'])
        self.check_no_secret(self.server.server.program, token,
                             account.password)

    def test_command_line(self):
        account, client = self.server.create_client('member')
        function = client.create(HELLO)
        shell = terminal.Terminal(
            terminal.BIN / 'qinling', self.useFixture(
                fixtures.TempDir()).path, **account.environ())
        self.assertEqual(function['id'], shell.value('ID', 'function list'))
        row = shell.json('function execution create', '--function',
                         function['id'], '--input', '{"name": "Ada"}')
        self.assertEqual(account.project_id, client.get(
            f'/v1/executions/{row["id"]}')['project_id'])
        shell.environ['OS_PASSWORD'] = 'wrong'
        self.assertIn('401', shell.fails('function list'))

    def test_no_token(self):
        anonymous = servers.Client(self.server.client.url)
        for path in ('/', '/v1', '/v1/'):
            anonymous.get(path)
        for token in (None, 'gAAAAABno-token-at-all'):
            request_headers = {} if token is None else {'X-Auth-Token': token}
            status, response_headers, body = anonymous.request(
                'GET', '/v1/functions', headers=request_headers)
            self.assertEqual(401, status)
            self.assertEqual(
                'application/json', response_headers['Content-Type'])
            self.assertEqual(
                f'Keystone uri="{self.server.identity.url}"',
                response_headers['WWW-Authenticate'])
            self.assertIn(b'"faultstring"', body)
            self.assertNotIn((token or 'x').encode() * 3, body)
        self.check_no_secret(self.server.server.program, 'no-token-at-all')

    def test_claims(self):
        anonymous = servers.Client(self.server.client.url, {
            'X-Project-Id': self.server.identity.admin.project_id,
            'X-Roles': 'admin', 'X-Identity-Status': 'Confirmed'})
        self.assertEqual(401, anonymous.call('GET', '/v1/functions')[0])
        _, client = self.server.create_client('reader')
        client.headers.update({'X-Roles': 'admin', 'X-Project-Id': 'x'})
        self.assertEqual(403, client.call(
            'POST', '/v1/runtimes', {'image': 'python3'})[0])

    def test_roles(self):
        account, member = self.server.create_client('member')
        function = member.create(HELLO)
        project = {'id': account.project_id, 'name': account.project_name}
        _, reader = self.server.create_client('reader', project=project)
        path = f'/v1/functions/{function["id"]}'
        self.assertEqual(function['id'], reader.get(path)['id'])
        order = {'function_id': function['id']}
        for method, path, body in (
                ('POST', '/v1/executions', order), ('DELETE', path, None),
                ('POST', f'{path}/versions', {})):
            status, answer = reader.call(method, path, body)
            self.assertEqual(403, status)
            self.assertIn('Operation not allowed', answer['faultstring'])
        # A role that means nothing here.
        _, service = self.server.create_client('service', project=project)
        for path in ('/v1/functions', path, '/v1/runtimes'):
            self.assertEqual(403, service.call('GET', path)[0])

    def test_releases(self):
        """Check releases and repairs by member, reader and stranger."""
        account, member = self.server.create_client('member')
        function = member.create(HELLO)['id']
        for _ in range(2):
            member.call('POST', f'/v1/functions/{function}/versions', {})
        member.call('POST', '/v1/aliases', {
            'name': 'a', 'function_id': function, 'function_version': 1})
        for _ in range(2):
            self.assertEqual(201, member.call('POST', '/v1/executions', {
                'function_alias': 'a', 'input': {'name': 'Ada'}})[0])
        project = {'id': account.project_id, 'name': account.project_name}
        _, reader = self.server.create_client('reader', project=project)
        _, stranger = self.server.create_client('member')
        version = {'function_version': 2}
        for path, body, status in (
                ('/v1/aliases/a/rollout', version, 201),
                ('/v1/aliases/a/rollout/pause', None, 200),
                ('/v1/aliases/a/rollout/abort', None, 200),
                ('/v1/aliases/a/replay', version, 202),
                ('/v1/operations', {'action': 'rerun', 'filter': {
                    'function_id': function}}, 202)):
            self.assertEqual(403, reader.call('POST', path, body)[0], path)
            expected = 404 if 'aliases' in path else 202
            status_there, answer = stranger.call('POST', path, body)
            self.assertEqual(expected, status_there, path)
            if expected == 202:
                # The executions of another project are not met.
                self.assertEqual(0, answer['total'])
            received, answer = member.call('POST', path, body)
            self.assertEqual(status, received, answer)
        rows = reader.get('/v1/operations')['operations']
        self.assertEqual({'replay', 'rerun'}, {row['action'] for row in rows})
        for row in rows:
            path = f'/v1/operations/{row["id"]}'
            self.assertEqual(404, stranger.call('GET', path)[0])
            servers.wait_for(
                lambda path=path: reader.get(path)['status'] == 'done',
                'the operation')

    def test_another_project(self):
        _, mine = self.server.create_client('member')
        function = mine.create(HELLO)
        row = mine.run(function['id'], '{"name": "Ada"}')
        _, stranger = self.server.create_client('member')
        for method, path, body in (
                ('GET', f'/v1/functions/{function["id"]}', None),
                ('GET', f'/v1/functions/{function["id"]}?download=true',
                 None),
                ('POST', '/v1/executions', {'function_id': function['id']}),
                ('POST', '/v1/aliases', {'name': 'a', 'function_id':
                                         function['id']}),
                ('GET', f'/v1/executions/{row["id"]}', None),
                ('GET', f'/v1/executions/{row["id"]}/log', None),
                ('DELETE', f'/v1/executions/{row["id"]}', None),
                ('DELETE', f'/v1/functions/{function["id"]}', None)):
            status, _ = stranger.call(method, path, body)
            self.assertEqual(404, status, path)
        self.assertEqual([], stranger.get('/v1/functions')['functions'])
        status, _ = stranger.call('GET', '/v1/functions?all_projects=true')
        self.assertEqual(403, status)
        self.assertEqual(row, mine.get(f'/v1/executions/{row["id"]}'))

    def test_administrators(self):
        account, mine = self.server.create_client('member')
        function = mine.create(HELLO)
        admin = self.server.client

        def list_ids(query=''):
            return [row['id'] for row in admin.get(
                f'/v1/functions{query}')['functions']]
        self.assertNotIn(function['id'], list_ids())
        self.assertIn(function['id'], list_ids('?all_projects=true'))
        self.assertEqual([function['id']],
                         list_ids(f'?project_id={account.project_id}'))
        path = f'/v1/functions/{function["id"]}'
        self.assertEqual(200, admin.call('GET', path)[0])
        self.assertEqual(403, admin.call('DELETE', path)[0])

    def test_private_runtimes(self):
        admin = self.server.client
        for public in (True, False):
            status, row = admin.call(
                'POST', '/v1/runtimes',
                {'image': 'python3', 'is_public': public})
            self.assertEqual(201, status)
            servers.wait_for(
                lambda id=row['id']: admin.get(
                    f'/v1/runtimes/{id}')['status'] == 'available',
                'the runtime')
            _, stranger = self.server.create_client('member')
            visible = [runtime['id'] for runtime
                       in stranger.get('/v1/runtimes')['runtimes']]
            self.assertEqual(public, row['id'] in visible)
            self.assertEqual(200 if public else 404, stranger.call(
                'GET', f'/v1/runtimes/{row["id"]}')[0])
            stranger.create(HELLO, runtime_id=row['id'],
                            status=201 if public else 404)

    def test_roles_change(self):
        account, client = self.server.create_client('reader')
        identity = self.server.identity
        body = {'function_id': account.project_id}
        self.wait_for_status(client, 403, 'POST', '/v1/executions', body)
        identity.grant(account.project_id, account.user_id, 'member')
        client = self.server.client_of(account)
        # There is no such function, but it may be asked for.
        status, answer = client.call('POST', '/v1/executions', body)
        self.assertNotEqual(403, status, answer)
        identity.revoke(account.project_id, account.user_id, 'member')
        self.wait_for_status(client, 403, 'POST', '/v1/executions', body)
        identity.revoke(account.project_id, account.user_id, 'reader')
        self.wait_for_status(client, 401)

    def test_disabled_user(self):
        account, client = self.server.create_client('member')
        self.wait_for_status(client, 200)
        self.server.identity.call(
            'PATCH', f'/users/{account.user_id}', user={'enabled': False})
        self.wait_for_status(client, 401)


class TestOutage(SecretTest):
    """Tests of an interrupted Keystone."""

    def test_keystone_outage(self):
        cloud = self.useFixture(Secured())
        _, client = cloud.create_client('member')
        self.wait_for_status(client, 200)
        cloud.identity.stop()
        self.wait_for_status(client, 503)
        status, headers, body = client.request('GET', '/v1/functions')
        self.assertEqual((503, '1'), (status, headers['Retry-After']))
        self.assertIn(b'Keystone', body)
        for path in ('/', '/v1'):
            client.get(path)
        cloud.identity.start()
        self.wait_for_status(client, 200)
        self.check_no_secret(cloud.server.program,
                             client.headers['X-Auth-Token'],
                             cloud.identity.service.password)


class TestExpiry(base.BaseTestCase):
    """Tests of short-lived tokens."""

    def test_tokens_expire(self):
        identity = self.useFixture(keystone.Keystone(expiration=8))
        server = self.useFixture(servers.Standalone(**options(identity)))
        account = identity.user(identity.project(), 'member')

        def log_in():
            # On a slow machine a token may end before its first use.
            client = servers.Client(server.client.url, headers(account))
            return client.call('GET', '/v1/functions')[0] == 200 and client
        for _ in range(2):
            # The service must renew its own token, too.
            client = servers.wait_for(log_in, 'a token that is valid')
            servers.wait_for(
                lambda client=client: client.call(
                    'GET', '/v1/functions')[0] == 401,
                'the end of the token')


class TestCloud(SecretTest):
    """Tests of API and engine as daemons, over a database and a bus."""

    def test_main_job(self):
        identity = self.useFixture(keystone.Keystone())
        cloud = self.useFixture(servers.Cloud(
            headers=headers(identity.admin), **options(identity)))
        account = identity.user(identity.project(), 'member')
        client = servers.Client(cloud.client.url, headers(account))
        function = client.create(HELLO)
        row = client.run(function['id'], '{"name": "Ada"}')
        self.assertEqual('Hello, Ada', servers.output(row))
        row = client.run(function['id'], '{"name": "Bob"}', sync=False)
        self.assertEqual('Hello, Bob', servers.output(
            client.wait_for_end(row['id'])))
        for program in (cloud.api, *cloud.engines):
            self.check_no_secret(program, client.headers['X-Auth-Token'],
                                 cloud.client.headers['X-Auth-Token'])
