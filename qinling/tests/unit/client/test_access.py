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
            if name.startswith(('OS_', 'QINLING_')):
                self.useFixture(fixtures.EnvironmentVariable(name))
        home = self.useFixture(fixtures.TempDir()).path
        path = pathlib.Path(home) / 'clouds.yaml'
        path.write_text(CLOUDS)
        self.setenv('OS_CLIENT_CONFIG_FILE', str(path))

    def setenv(self, name, value):
        self.useFixture(fixtures.EnvironmentVariable(name, value))

    def adapter(self, *words):
        """Return the adapter that sends the requests of a command."""
        app = shell.Shell(list(words))
        app.options = app.parser.parse_args(words)
        app.initialize_app([])
        client = app.client_manager.function_engine
        return client.runtimes._transport._adapter

    def test_default_endpoint(self):
        self.assertEqual('http://127.0.0.1:7070',
                         self.adapter().get_endpoint())

    def test_url(self):
        self.setenv('QINLING_URL', 'http://a.test')
        self.assertEqual('http://a.test', self.adapter().get_endpoint())
        self.assertEqual('http://b.test', self.adapter(
            '--qinling-url', 'http://b.test').get_endpoint())

    def test_endpoint_without_authentication(self):
        self.setenv('OS_AUTH_TYPE', 'none')
        self.setenv('OS_ENDPOINT', 'http://a.test')
        self.assertEqual('http://a.test', self.adapter().get_endpoint())

    def test_http_basic(self):
        adapter = self.adapter('--os-auth-type', 'http_basic',
                               '--os-username', 'ada', '--os-password', 'b')
        self.assertEqual('http://127.0.0.1:7070', adapter.get_endpoint())
        self.assertEqual({'Authorization': 'Basic YWRhOmI='},
                         adapter.session.get_auth_headers())

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
        self.assertIs(True, self.adapter().session.verify)
        self.assertIs(False, self.adapter('--insecure').session.verify)
        self.assertEqual('ca.pem', self.adapter(
            '--os-cacert', 'ca.pem').session.verify)

    def test_mistakes(self):
        error = self.assertRaises(exceptions.ClientError, self.adapter,
                                  '--os-cloud', 'nine')
        self.assertIn('nine', str(error))
        error = self.assertRaises(exceptions.ClientError, self.adapter,
                                  '--os-auth-type', 'password')
        self.assertIn('auth_url', str(error))
        self.assertRaises(SystemExit, self.adapter, '--os-auth-type', 'none-')
