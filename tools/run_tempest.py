# SPDX-License-Identifier: Apache-2.0
"""Run tempest with the plugin of Qinling against a cloud on this machine.

The cloud consists of Keystone, and of ``qinling-api`` and ``qinling-engine``
over a database and a message bus, or of the standalone server on a machine
without both.  Writes the results as a subunit stream: a single skipped test
if Keystone or tempest cannot be installed.
"""

import argparse
import pathlib
import subprocess
import sys
import typing
import unittest

import fixtures
import subunit

from qinling.tests.functional import base
from qinling.tests.functional import environments
from qinling.tests.functional import keystone

PLUGIN = 'qinling_tempest_plugin'
REQUIREMENTS = ('tempest>=43.0.0',)
#: Services that tempest expects by default.
ABSENT_SERVICES = ('cinder', 'glance', 'neutron', 'nova', 'swift', 'horizon')
DOMAIN = 'Default'


def install_plugin(venv: pathlib.Path) -> None:
    """Install the plugin, without the requirements of the service."""
    environments.install(venv / 'bin' / 'python', '--no-deps', '--editable',
                         environments.CHECKOUT)


def build_config(identity: keystone.Keystone, directory: pathlib.Path
                 ) -> dict[str, dict[str, typing.Any]]:
    """Return the configuration of tempest."""
    admin = identity.admin
    return {
        'DEFAULT': {'log_file': directory / 'tempest.log'},
        'auth': {'admin_username': admin.username,
                 'admin_password': admin.password,
                 'admin_project_name': admin.project_name,
                 'admin_domain_name': DOMAIN, 'tempest_roles': 'member',
                 'use_dynamic_credentials': True},
        'identity': {'uri_v3': identity.url, 'auth_version': 'v3',
                     'region': keystone.REGION},
        'oslo_concurrency': {'lock_path': directory / 'locks'},
        'service_available': dict(
            {name: False for name in ABSENT_SERVICES}, qinling=True),
    }


class Cloud(fixtures.Fixture):
    """Keystone, as ``identity``, with a Qinling service in the catalog."""

    def _setUp(self) -> None:
        self.identity = self.useFixture(keystone.Keystone())
        config = {'api': {'auth_strategy': 'keystone'},
                  'keystone_authtoken': self.identity.service.options()}
        server: base.Cloud | base.Standalone
        try:
            server = self.useFixture(base.Cloud(
                headers={'X-Auth-Token': self.identity.admin.token()},
                **config))
        except (unittest.SkipTest, fixtures.MultipleExceptions) as e:
            if not find_skip_reason(e):
                raise
            print(f'{find_skip_reason(e)} Using the standalone server.')
            server = self.useFixture(base.Standalone(**config))
        self.identity.register('function-engine', server.client.url)


def find_skip_reason(error: BaseException) -> str | None:
    """Return why this machine cannot provide a fixture."""
    if isinstance(error, fixtures.MultipleExceptions):
        error = error.args[0][1]
    return str(error) if isinstance(error, unittest.SkipTest) else None


def run(stream: typing.BinaryIO, words: list[str]) -> int:
    """Run the tests, and return the exit code of tempest.

    :raises SkipTest: if a requirement cannot be installed.
    """
    with fixtures.TempDir() as scratch, environments.Environment(
            'tempest', *REQUIREMENTS, prepare=install_plugin
            ) as tempest, Cloud() as cloud:
        directory = pathlib.Path(scratch.path)
        config = directory / 'tempest.conf'
        config.write_text(base.ini(build_config(cloud.identity, directory)))
        process = subprocess.run(
            [tempest.bin / 'tempest', 'run', '--config-file', config,
             '--subunit', *words], cwd=directory, stdout=stream,
            stdin=subprocess.DEVNULL, env=dict(
                environments.environment(),
                PYTHON=str(tempest.bin / 'python')))
        return process.returncode


def write_skip(stream: typing.BinaryIO, reason: str) -> None:
    """Write one skipped test to the stream."""
    result = subunit.StreamResultToBytes(stream)
    result.status(test_id=PLUGIN, test_status='inprogress')
    result.status(test_id=PLUGIN, file_name='reason', eof=True,
                  file_bytes=reason.encode(), mime_type='text/plain')
    result.status(test_id=PLUGIN, test_status='skip')


def main(words: list[str]) -> int:
    """Run the tests of the command line, and return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog='Words after -- are arguments of tempest run.')
    parser.add_argument('stream', type=pathlib.Path,
                        help='file for the subunit stream')
    parser.add_argument('words', nargs='*', default=['--regex', PLUGIN],
                        help='default: %(default)s')
    args = parser.parse_args(words)
    with args.stream.open('wb') as stream:
        try:
            return run(stream, args.words)
        except (unittest.SkipTest, fixtures.MultipleExceptions) as e:
            reason = find_skip_reason(e)
            if reason is None:
                raise
            write_skip(stream, reason)
            return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
