# SPDX-License-Identifier: Apache-2.0
"""Tests that functions do not inherit from the agent, in each isolation."""

import collections
import json
import os
import re
import signal

import fixtures
from oslotest import base

from qinling.orchestrators import base as orchestrators
from qinling.orchestrators.process import confinement
from qinling.orchestrators.process import languages
from qinling.orchestrators.process import sandbox_backends
from qinling.tests.contracts import process_drivers
from qinling.tests.functional import processes
from qinling.tests.unit.runtimes import agents
from qinling.tests.unit.runtimes import workers

STANDARD = ['/dev/null', 'pipe', 'pipe']
#: The channel; Python also has a copy of the log, to restore the log.
OWN = {'python3': STANDARD + ['pipe', 'socket'],
       'nodejs': STANDARD + ['socket']}
#: Internal objects of the event loop.
NODEJS_LOOP = ('anon_inode:[eventpoll]', 'anon_inode:[eventfd]',
               'anon_inode:[io_uring]')


class Inheritance(process_drivers.ProcessDriverMixin):
    """Open descriptors, environment and view of the agent, by language."""

    protected = True  # from processes of the same user

    def look(self, image):
        """Return what a function of the language sees in its process.

        The first executor of a worker and the later ones are separate cases.
        """
        if image not in workers.images():
            self.skipTest('This machine has no %s.' % image)
        driver = self.make_driver()
        driver.ensure_pool(orchestrators.RuntimeSpec('r', image))
        worker = driver.claim('r', orchestrators.FunctionKey('f'),
                              orchestrators.Limits(1000, 64 * agents.MIB, 1))
        client = self.connect(worker)
        reply = client.load(workers.package('descriptors', image), slots=1)
        self.assertEqual(200, reply.status, reply.body)
        first = client.execute()
        self.assertEqual('success', first['status'], first)
        self.kill_executors(driver, worker,
                            languages.LANGUAGES[image].bootstrap)
        self.worker = worker
        return first['output'], self.execute_again(client)

    def execute_again(self, client):
        """Return the output of the next executor.

        Threads of a killed process may end after its main thread, and the
        agent notices the last one.
        """
        results = []

        def succeeds():
            results.append(client.execute())
            return results[-1]['status'] == 'success'

        self.wait_until(succeeds)
        return results[-1]['output']

    def kill_executors(self, driver, worker, bootstrap):
        """Kill the executors of a worker, so that another one starts."""
        process = driver._claimed[worker.name][1]
        pids = [pid for pid in processes.descendants(process._popen.pid)
                if f'/{bootstrap}\0' in command_line(pid)]
        self.assertEqual(1, len(pids))
        os.kill(pids[0], signal.SIGKILL)
        self.wait_until(lambda: not agents.alive(pids[0]))

    def check_own(self, image, links):
        links = [link for link in links if link not in NODEJS_LOOP]
        if image == 'nodejs':
            # Both ends of the pipes of the event loop are in the process.
            pairs = collections.Counter(
                link for link in links if link.startswith('pipe:'))
            links = [link for link in links
                     if pairs[link] != 2 or link == links[1]]
        self.assertEqual(OWN[image], sorted(kinds(links)))

    def check_environment(self, names):
        self.assertEqual(set(), {
            name for name in names
            if name.startswith(('QINLING', 'PYTEST', 'OS_', 'VIRTUAL'))})

    def check_agent(self, errors):
        if self.protected:
            self.assertEqual({'PermissionError'}, set(errors.values()),
                             errors)
        self.assertNotIn(self.worker.secret, str(errors['environ']))

    def test_python(self):
        for view in self.look('python3'):
            self.check_own('python3', view['own'])
            self.assertEqual(['/dev/null', 'pipe', 'pipe'],
                             sorted(kinds(json.loads(view['child']))))
            # The pipe of the test itself has two ends.
            self.assertEqual(
                ['/dev/null', 'pipe', 'pipe'],
                sorted(kinds(json.loads(view['executed']))))
            self.check_environment(view['environment'])
            self.check_agent(view['agent'])

    def test_nodejs(self):
        for view in self.look('nodejs'):
            self.check_own('nodejs', view['own'])
            # Node.js connects children by pairs of sockets.
            self.assertEqual(
                3, kinds(json.loads(view['child'])).count('socket'))
            self.check_environment(view['environment'])
            self.check_agent(view['agent'])

    def test_command(self):
        for view in self.look('command'):
            self.assertEqual(
                ['directory', 'pipe', 'pipe', 'pipe'],
                sorted(kinds(view['own'])))
            self.check_environment(view['environment'].split(','))


def command_line(pid):
    """Return the words of a process, each ended by NUL."""
    try:
        with open(f'/proc/{pid}/cmdline') as words:
            return words.read()
    except FileNotFoundError:
        return ''


def kinds(links):
    """Return the kinds of the targets of descriptors."""
    return [re.sub(r'^/proc/.*', 'directory', link.split(':')[0])
            for link in links]


class TestBubblewrap(Inheritance, base.BaseTestCase):
    launcher = 'bubblewrap'


class TestNamespaces(Inheritance, base.BaseTestCase):
    launcher = 'namespaces'


class TestLandlock(Inheritance, base.BaseTestCase):
    launcher = 'landlock'
    # Root, who is not confined in this way, reads every process.
    protected = os.geteuid() != 0

    def setUp(self):
        super().setUp()
        if not confinement.can_confine_without_namespaces():
            self.skipTest('Landlock of this kernel is older than version 6')
        self.useFixture(fixtures.MockPatchObject(
            sandbox_backends, 'list_candidates',
            return_value=[sandbox_backends.Confined()]))


class TestWithout(Inheritance, base.BaseTestCase):
    """Workers with rlimits only."""

    launcher = 'none'
    protected = os.geteuid() != 0
