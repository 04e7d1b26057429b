# SPDX-License-Identifier: Apache-2.0
"""The strategies that find out who asks."""

import base64

import bcrypt
from keystonemiddleware import fixture as keystone_fixture
from oslotest import base

from qinling.api import app
from qinling.api import identity
from qinling.tests import fixtures
from qinling.tests.unit.api import cases
from qinling.tests.unit.api import test_policy_walk

SECRET = 'gAAAAABsecrets-of-somebody'
URI = 'http://127.0.0.1:1/v3'
KEYSTONE = {
    'auth_type': 'password', 'auth_url': URI, 'username': 'qinling',
    'password': 'p', 'user_domain_id': 'default', 'project_name': 'service',
    'project_domain_id': 'default'}
PUBLIC = ('/', '/v1', '/v1/')


def configured(test, strategy, **groups):
    """A configuration with a strategy."""
    return fixtures.configured(
        test, api={'auth_strategy': strategy}, **groups)


class Tokens(keystone_fixture.AuthTokenFixture):
    """Tokens that the middleware takes for those of Keystone."""

    def token(self, project, *roles, **kwargs):
        """A token of somebody in a project."""
        token = f'{SECRET}-{project}-{"-".join(roles)}-{len(self.tokens)}'
        self.add_token_data(token, user_id='somebody', project_id=project,
                            role_list=list(roles), **kwargs)
        return token


class KeystoneTest(cases.ApiTest):
    def setUp(self):
        super().setUp()
        self.tokens = self.useFixture(Tokens())
        self.conf = configured(self, 'keystone', keystone_authtoken=KEYSTONE)
        self.api.app = app.create_app(
            self.api.services, identity.load(self.conf))


class TestKeystone(KeystoneTest):
    def refused(self, **headers):
        answer = self.api.request('GET', '/v1/functions', **headers)
        self.assertEqual(401, answer.status_int)
        self.check_fault(answer)
        self.assertEqual(f'Keystone uri="{URI}"',
                         answer.headers['WWW-Authenticate'])
        self.assertNotIn(SECRET, answer.text + str(answer.headers))

    def test_no_token_and_bad_ones(self):
        for headers in ({}, {'X_Auth_Token': ''}, {'X_Auth_Token': SECRET},
                        {'X_Auth_Token': 'ü'}, {'X_Auth_Token': 'x' * 4000},
                        {'X_Service_Token': SECRET}):
            self.refused(**headers)

    def test_an_expired_token(self):
        self.refused(X_Auth_Token=self.tokens.token(
            'p', 'member', expires='2020-01-01T00:00:00Z'))

    def test_claims_without_a_token(self):
        self.refused(X_Project_Id='p', X_Roles='admin', X_User_Id='u',
                     X_Identity_Status='Confirmed')

    def test_claims_beside_a_token(self):
        token = self.tokens.token('p', 'member')
        row = self.call('POST', '/v1/functions', status=400,
                        X_Auth_Token=token, X_Project_Id='other',
                        X_Roles='admin', X_User_Id='u')
        self.assertIn('code', row['faultstring'])
        self.fault(403, 'runtime:create', 'POST', '/v1/runtimes',
                   {'image': 'i'}, X_Auth_Token=token, X_Roles='admin',
                   X_Role='admin', X_Is_Admin_Project='true')

    def test_whose_things_are(self):
        row = self.call('POST', '/v1/runtimes', {'image': 'i'}, 201,
                        X_Auth_Token=self.tokens.token('p', 'admin'))
        self.assertEqual('p', row['project_id'])

    def test_what_needs_no_token(self):
        for path in PUBLIC:
            for headers in ({}, {'X_Auth_Token': SECRET}):
                self.call('GET', path, **headers)

    def test_a_path_that_is_not_there_tells_nothing_of_tokens(self):
        answer = self.api.request('GET', '/v1/nothing', X_Auth_Token=SECRET)
        self.assertEqual(404, answer.status_int)
        self.assertNotIn(SECRET, answer.text)

    def test_a_token_of_no_project(self):
        for roles in ((), ('admin',)):
            self.fault(403, 'not of a project', 'GET', '/v1/functions',
                       X_Auth_Token=self.tokens.token(None, *roles))

    def test_who_it_is(self):
        seen = []
        identify = identity.load(self.conf)
        self.api.app = app.create_app(
            self.api.services,
            lambda environ: (seen.append(identify(environ)), seen[-1])[1])
        for role in ('member', 'admin'):
            token = self.tokens.token('p', role)
            self.call('GET', '/v1/functions', X_Auth_Token=token)
            self.assertEqual(('somebody', 'p', [role], token, role == 'admin'),
                             (seen[-1].user_id, seen[-1].project_id,
                              seen[-1].roles, seen[-1].auth_token,
                              seen[-1].is_admin))


class TestKeystoneAway(cases.ApiTest):
    """Nobody listens where Keystone should be."""

    def test_service_unavailable(self):
        conf = configured(self, 'keystone', keystone_authtoken=dict(
            KEYSTONE, http_request_max_retries=0))
        self.api.app = app.create_app(self.api.services, identity.load(conf))
        answer = self.api.request('GET', '/v1/functions',
                                  X_Auth_Token=SECRET)
        self.assertEqual((503, '1'), (answer.status_int,
                                      answer.headers['Retry-After']))
        self.check_fault(answer)
        self.assertNotIn(SECRET, answer.text)
        for path in PUBLIC:
            self.call('GET', path, X_Auth_Token=SECRET)
        self.fault(401, 'valid token', 'GET', '/v1/functions')


class TestKeystoneOptions(base.BaseTestCase):
    def test_what_is_missing_is_named(self):
        for options, words in (
                ({}, 'auth_type'),
                ({'auth_type': 'password', 'username': 'u'}, 'auth_url')):
            conf = configured(self, 'keystone', keystone_authtoken=options)
            error = self.assertRaises(ValueError, identity.load, conf)
            self.assertIn(words, str(error))

    def test_what_operators_say_is_obeyed(self):
        conf = configured(self, 'keystone', keystone_authtoken=dict(
            KEYSTONE, www_authenticate_uri='https://public.example.com',
            http_connect_timeout=3, delay_auth_decision=True))
        identity.load(conf)
        found = conf.keystone_authtoken
        self.assertEqual(('https://public.example.com', 3, False), (
            found.www_authenticate_uri, found.http_connect_timeout,
            found.delay_auth_decision))


class WalkWithTokens(KeystoneTest):
    """The walks over all routes, with an identity from Keystone."""

    def setUp(self):
        super().setUp()
        request = self.api.request

        def with_token(*args, X_Project_Id=None, X_Roles='', **headers):
            if X_Project_Id is not None:
                headers['X_Auth_Token'] = self.tokens.token(
                    X_Project_Id, *filter(None, X_Roles.split(',')))
            return request(*args, **headers)
        self.api.request = with_token


class TestRolesWithTokens(WalkWithTokens, test_policy_walk.TestRoles):
    # These bring an application of their own.
    test_a_policy_file_is_obeyed = None
    test_nobody_needs_an_identity_where_it_is_public = None


class TestProjectsWithTokens(WalkWithTokens, test_policy_walk.TestProjects):
    pass


class TestBasic(cases.ApiTest):
    def setUp(self):
        super().setUp()
        self.path = self.create_tempfiles([('htpasswd', '')], '')[0]
        self.write(ada='pw', admin='pw', bob='pw', eve='pw:with colon ü')
        self.use()

    def use(self, **options):
        conf = configured(self, 'http_basic', http_basic=dict({
            'user_file': self.path, 'projects': 'bob:theirs',
            'admins': 'admin', 'readers': 'eve'}, **options))
        self.identify = identity.load(conf)
        self.api.app = app.create_app(self.api.services, self.identify)

    def write(self, **users):
        with open(self.path, 'w') as file:
            for name, password in users.items():
                file.write('%s:%s\n' % (name, bcrypt.hashpw(
                    password.encode(), bcrypt.gensalt(4)).decode()))

    def head(self, name, password, scheme='Basic'):
        word = base64.b64encode(f'{name}:{password}'.encode()).decode()
        return {'Authorization': f'{scheme} {word}'}

    def refused(self, **headers):
        answer = self.api.request('GET', '/v1/functions', **headers)
        self.assertEqual(401, answer.status_int, answer.text)
        self.check_fault(answer)
        self.assertIn('Basic realm="qinling"',
                      answer.headers['WWW-Authenticate'])

    def test_users(self):
        self.api.function()
        for name, password, count in (
                ('ada', 'pw', 1), ('bob', 'pw', 0),
                ('eve', 'pw:with colon ü', 1)):
            rows = self.call('GET', '/v1/functions',
                             **self.head(name, password))['functions']
            self.assertEqual(count, len(rows), name)

    def test_roles(self):
        for name, password, status in (
                ('ada', 'pw', 403), ('eve', 'pw:with colon ü', 403),
                ('admin', 'pw', 201)):
            self.call('POST', '/v1/runtimes', {'image': 'i'}, status,
                      **self.head(name, password))
        for name, password, status in (
                ('ada', 'pw', 400), ('eve', 'pw:with colon ü', 403)):
            self.call('POST', '/v1/executions', {}, status,
                      **self.head(name, password))

    def test_who_is_not_known(self):
        for headers in (
                {}, self.head('ada', 'wrong'), self.head('nobody', 'pw'),
                self.head('', ''), self.head('ada', ''),
                self.head('ada', 'x' * 100), self.head('ada', 'pw', 'Bearer'),
                {'Authorization': 'Basic'}, {'Authorization': 'Basic é'},
                {'Authorization': 'Basic YWRh'}, {'Authorization': ''},
                {'X_Project_Id': 'default', 'X_Roles': 'admin'}):
            self.refused(**headers)

    def test_a_password_is_checked_once(self):
        for _ in range(3):
            self.call('GET', '/v1/functions', **self.head('ada', 'pw'))
        self.assertEqual(1, len(self.identify._verified))
        self.assertNotIn(b'pw', self.identify._verified)
        self.refused(**self.head('ada', 'wrong'))

    def test_the_file_may_change(self):
        self.call('GET', '/v1/functions', **self.head('ada', 'pw'))
        self.write(ada='another', new='pw')
        self.refused(**self.head('ada', 'pw'))
        for name, password in (('ada', 'another'), ('new', 'pw')):
            self.call('GET', '/v1/functions', **self.head(name, password))

    def test_a_file_that_is_broken_later(self):
        with open(self.path, 'w') as file:
            file.write('ada:plain\n')
        self.call('GET', '/v1/functions', status=503,
                  **self.head('ada', 'pw'))

    def test_what_needs_no_password(self):
        for path in PUBLIC:
            self.call('GET', path)

    def test_files_that_do_not_do(self):
        plain = self.create_tempfiles([('plain', 'ada:secret\n')], '')[0]
        for path in (plain, '/nowhere/at/all'):
            error = self.assertRaises(ValueError, self.use, user_file=path)
            self.assertIn('htpasswd -B', str(error))
            self.assertNotIn('secret', str(error))
