# SPDX-License-Identifier: Apache-2.0
"""Tests of the confinement settings of agents, and of strict mode."""

import json
import os
import subprocess
import sys
from unittest import mock

import fixtures
from oslotest import base

from qinling import exception
from qinling.orchestrators import process
from qinling.orchestrators.process import cgroups
from qinling.orchestrators.process import confinement
from qinling.orchestrators.process import languages
from qinling.orchestrators.process import sandbox_backends
from qinling.orchestrators.process import sandbox_spec
from qinling.runtimes import agent_confinement
from qinling.tests.contracts import process_drivers
from qinling.tests.unit.runtimes import agents

INTERPRETER = languages.Interpreter(
    '/opt/python/bin/python3', ('/opt/python',))
LAUNCHERS = {
    'bubblewrap': sandbox_backends.Bubblewrap('/bwrap'),
    'namespaces': sandbox_backends.Namespaces('/python', '/root'),
    'landlock': sandbox_backends.Confined(),
    'none': sandbox_backends.Plain()
}

# Starts a program in a Landlock domain; prints what it could read and write.
CONFINED = '''
import json, os, subprocess, sys
sys.path.append(%r)
import agent_confinement, agent_processes
agent_processes.harden()
allowed, writable, forbidden = sys.argv[1:]
confinement = agent_confinement.Confinement((), [
    ("/", "list"), ("/usr", "read"), ("/bin", "read"), ("/lib", "read"),
    ("/lib64", "read"), ("/proc", "read"), ("/dev", "use"),
    ("/no/such/path", "read"), (sys.prefix, "read"),
    (allowed, "read"), (writable, "write")])
script = "cat $0/f; echo x > $0/new && echo wrote"
for each in (allowed, writable, forbidden):
    print(confinement.call(lambda: subprocess.run(
        ["/bin/sh", "-c", script, each], capture_output=True,
        text=True).stdout.split()))
'''


class TestConfinement(base.BaseTestCase):
    def make(self, name, **values):
        return confinement.Confinement(
            sandbox_spec.create_spec(process_drivers.config(**values),
                                     [INTERPRETER]), LAUNCHERS[name])

    def test_settings(self):
        self.useFixture(fixtures.MockPatch('os.geteuid', return_value=0))
        settings = self.make('bubblewrap', tmp_size=8).create_settings(
            '/c', '/t')
        self.assertEqual(2, len(settings['seccomp']))
        self.assertEqual(2048, settings['inodes']['/tmp'])
        self.assertIn(('/code', 'write'), settings['landlock'])
        self.assertIn(('/usr', 'read'), settings['landlock'])
        self.assertLess(len(json.dumps(settings)), 16384)

    def test_users_cannot_have_bubblewrap_count_inodes(self):
        self.useFixture(fixtures.MockPatch('os.geteuid', return_value=1001))
        settings = self.make('bubblewrap').create_settings('/c', '/t')
        self.assertEqual({}, settings['inodes'])

    def test_our_own_sandbox_counts_inodes_itself(self):
        settings = self.make('namespaces').create_settings('/c', '/t')
        self.assertEqual({}, settings['inodes'])
        self.assertTrue(settings['seccomp'])

    def test_without_namespaces(self):
        settings = self.make('landlock').create_settings('/c', '/t')
        self.assertIn(('/c', 'write'), settings['landlock'])
        self.assertNotIn('/', [path for path, _ in settings['landlock']])
        self.assertNotEqual(
            settings['seccomp'],
            self.make('bubblewrap').create_settings('/c', '/t')['seccomp'])
        self.assertEqual('namespaces', self.make('landlock').list_missing(
            cgroups.CONTROLLERS, cgroups.CONTROLLERS)[0].partition(':')[0])

    def test_without_isolation(self):
        self.assertEqual({'inodes': {}, 'seccomp': [], 'landlock': []},
                         self.make('none').create_settings('/c', '/t'))
        self.assertEqual({'namespaces': 'none', 'seccomp': 'none',
                          'landlock': 'none'}, self.make('none').describe())

    def test_kernel_without_seccomp(self):
        self.useFixture(fixtures.MockPatchObject(
            confinement, 'SECCOMP', '/no/such/file'))
        subject = self.make('bubblewrap')
        self.assertEqual([], subject.create_settings('/c', '/t')['seccomp'])
        self.assertEqual('none', subject.describe()['seccomp'])
        self.assertIn('CONFIG_SECCOMP_FILTER', subject.list_missing(
            cgroups.CONTROLLERS, cgroups.CONTROLLERS)[0])

    def test_report(self):
        report = self.make('bubblewrap', allow_network=True).describe()
        self.assertNotIn('net', report['namespaces'].split(', '))
        self.assertIn('net', self.make('bubblewrap').describe()[
            'namespaces'].split(', '))
        for version, text in ((0, 'none (this kernel'), (1, 'none (this'),
                              (4, 'lets executions of a worker signal'),
                              (6, 'version 6')):
            with mock.patch.object(agent_confinement, 'landlock_version',
                                   return_value=version):
                self.assertIn(text,
                              self.make('bubblewrap').describe()['landlock'])

    def test_missing(self):
        subject = self.make('bubblewrap')
        controllers = cgroups.CONTROLLERS
        self.assertEqual([], subject.list_missing(controllers, controllers))
        lack, = subject.list_missing(('pids',), controllers)
        self.assertTrue(lack.startswith(
            'control groups of cpu, memory: run the service as root'), lack)
        self.assertEqual(
            ['namespaces', 'seccomp', 'control groups of cpu, memory, pids'],
            [sentence.partition(':')[0]
             for sentence in self.make('none').list_missing((), controllers)])

    def test_landlock(self):
        if agent_confinement.landlock_version() \
                < agent_confinement.USABLE_SINCE:
            self.skipTest('Landlock is not in this kernel')
        paths = [self.useFixture(fixtures.TempDir()).path
                 for _ in range(3)]
        for path in paths:
            with open(os.path.join(path, 'f'), 'w') as target:
                target.write('read')
        output = subprocess.run(
            [os.path.realpath(sys.executable), '-c',
             CONFINED % agents.DIRECTORY, *paths], capture_output=True,
            text=True)
        self.assertEqual("['read']\n['readwrote']\n[]\n", output.stdout,
                         output.stderr)


class TestStrict(base.BaseTestCase):
    def driver(self, **values):
        driver = process.Driver(process_drivers.config(**values),
                                self.useFixture(fixtures.TempDir()).path)
        self.addCleanup(driver.close)
        return driver

    def test_refuses_without_control_groups(self):
        error = self.assertRaises(exception.PermanentError, self.driver,
                                  isolation='strict', cgroup='off')
        self.assertIn('isolation is strict', str(error))
        self.assertIn('control groups of cpu, memory, pids', str(error))
        self.assertIn('Delegate=yes', str(error))

    def test_auto_works_without_control_groups(self):
        self.assertIn('switched off', self.driver(
            cgroup='off').describe()['limits'])

    def test_refuses_without_namespaces(self):
        self.useFixture(fixtures.MockPatchObject(
            sandbox_backends, 'list_candidates',
            return_value=[sandbox_backends.Bubblewrap('/no/such/bwrap')]))
        error = self.assertRaises(exception.PermanentError, self.driver,
                                  isolation='strict')
        self.assertIn('install bubblewrap', str(error))
