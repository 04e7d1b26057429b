#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

"""Process drivers for tests, with each way of isolation."""

import os
from unittest import mock

import fixtures
from oslo_config import cfg

from qinling.conf import process as options
from qinling.orchestrators import process
from qinling.orchestrators.process import languages
from qinling.orchestrators.process import launchers
from qinling.tests.unit.runtimes import agents

MIB = agents.MIB


def descendants(pid):
    """The pids of all processes below one."""
    found = []
    try:
        for thread in os.listdir('/proc/%d/task' % pid):
            with open('/proc/%d/task/%s/children' % (pid, thread)) as source:
                for child in map(int, source.read().split()):
                    found += [child, *descendants(child)]
    except (FileNotFoundError, ProcessLookupError):
        pass
    return found


def config(**values):
    """A configuration with the options of the process orchestrator."""
    conf = cfg.ConfigOpts()
    conf.register_opts(options.OPTS, group=options.GROUP)
    conf([], project='qinling', default_config_files=[])
    for name, value in values.items():
        conf.set_override(name, value, group=options.GROUP)
    return conf


class ProcessDriverMixin:
    """Makes drivers that use one launcher only.

    ``launcher`` is its name; a machine that refuses it skips the test and
    says why.
    """

    launcher = None
    images = ('python3', 'python3-other')

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.MonkeyPatch(
            'qinling.orchestrators.process.languages.BOOTSTRAPS',
            dict(languages.BOOTSTRAPS,
                 **{'python3-other': self._other_image})))

    @staticmethod
    def _other_image(interpreter, directory):
        return languages._python(interpreter, directory) + ['other']

    def make_driver(self, directory=None, **values):
        values.setdefault('pool_size', 1)
        isolation = 'none' if self.launcher == 'none' else 'strict'
        every = launchers.candidates
        with mock.patch.object(launchers, 'candidates', lambda *arguments: [
                each for each in every(*arguments)
                if each.name == self.launcher]):
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

    def image(self, worker):
        """Which image a worker was made of: told by its command."""
        pid = self.connect(worker).status()['executors'][0]['pid']
        # Its pid is that inside of its sandbox.
        for each in descendants(os.getpid()):
            with open('/proc/%d/status' % each) as source:
                numbers = dict(line.split(':', 1) for line in source)
            if numbers['NSpid'].split()[-1] == str(pid) \
                    and self._is_of(each, worker):
                with open('/proc/%d/cmdline' % each) as source:
                    words = source.read().split('\0')
                return self.images['other' in words]
        raise AssertionError('the executor of %r is not found' % worker)
