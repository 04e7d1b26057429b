# SPDX-License-Identifier: Apache-2.0
"""Process drivers for tests, with each kind of isolation."""

import socket
from unittest import mock

import fixtures
from oslo_config import cfg

from qinling.conf import process as options
from qinling.orchestrators import process
from qinling.orchestrators.process import languages
from qinling.orchestrators.process import sandbox_backends
from qinling.tests.unit.runtimes import agents

MIB = agents.MIB


def config(**values):
    """Return a configuration with the options of the process orchestrator."""
    conf = cfg.ConfigOpts()
    conf.register_opts(options.OPTS, group=options.GROUP)
    conf([], project='qinling', default_config_files=[])
    for name, value in values.items():
        conf.set_override(name, value, group=options.GROUP)
    return conf


OTHER_IMAGE = languages.Language(
    'python', 'python.py', arguments=('-I', '-S', '-u', '-B'),
    memory_reserve=1 << 30, memory_slack=32 << 20)


class ProcessDriverMixin:
    """Mixin that creates drivers with a single launcher.

    ``launcher`` is the name of the launcher; without support on the machine
    the test is skipped with the reason.
    """

    launcher = None
    network_options = {'allow_network': True}
    images = ('python3', 'python3-other')

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.MonkeyPatch(
            'qinling.orchestrators.process.languages.LANGUAGES',
            dict(languages.LANGUAGES,
                 **{'python3-other': OTHER_IMAGE})))

    def make_driver(self, directory=None, **values):
        values.setdefault('pool_size', 1)
        values.setdefault('start_timeout', agents.PATIENCE)
        isolation = 'none' if self.launcher == 'none' else 'auto'
        list_candidates = sandbox_backends.list_candidates
        with mock.patch.object(
                sandbox_backends, 'list_candidates', lambda *arguments: [
                    candidate for candidate in list_candidates(*arguments)
                    if candidate.name == self.launcher]):
            try:
                driver = process.Driver(
                    config(isolation=isolation, **values),
                    directory or self.useFixture(fixtures.TempDir()).path)
            except process.driver.exception.PermanentError as error:
                if isolation == 'none':
                    raise
                self.skipTest(str(error))
        self.addCleanup(driver.close)
        return driver

    def wait_until(self, condition):
        self.assertTrue(agents.wait_until(condition))

    def connect(self, worker):
        client = agents.Client(worker.address.removeprefix('unix:'),
                               worker.secret)
        self.addCleanup(client.close)
        return client

    def ping(self, worker):
        self.assertEqual(b'pong', self.connect(worker).call(
            'GET', '/ping').body)

    def has_network(self, worker):
        """Return whether a worker reaches services of the machine."""
        with socket.create_server(('127.0.0.1', 0)) as server:
            _client, result = self.run_function(
                worker, 'hostile', 'connect', server.getsockname()[1])
        return result['output'] is None

    def image(self, worker):
        """Return the image of a worker, recognized by a flag of Python."""
        client = self.connect(worker)
        client.load(agents.zipped({'main.py': (
            'import sys\ndef main(): return sys.dont_write_bytecode\n')}))
        return self.images[client.execute()['output']]

    def run_function(self, worker, name, entry, *args, **settings):
        """Load a function into a claimed worker and execute the function.

        :returns: the client and the result.
        """
        client = self.connect(worker)
        timeout = settings.pop('timeout', agents.PATIENCE)
        reply = client.load(agents.package(name), entry=f'main.{entry}',
                            **settings)
        self.assertEqual(200, reply.status, reply.body)
        return client, client.execute(*args, timeout=timeout)
