# SPDX-License-Identifier: Apache-2.0
"""Real Keystone with accounts."""

import dataclasses
import os
import pathlib
import shutil
import uuid

import fixtures
from keystoneauth1.identity import v3
from keystoneauth1 import session

from qinling.tests.functional import base
from qinling.tests.functional import environments
from qinling.tests.functional import preloaded
from qinling.tests import ports

REQUIREMENTS = ('keystone>=27.0.0', 'cheroot>=10.0.0')
REGION = 'RegionOne'
#: Where the bootstrapped state is kept, below the environment.
TEMPLATE = 'bootstrapped'
CONF = '''[DEFAULT]
log_file = {state}/keystone.log
[database]
connection = sqlite:///{state}/keystone.db
[fernet_tokens]
key_repository = {state}/fernet
[fernet_receipts]
key_repository = {state}/fernet
[credential]
key_repository = {state}/credential
[identity]
# Passwords of tests are no secrets, and logging in is to be fast.
password_hash_rounds = 4
[token]
expiration = {expiration}
'''
#: What :mod:`.keystone_program` needs, imported once for all Keystones.
MODULES = ('keystone.server.flask.application', 'keystone.server.wsgi')


@dataclasses.dataclass(frozen=True)
class Account:
    """Account in a project."""

    url: str
    username: str
    password: str
    user_id: str
    project_name: str
    project_id: str

    def session(self):
        """Return a keystoneauth session, which logs in at the first request.
        """
        return session.Session(auth=v3.Password(
            auth_url=self.url, username=self.username,
            password=self.password, user_domain_id='default',
            project_id=self.project_id))

    def token(self):
        """Return a fresh token."""
        return self.session().get_token()

    def environ(self):
        """Return the variables of an openrc file."""
        return {'OS_AUTH_URL': self.url, 'OS_USERNAME': self.username,
                'OS_PASSWORD': self.password,
                'OS_PROJECT_NAME': self.project_name,
                'OS_USER_DOMAIN_ID': 'default',
                'OS_PROJECT_DOMAIN_ID': 'default',
                'OS_REGION_NAME': REGION, 'OS_IDENTITY_API_VERSION': '3'}

    def options(self):
        """Return the same as options of keystoneauth in a configuration file.
        """
        return {'auth_type': 'password', 'auth_url': self.url,
                'username': self.username, 'password': self.password,
                'project_name': self.project_name,
                'user_domain_id': 'default', 'project_domain_id': 'default'}


class Keystone(fixtures.Fixture):
    """Keystone on a separate port, started within about two seconds.

    ``url`` ends with ``/v3``; ``admin`` is the :class:`Account` of the
    operator and ``service`` the account of Qinling, with the right to validate
    tokens.

    :param expiration: seconds of validity of a token.
    """

    def __init__(self, expiration=3600):
        super().__init__()
        self._expiration = expiration

    def _setUp(self):
        self._venv = self.useFixture(environments.Environment(
            'keystone', *REQUIREMENTS, prepare=_bootstrap)).directory
        self.state = pathlib.Path(self.useFixture(
            fixtures.TempDir()).path) / 'keystone'
        shutil.copytree(self._venv / TEMPLATE, self.state)
        _configure(self.state, self._expiration)
        self._log = self.state / 'server.log'
        self._port = ports.free()
        self.url = f'http://127.0.0.1:{self._port}/v3'
        self.addCleanup(self.stop)
        self.start()
        self._load_admin()
        self._move_endpoints()
        self.service = self.user(
            self.project('service'), 'service', name='qinling')

    def start(self):
        """Serve, also after a stop; then at the same port."""
        environ = environments.environment()
        launcher = preloaded.launcher(self._venv / 'bin' / 'python', MODULES)
        with self._log.open('wb') as log:
            self._process = launcher.start(
                'qinling.tests.functional.keystone_program', [str(self._port)],
                log, dict(environ, OS_KEYSTONE_CONFIG_DIR=str(self.state)))
        base.wait_for(self._serving, 'Keystone')

    def stop(self):
        """Kill the server as a crash does."""
        self._process.kill()
        self._process.wait()

    def _serving(self):
        ended = self._process.poll() is not None
        text = self._log.read_text()
        assert not ended, text
        return 'Serving.' in text

    def _load_admin(self):
        self.admin = Account(self.url, 'admin', 'admin', '', 'admin', '')
        self._session = session.Session(auth=v3.Password(
            auth_url=self.url, username='admin', password='admin',
            user_domain_id='default', project_name='admin',
            project_domain_id='default'))
        self.admin = dataclasses.replace(
            self.admin, user_id=self._session.get_user_id(),
            project_id=self._session.get_project_id())

    def _move_endpoints(self):
        """Replace the port of the template in the endpoints of Keystone."""
        for endpoint in self.call('GET', '/endpoints')['endpoints']:
            self.call('PATCH', f'/endpoints/{endpoint["id"]}',
                      endpoint={'url': self.url})

    def call(self, method, path, **body):
        """Return the decoded answer of the identity API to the operator."""
        answer = self._session.request(
            self.url + path, method, json=body or None,
            headers={'Accept': 'application/json'})
        return answer.json() if answer.content else None

    def register(self, type, url, name=None):
        """Put a service into the catalog.

        :returns: the id of the service.
        """
        service = self.call('POST', '/services', service={
            'type': type, 'name': name or type})['service']['id']
        for interface in ('public', 'internal', 'admin'):
            self.call('POST', '/endpoints', endpoint={
                'service_id': service, 'interface': interface, 'url': url,
                'region_id': REGION})
        return service

    def project(self, name=None):
        """Return a new project as a :class:`dict`."""
        return self.call('POST', '/projects', project={
            'name': name or f'project-{uuid.uuid4().hex[:8]}',
            'domain_id': 'default'})['project']

    def user(self, project, *roles, name=None):
        """Return the :class:`Account` of a new user.

        :param project: the result of :meth:`project`.
        :param roles: names of the roles in the project.
        """
        name = name or f'user-{uuid.uuid4().hex[:8]}'
        password = uuid.uuid4().hex
        user = self.call('POST', '/users', user={
            'name': name, 'password': password,
            'domain_id': 'default'})['user']
        for role in roles:
            self.grant(project['id'], user['id'], role)
        return Account(self.url, name, password, user['id'],
                       project['name'], project['id'])

    def grant(self, project_id, user_id, role):
        """Give a user a role in a project."""
        self._assignment('PUT', project_id, user_id, role)

    def revoke(self, project_id, user_id, role):
        """Take a role in a project from a user."""
        self._assignment('DELETE', project_id, user_id, role)

    def _assignment(self, method, project_id, user_id, role):
        id = self.call('GET', f'/roles?name={role}')['roles'][0]['id']
        self.call(method,
                  f'/projects/{project_id}/users/{user_id}/roles/{id}')


def _configure(state, expiration=3600):
    (state / 'keystone.conf').write_text(
        CONF.format(state=state, expiration=expiration))


def _bootstrap(venv):
    """Create the parts common to all Keystones: schema, keys, operator, roles.
    """
    state = venv / TEMPLATE
    state.mkdir()
    _configure(state)
    for name in ('fernet', 'credential'):
        (state / name).mkdir(mode=0o700)
    owner = ['--keystone-user', str(os.getuid()),
             '--keystone-group', str(os.getgid())]
    for words in (
            ['db_sync'], ['fernet_setup', *owner],
            ['credential_setup', *owner],
            ['bootstrap', '--bootstrap-username', 'admin',
             '--bootstrap-password', 'admin',
             '--bootstrap-project-name', 'admin',
             '--bootstrap-role-name', 'admin',
             '--bootstrap-service-name', 'keystone',
             '--bootstrap-region-id', REGION,
             '--bootstrap-admin-url', 'http://127.0.0.1:1/v3',
             '--bootstrap-internal-url', 'http://127.0.0.1:1/v3',
             '--bootstrap-public-url', 'http://127.0.0.1:1/v3']):
        environments.run(
            venv / 'bin' / 'keystone-manage', '--config-file',
            state / 'keystone.conf', *words,
            OS_KEYSTONE_CONFIG_DIR=str(state))
