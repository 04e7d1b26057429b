# SPDX-License-Identifier: Apache-2.0
"""Tests of the endpoint and the authentication of the shell."""

import os
import pathlib

import fixtures
from oslotest import base

from qinling.client import exceptions
from qinling.client import shell

#: File clouds.yaml of a user.
CLOUDS = """\
clouds:
  lone:
    auth_type: none
    auth:
      endpoint: http://lone.test
  keystone:
    auth:
      auth_url: http://keystone.test/v3
      username: ada
      password: secret
      project_name: demo
      user_domain_name: Default
      project_domain_name: Default
    region_name: north
    interface: internal
"""


class TestAccess(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        for name in os.environ:
            if name.startswith(('OS_', 'QINLING_')) or name.lower(
                    ).endswith('_proxy'):
                self.useFixture(fixtures.EnvironmentVariable(name))
        home = self.useFixture(fixtures.TempDir()).path
        path = pathlib.Path(home) / 'clouds.yaml'
        path.write_text(CLOUDS)
        self.setenv('OS_CLIENT_CONFIG_FILE', str(path))

    def setenv(self, name, value):
        self.useFixture(fixtures.EnvironmentVariable(name, value))

    def sender(self, *words):
        """Return the sender of the requests of a command."""
        app = shell.Shell(list(words))
        app.options = app.parser.parse_args(words)
        app.initialize_app([])
        client = app.client_manager.function_engine
        return client.runtimes._transport._sender

    def adapter(self, *words):
        """Return the adapter of keystoneauth1 of a command."""
        return self.sender(*words).adapter

    def test_default_endpoint(self):
        self.assertEqual('http://127.0.0.1:7070', self.sender().endpoint)

    def test_proxy(self):
        """Prove that requests through proxies use the other sender."""
        self.setenv('http_proxy', 'http://proxy.test')
        self.assertEqual('http://127.0.0.1:7070',
                         self.adapter().get_endpoint())

    def test_url(self):
        self.setenv('QINLING_URL', 'http://a.test')
        self.assertEqual('http://a.test', self.sender().endpoint)
        self.assertEqual('http://b.test', self.sender(
            '--qinling-url', 'http://b.test').endpoint)

    def test_endpoint_without_authentication(self):
        self.setenv('OS_AUTH_TYPE', 'none')
        self.setenv('OS_ENDPOINT', 'http://a.test')
        self.assertEqual('http://a.test', self.sender().endpoint)
        self.assertEqual('http://b.test', self.sender(
            '--os-endpoint=http://b.test').endpoint)

    def test_http_basic(self):
        words = ('--os-auth-type', 'http_basic', '--os-username', 'ada',
                 '--os-password', 'b')
        sender = self.sender(*words)
        self.assertEqual('http://127.0.0.1:7070', sender.endpoint)
        self.assertEqual('Basic YWRhOmI=', sender.headers['authorization'])
        self.setenv('HTTP_PROXY', 'http://proxy.test')
        self.assertEqual({'Authorization': 'Basic YWRhOmI='},
                         self.adapter(*words).session.get_auth_headers())

    def test_keystone_of_the_environment(self):
        for name, value in (('AUTH_URL', 'http://keystone.test/v3'),
                            ('USERNAME', 'ada'), ('PASSWORD', 'secret'),
                            ('REGION_NAME', 'south')):
            self.setenv(f'OS_{name}', value)
        adapter = self.adapter()
        self.assertIsNone(adapter.endpoint_override)
        self.assertEqual('http://keystone.test/v3',
                         adapter.session.auth.auth_url)
        self.assertEqual(('south', 'public', 'function-engine'), (
            adapter.region_name, adapter.interface, adapter.service_type))
        self.assertEqual('http://a.test', self.adapter(
            '--qinling-url', 'http://a.test').endpoint_override)

    def test_clouds(self):
        self.assertEqual('http://lone.test', self.adapter(
            '--os-cloud', 'lone').get_endpoint())
        adapter = self.adapter('--os-cloud', 'keystone')
        self.assertEqual(('north', 'internal'),
                         (adapter.region_name, adapter.interface))
        self.assertIsNone(adapter.endpoint_override)

    def test_certificates(self):
        words = ('--os-auth-type', 'admin_token', '--os-token', 't',
                 '--os-endpoint', 'http://a.test')
        for find, options in (
                (lambda *words: self.sender(*words).verify, ()),
                (lambda *words: self.adapter(*words).session.verify, words)):
            self.assertIs(True, find(*options))
            self.assertIs(False, find(*options, '--insecure'))
            self.assertEqual('ca.pem', find(
                *options, '--os-cacert', 'ca.pem'))

    def test_mistakes(self):
        error = self.assertRaises(exceptions.ClientError, self.adapter,
                                  '--os-cloud', 'nine')
        self.assertIn('nine', str(error))
        error = self.assertRaises(exceptions.ClientError, self.adapter,
                                  '--os-auth-type', 'password')
        self.assertIn('auth_url', str(error))
        self.assertRaises(SystemExit, self.adapter, '--os-auth-type', 'none-')
