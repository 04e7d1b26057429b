# SPDX-License-Identifier: Apache-2.0
"""Authentication strategies."""

import base64
import contextlib
from unittest import mock

import bcrypt
from keystonemiddleware import fixture as keystone_fixture
from oslotest import base

from qinling.api import app
from qinling.api import identity
from qinling.api.identity import login_throttle
from qinling.api.identity import password_verifier
from qinling.tests import fixtures
from qinling.tests.unit.api import cases
from qinling.tests.unit.api import test_policy_walk

SECRET = 'gAAAAABsecrets-of-a-user'
URI = 'http://127.0.0.1:1/v3'
KEYSTONE = {
    'auth_type': 'password', 'auth_url': URI, 'username': 'qinling',
    'password': 'p', 'user_domain_id': 'default', 'project_name': 'service',
    'project_domain_id': 'default'}
PUBLIC = ('/', '/v1', '/v1/')


def configured(test, strategy, **groups):
    """Return a configuration with a strategy."""
    return fixtures.configured(
        test, api={'auth_strategy': strategy}, **groups)


class Tokens(keystone_fixture.AuthTokenFixture):
    """Tokens that the middleware accepts as tokens of Keystone."""

    def token(self, project, *roles, **kwargs):
        """Return a new token of a user in a project."""
        token = f'{SECRET}-{project}-{"-".join(roles)}-{len(self.tokens)}'
        self.add_token_data(token, user_id='user-id', project_id=project,
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
    def check_refused(self, **headers):
        answer = self.api.request('GET', '/v1/functions', **headers)
        self.assertEqual(401, answer.status_int)
        self.check_fault(answer)
        self.assertEqual(f'Keystone uri="{URI}"',
                         answer.headers['WWW-Authenticate'])
        self.assertNotIn(SECRET, answer.text + str(answer.headers))

    def test_invalid_tokens_return_401(self):
        for headers in ({}, {'X_Auth_Token': ''}, {'X_Auth_Token': SECRET},
                        {'X_Auth_Token': 'ü'}, {'X_Auth_Token': 'x' * 4000},
                        {'X_Service_Token': SECRET}):
            self.check_refused(**headers)

    def test_expired_tokens_return_401(self):
        self.check_refused(X_Auth_Token=self.tokens.token(
            'p', 'member', expires='2020-01-01T00:00:00Z'))

    def test_identity_headers_without_a_token_return_401(self):
        self.check_refused(X_Project_Id='p', X_Roles='admin', X_User_Id='u',
                           X_Identity_Status='Confirmed')

    def test_identity_headers_do_not_override_tokens(self):
        token = self.tokens.token('p', 'member')
        row = self.call('POST', '/v1/functions', status=400,
                        X_Auth_Token=token, X_Project_Id='other',
                        X_Roles='admin', X_User_Id='u')
        self.assertIn('code', row['faultstring'])
        self.fault(403, 'runtime:create', 'POST', '/v1/runtimes',
                   {'image': 'i'}, X_Auth_Token=token, X_Roles='admin',
                   X_Role='admin', X_Is_Admin_Project='true')

    def test_new_rows_belong_to_the_project_of_the_token(self):
        row = self.call('POST', '/v1/runtimes', {'image': 'i'}, 201,
                        X_Auth_Token=self.tokens.token('p', 'admin'))
        self.assertEqual('p', row['project_id'])

    def test_public_paths_need_no_token(self):
        for path in PUBLIC:
            for headers in ({}, {'X_Auth_Token': SECRET}):
                self.call('GET', path, **headers)

    def test_unknown_paths_do_not_reveal_tokens(self):
        answer = self.api.request('GET', '/v1/nothing', X_Auth_Token=SECRET)
        self.assertEqual(404, answer.status_int)
        self.assertNotIn(SECRET, answer.text)

    def test_tokens_without_a_project_return_403(self):
        for roles in ((), ('admin',)):
            self.fault(403, 'not of a project', 'GET', '/v1/functions',
                       X_Auth_Token=self.tokens.token(None, *roles))

    def test_context_of_a_token(self):
        contexts = []
        strategy = identity.load(self.conf)
        self.api.app = app.create_app(
            self.api.services, fixtures.Strategy(lambda environ: (
                contexts.append(strategy.identify(environ)),
                contexts[-1])[1]))
        for role in ('member', 'admin'):
            token = self.tokens.token('p', role)
            self.call('GET', '/v1/functions', X_Auth_Token=token)
            self.assertEqual(('user-id', 'p', [role], token, role == 'admin'),
                             (contexts[-1].user_id, contexts[-1].project_id,
                              contexts[-1].roles, contexts[-1].auth_token,
                              contexts[-1].is_admin))


class TestKeystoneOutage(cases.ApiTest):
    """Keystone cannot be reached."""

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
    def test_missing_options_are_named(self):
        for options, words in (
                ({}, 'auth_type'),
                ({'auth_type': 'password', 'username': 'u'}, 'auth_url')):
            conf = configured(self, 'keystone', keystone_authtoken=options)
            error = self.assertRaises(ValueError, identity.load, conf)
            self.assertIn(words, str(error))

    def test_configured_options_are_kept(self):
        conf = configured(self, 'keystone', keystone_authtoken=dict(
            KEYSTONE, www_authenticate_uri='https://public.example.com',
            http_connect_timeout=3, delay_auth_decision=True))
        identity.load(conf)
        options = conf.keystone_authtoken
        self.assertEqual(('https://public.example.com', 3, False), (
            options.www_authenticate_uri, options.http_connect_timeout,
            options.delay_auth_decision))


class WalkWithTokens(KeystoneTest):
    """Policy tests of all routes with Keystone tokens."""

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
    # These tests create another application.
    test_policy_file_overrides_defaults = None
    test_public_routes_need_no_identity = None


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
        self.strategy = identity.load(conf)
        self.api.app = app.create_app(self.api.services, self.strategy)

    def write(self, **users):
        with open(self.path, 'w') as file:
            for name, password in users.items():
                file.write('%s:%s\n' % (name, bcrypt.hashpw(
                    password.encode(), bcrypt.gensalt(4)).decode()))

    def credentials(self, name, password, scheme='Basic'):
        word = base64.b64encode(f'{name}:{password}'.encode()).decode()
        return {'Authorization': f'{scheme} {word}'}

    def check_refused(self, **headers):
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
                             **self.credentials(name, password))['functions']
            self.assertEqual(count, len(rows), name)

    def test_roles(self):
        for name, password, status in (
                ('ada', 'pw', 403), ('eve', 'pw:with colon ü', 403),
                ('admin', 'pw', 201)):
            self.call('POST', '/v1/runtimes', {'image': 'i'}, status,
                      **self.credentials(name, password))
        for name, password, status in (
                ('ada', 'pw', 400), ('eve', 'pw:with colon ü', 403)):
            self.call('POST', '/v1/executions', {}, status,
                      **self.credentials(name, password))

    def test_invalid_credentials_return_401(self):
        for headers in ({}, self.credentials('ada', 'wrong'),
                        self.credentials('nobody', 'pw'),
                        self.credentials('', ''), self.credentials('ada', ''),
                        self.credentials('ada', 'x' * 100), self.credentials(
                            'ada', 'pw', 'Bearer'), {'Authorization': 'Basic'},
                        {'Authorization': 'Basic é'},
                        {'Authorization': 'Basic YWRh'}, {'Authorization': ''},
                        {'X_Project_Id': 'default', 'X_Roles': 'admin'}):
            self.check_refused(**headers)

    def test_changes_of_the_file_are_read(self):
        self.call('GET', '/v1/functions', **self.credentials('ada', 'pw'))
        self.write(ada='another', new='pw')
        self.check_refused(**self.credentials('ada', 'pw'))
        for name, password in (('ada', 'another'), ('new', 'pw')):
            self.call('GET', '/v1/functions',
                      **self.credentials(name, password))

    def test_unusable_files_return_503(self):
        for content in (b'ada:plain\n', b'\xff'):
            with open(self.path, 'wb') as file:
                file.write(content)
            self.call('GET', '/v1/functions', status=503,
                      **self.credentials('ada', 'pw'))

    def test_invalid_lines_concern_their_user_only(self):
        with open(self.path, 'a') as file:
            file.write('zoe:plain\n# a comment: with a colon\n')
        self.call('GET', '/v1/functions', **self.credentials('ada', 'pw'))
        self.check_refused(**self.credentials('zoe', 'plain'))

    def test_public_paths_need_no_password(self):
        for path in PUBLIC:
            self.call('GET', path)

    def test_invalid_files_prevent_the_start(self):
        plain = self.create_tempfiles([('plain', 'ada:secret\n')], '')[0]
        for path in (plain, '/nowhere/at/all'):
            error = self.assertRaises(ValueError, self.use, user_file=path)
            self.assertIn('htpasswd -B', str(error))
            self.assertNotIn('secret', str(error))

    def test_answers_do_not_reveal_names(self):
        bodies = {self.api.request(
            'GET', '/v1/functions', **self.credentials(name, 'wrong')).body
            for name in ('ada', 'unknown')}
        self.assertEqual(1, len(bodies))

    def test_guessing_is_slowed_down(self):
        for _ in range(login_throttle.FREE_FAILURES_OF_NAME):
            answer = self.api.request(
                'GET', '/v1/functions', **self.credentials('ada', 'wrong'))
        self.assertEqual(401, answer.status_int)
        answer = self.api.request(
            'GET', '/v1/functions', **self.credentials('ada', 'wrong'))
        self.assertEqual((429, '1'), (answer.status_int,
                                      answer.headers['Retry-After']))
        self.check_fault(answer)

    def test_busy_verification_returns_503(self):
        with mock.patch.object(password_verifier, 'TURN_SECONDS', 0):
            gate = self.strategy.verifier._gate
            with contextlib.ExitStack() as stack:
                for _ in range(gate.slots):
                    stack.enter_context(gate.enter())
                answer = self.api.request(
                    'GET', '/v1/functions', **self.credentials('ada', 'pw'))
        self.assertEqual((503, '1'), (answer.status_int,
                                      answer.headers['Retry-After']))
        self.check_fault(answer)
