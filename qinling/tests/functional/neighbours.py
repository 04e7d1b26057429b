# SPDX-License-Identifier: Apache-2.0
"""Engines of other services of OpenStack, in environments of their own."""

import configparser
import json
import pathlib
import subprocess

import fixtures

from qinling.heat import plugins
from qinling.tests.functional import base
from qinling.tests.functional import environments
from qinling.tests.functional import keystone

HERE = pathlib.Path(__file__).parent
CHECKOUT = environments.CHECKOUT


class Engine(fixtures.Fixture):
    """Program that answers lines of JSON with lines of JSON.

    :param name: of the environment and of ``<name>_program.py``.
    :param requirements: packages of the environment.
    :param config: groups of options; ``{state}`` is a directory.
    """

    def __init__(self, name, requirements, config):
        super().__init__()
        self._name = name
        self._requirements = requirements
        self._config = config

    def _setUp(self):
        python = self.useFixture(environments.Environment(
            self._name, *self._requirements)).bin / 'python'
        self.state = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        path = self.state / 'engine.conf'
        path.write_text(base.ini(self._config).replace(
            '{state}', str(self.state)))
        self.prepare()
        self._log = self.state / 'output'
        with self._log.open('wb') as output:
            self._process = subprocess.Popen(
                [python, HERE / f'{self._name}_program.py', path],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=output,
                text=True, env=dict(environments.environment(), PYTHONPATH=(
                    f'{self.state}:{CHECKOUT}')))
        self.addCleanup(self._stop)
        self._check({'ready': True})

    def prepare(self):
        """Write further files."""

    def _stop(self):
        self._process.kill()
        self._process.communicate()

    def _check(self, answer):
        assert self._read() == answer

    def _read(self):
        line = self._process.stdout.readline()
        assert line, self._log.read_text()
        return json.loads(line)

    def call(self, **request):
        """Return the answer to a request."""
        self._process.stdin.write(json.dumps(request) + '\n')
        self._process.stdin.flush()
        return self._read()


class Mistral(Engine):
    """Engine of Mistral that may call services on this machine."""

    def __init__(self):
        super().__init__('mistral', ['mistral>=23.0.0'], {
            'DEFAULT': {'transport_url': 'fake:/'},
            'database': {'connection': 'sqlite:///{state}/mistral.db'},
            'pecan': {'auth_enable': 'false'},
            'executor': {'type': 'local'}, 'notifier': {'type': 'local'},
            'legacy_action_provider': {'only_builtin_actions': 'true',
                                       'load_action_generators': 'false'},
            'action_std_http': {'denied_cidrs': ''}})


class Heat(Engine):
    """Engine of Heat with the plugin of this checkout.

    :param account: owner of the stacks, a
        :class:`~qinling.tests.functional.keystone.Account`.
    """

    def __init__(self, account):
        super().__init__('heat', ['openstack-heat>=27.0.0'], {
            'DEFAULT': {'plugin_dirs': plugins.__path__[0],
                        'deferred_auth_method': 'password',
                        'region_name_for_services': keystone.REGION,
                        'auth_encryption_key': '0123456789abcdef' * 2,
                        'environment_dir': '{state}/environment.d',
                        'error_wait_time': 1},
            'database': {'connection': 'sqlite:///{state}/heat.db'}})
        self._account = {
            'username': account.username, 'password': account.password,
            'user_id': account.user_id, 'auth_url': account.url,
            'tenant_id': account.project_id, 'tenant': account.project_name}

    def prepare(self):
        """Write the entry points of this checkout, as an installation does.
        """
        setup = configparser.ConfigParser()
        setup.read(CHECKOUT / 'setup.cfg')
        target = self.state / 'qinling-0.dist-info'
        target.mkdir()
        (target / 'METADATA').write_text(
            'Metadata-Version: 2.1\nName: qinling\nVersion: 0\n')
        (target / 'entry_points.txt').write_text(''.join(
            f'[{group}]\n{lines}\n' for group, lines
            in setup['options.entry_points'].items()
            if group.startswith('heat.')))

    def call(self, **request):
        """Return the state of a stack after an action."""
        return super().call(**request, account=self._account)
