# SPDX-License-Identifier: Apache-2.0
"""Runs tempest with our plugin against a cloud of this machine.

The cloud is a real Keystone, ``qinling-api`` and ``qinling-engine`` over a
database and a message bus where this machine has them, else the standalone
server.  What became of the tests is written as a subunit stream; where
Keystone or tempest cannot be installed, it is one test that is skipped.
"""

import argparse
import pathlib
import subprocess
import sys
import unittest

import fixtures
import subunit

from qinling.tests.functional import base
from qinling.tests.functional import environments
from qinling.tests.functional import keystone

PLUGIN = 'qinling_tempest_plugin'
REQUIREMENTS = ('tempest>=43.0.0',)
#: Services that tempest would look for.
OTHERS = ('cinder', 'glance', 'neutron', 'nova', 'swift', 'horizon')
DOMAIN = 'Default'


def install_plugin(venv):
    """The plugin needs nothing of what the service needs."""
    environments.run(
        venv / 'bin' / 'python', '-m', 'pip', 'install', '--quiet',
        '--no-deps', '--editable', environments.CHECKOUT)


def options(identity, directory):
    """The configuration of tempest."""
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
            {name: False for name in OTHERS}, qinling=True),
    }


class Cloud(fixtures.Fixture):
    """A Keystone, ``identity``, and a service in its catalog."""

    def _setUp(self):
        self.identity = self.useFixture(keystone.Keystone())
        config = {'api': {'auth_strategy': 'keystone'},
                  'keystone_authtoken': self.identity.service.options()}
        try:
            server = self.useFixture(base.Cloud(
                headers={'X-Auth-Token': self.identity.admin.token()},
                **config))
        except (unittest.SkipTest, fixtures.MultipleExceptions) as e:
            if not why_skipped(e):
                raise
            print(f'{why_skipped(e)} Using the standalone server.')
            server = self.useFixture(base.Standalone(**config))
        self.identity.register('function-engine', server.client.url)


def why_skipped(error):
    """Why a fixture cannot be had on this machine, if that is so."""
    if isinstance(error, fixtures.MultipleExceptions):
        error = error.args[0][1]
    return str(error) if isinstance(error, unittest.SkipTest) else None


def run(stream, words):
    """Run the tests; the exit code of tempest.

    :raises SkipTest: something cannot be installed here.
    """
    with fixtures.TempDir() as scratch, environments.Environment(
            'tempest', *REQUIREMENTS, prepare=install_plugin
            ) as tempest, Cloud() as cloud:
        directory = pathlib.Path(scratch.path)
        config = directory / 'tempest.conf'
        config.write_text(base.ini(options(cloud.identity, directory)))
        ran = subprocess.run(
            [tempest.bin / 'tempest', 'run', '--config-file', config,
             '--subunit', *words], cwd=directory, stdout=stream,
            stdin=subprocess.DEVNULL, env=dict(
                environments.environment(),
                PYTHON=str(tempest.bin / 'python')))
        return ran.returncode


def skip(stream, reason):
    """Write that nothing was tested."""
    result = subunit.StreamResultToBytes(stream)
    result.status(test_id=PLUGIN, test_status='inprogress')
    result.status(test_id=PLUGIN, file_name='reason', eof=True,
                  file_bytes=reason.encode(), mime_type='text/plain')
    result.status(test_id=PLUGIN, test_status='skip')


def main(words):
    """Read the command line and run the tests."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog='What follows -- goes to tempest run.')
    parser.add_argument('stream', type=pathlib.Path,
                        help='where to write the subunit stream')
    parser.add_argument('words', nargs='*', default=['--regex', PLUGIN],
                        help='default: %(default)s')
    args = parser.parse_args(words)
    with args.stream.open('wb') as stream:
        try:
            return run(stream, args.words)
        except (unittest.SkipTest, fixtures.MultipleExceptions) as e:
            if not why_skipped(e):
                raise
            skip(stream, why_skipped(e))
            return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
