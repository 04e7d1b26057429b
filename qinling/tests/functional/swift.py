# SPDX-License-Identifier: Apache-2.0
"""Real Swift: proxy, account, container and object servers."""

import os
import pathlib
import subprocess
import unittest

import fixtures

from qinling.tests.functional import base
from qinling.tests.functional import environments
from qinling.tests import ports

REQUIREMENTS = ('swift>=2.35.0', 'keystonemiddleware>=10.6.0',
                'setuptools<81')
#: A key pair for its S3 side, of an account of its own.
ACCESS_KEY, SECRET_KEY = 's3:tester', 'testing'
SWIFT = '''[swift-hash]
swift_hash_path_suffix = tests
'''
BACKEND = '''[DEFAULT]
devices = {state}/devices
mount_check = false
swift_dir = {state}
log_name = {kind}
[app:main]
use = egg:swift#{kind}
allow_versions = true
'''
PROXY = '''[DEFAULT]
swift_dir = {state}
log_name = proxy
[pipeline:main]
pipeline = catch_errors cache {filters} slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true
node_timeout = 30
conn_timeout = 5
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:1
[filter:s3api]
use = egg:swift#s3api
s3_acl = false
[filter:tempauth]
use = egg:swift#tempauth
reseller_prefix = S3
user_s3_tester = testing .admin
[filter:slo]
use = egg:swift#slo
'''
KEYSTONE = '''[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
www_authenticate_uri = {account.url}
auth_url = {account.url}
auth_type = password
username = {account.username}
password = {account.password}
user_domain_id = default
project_domain_id = default
project_name = {account.project_name}
delay_auth_decision = true
service_token_roles_required = true
token_cache_time = -1
[filter:keystoneauth]
use = egg:swift#keystoneauth
operator_roles = admin, member
'''
# All four servers in one process: each takes any free port before the
# rings, which name the ports, are created.
SERVER = '''
import sys
from swift.common import utils
utils.eventlet_monkey_patch()
import eventlet
from eventlet import wsgi
state, port = sys.argv[1], int(sys.argv[2])
utils.set_swift_dir(state)
utils.validate_hash_conf()
from swift.common.ring.builder import RingBuilder
from swift.common.wsgi import loadapp
logger = utils.NullLogger()
def serve(kind, port=0):
    listener = eventlet.listen(('127.0.0.1', port))
    app = loadapp(state + '/' + kind + '.conf', global_conf={})
    eventlet.spawn(wsgi.server, listener, app, logger)
    return listener.getsockname()[1]
for kind in ('account', 'container', 'object'):
    ring = RingBuilder(1, 1, 1)
    ring.add_dev({'region': 1, 'zone': 1, 'ip': '127.0.0.1', 'weight': 1,
                  'port': serve(kind), 'device': 'd1', 'meta': ''})
    ring.rebalance()
    ring.get_ring().save(state + '/' + kind + '.ring.gz')
print('Serving at port %d.' % serve('proxy', port), flush=True)
while True:
    eventlet.sleep(3600)
'''


class Swift(fixtures.Fixture):
    """Swift on a separate port, ``url``.

    :param keystone: a :class:`~qinling.tests.functional.keystone.Keystone` for
        the accounts; Swift is added to the catalog. Without Keystone the
        server speaks S3, with the keys of the module.
    """

    def __init__(self, keystone=None):
        super().__init__()
        self._keystone = keystone

    def _setUp(self):
        self._venv = self.useFixture(environments.Environment(
            'swift', *REQUIREMENTS)).directory
        self.state = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        (self.state / 'devices' / 'd1').mkdir(parents=True)
        _need_attributes(self.state)
        self._configure()
        self._log = self.state / 'server.log'
        self._port = ports.free()
        self.addCleanup(self.stop)
        self.start()
        if self._keystone is not None:
            self._keystone.register(
                'object-store', f'{self.url}/v1/AUTH_%(tenant_id)s',
                name='swift')

    def _configure(self):
        (self.state / 'swift.conf').write_text(SWIFT)
        for kind in ('account', 'container', 'object'):
            (self.state / f'{kind}.conf').write_text(
                BACKEND.format(state=self.state, kind=kind))
        proxy = PROXY
        if self._keystone is not None:
            proxy += KEYSTONE
        (self.state / 'proxy.conf').write_text(proxy.format(
            state=self.state,
            account=self._keystone and self._keystone.service,
            filters='authtoken keystoneauth' if self._keystone
            else 's3api tempauth'))

    def start(self):
        """Serve, also after a stop; then at the same port."""
        with self._log.open('wb') as log:
            self._process = subprocess.Popen(
                [str(self._venv / 'bin' / 'python'), '-c', SERVER,
                 str(self.state), str(self._port)], stdout=log,
                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        base.wait_for(self._serving, 'Swift')
        self.url = f'http://127.0.0.1:{self._port}'

    def stop(self):
        """Kill the server as a crash does."""
        self._process.kill()
        self._process.wait()

    def _serving(self):
        text = self._log.read_text()
        assert self._process.poll() is None, text
        return f'Serving at port {self._port}.' in text


def _need_attributes(directory):
    """Check for extended file attributes, where Swift stores metadata."""
    try:
        os.setxattr(directory, 'user.qinling', b'tests')
    except OSError as e:
        raise unittest.SkipTest(
            f'The directory of temporary files has no attributes: {e}')
