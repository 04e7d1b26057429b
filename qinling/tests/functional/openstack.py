# SPDX-License-Identifier: Apache-2.0
"""Small OpenStack: Keystone, Swift, and a Qinling server."""

import contextlib
from importlib import metadata
import io
import sqlite3
import zipfile

import fixtures

from qinling.tests.functional import base as servers
from qinling.tests.functional import keystone
from qinling.tests.functional import swift
from qinling.tests.functional import test_keystone

#: keystoneauth1 and the dependencies.
LIBRARIES = ('keystoneauth1', 'requests', 'urllib3', 'certifi', 'idna',
             'charset-normalizer', 'stevedore', 'os-service-types', 'iso8601',
             'typing-extensions', 'pbr')
SUFFIXES = ('.py', '.pem', '.json', '.txt', '')


def package_with_libraries(code):
    """Return the bytes of a package with code and keystoneauth1, as from pip.
    """
    buffer = io.BytesIO(servers.package(code))
    with zipfile.ZipFile(buffer, 'a', zipfile.ZIP_DEFLATED) as archive:
        for name in LIBRARIES:
            for path in metadata.distribution(name).files:
                if path.suffix in SUFFIXES and '..' not in path.parts:
                    archive.write(path.locate(), str(path))
    return buffer.getvalue()


def update_database(path, statement, values):
    """Change a database behind the back of the owner."""
    with contextlib.closing(sqlite3.connect(path, timeout=30)) as database:
        database.execute(statement, values)
        database.commit()


class OpenStack(fixtures.Fixture):
    """Standalone server, ``server``, with Keystone and Swift.

    ``identity`` is the Keystone, ``swift`` the registered Swift.
    """

    def __init__(self, expiration=3600, **config):
        super().__init__()
        self._expiration = expiration
        self._config = config

    def _setUp(self):
        self.identity = self.useFixture(
            keystone.Keystone(self._expiration))
        self.swift = self.useFixture(swift.Swift(self.identity))
        config = test_keystone.options(self.identity)
        config['process'] = {'allow_network': True}
        # Cached tokens stay valid while Keystone is down.
        config['keystone_authtoken']['token_cache_time'] = 300
        for group, options in self._config.items():
            config.setdefault(group, {}).update(options)
        self.server = self.useFixture(servers.Standalone(**config))

    def create_client(self, *roles, project=None):
        """Return a new account and a client of the account."""
        account = self.identity.user(
            project or self.identity.project(), *(roles or ['member']))
        return account, servers.Client(
            self.server.client.url, test_keystone.headers(account))

    def trusts(self):
        """Return Keystone's trusts for the service."""
        service = self.identity.service
        return service.session().get(
            f'{self.identity.url}/OS-TRUST/trusts',
            params={'trustee_user_id': service.user_id}).json()['trusts']

    def url(self, account):
        """Return the URL of an account in Swift."""
        return f'{self.swift.url}/v1/AUTH_{account.project_id}'

    def upload(self, account, code, name='main.zip'):
        """Put a package into an account's container ``code``; return the
        bytes.
        """
        url, data = f'{self.url(account)}/code', servers.package(code)
        account.session().put(url)
        account.session().put(f'{url}/{name}', data=data)
        return data
