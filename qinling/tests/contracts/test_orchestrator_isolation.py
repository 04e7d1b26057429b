# SPDX-License-Identifier: Apache-2.0
"""Tests of hostile functions in real sandboxes."""

import os
import pwd
import shutil
import socket

import fixtures
from oslotest import base

from qinling.orchestrators import base as orchestrators
from qinling.orchestrators.process import sandbox_spec
from qinling.runtimes import agent_environment
from qinling.tests.contracts import process_drivers
from qinling.tests.functional import processes
from qinling.tests.unit.runtimes import agents

MIB = agents.MIB
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.dirname(os.path.abspath(__file__)))))
OUT_OF_MEMORY = 'The function ran out of memory; the limit is 32 MiB.'
TIMEOUT = 'The function ran longer than its timeout of %d s.'


class Isolation(process_drivers.ProcessDriverMixin):
    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.EnvironmentVariable(
            'QINLING_TEST_SECRET', 'the password'))

    def start(self, cpu=1000, memory_size=64 * MIB, slots=2, **options):
        """Return a claimed worker."""
        self.driver = self.make_driver(**options)
        self.driver.ensure_pool(orchestrators.RuntimeSpec('r', 'python3'))
        self.worker = self.driver.claim(
            'r', orchestrators.FunctionKey('f'),
            orchestrators.Limits(cpu, memory_size, slots))
        self.process = self.driver._claimed[self.worker.name][1]
        return self.worker

    def run_entry(self, entry, *args, **settings):
        if not hasattr(self, 'worker'):
            self.start()
        self.client, result = self.run_function(
            self.worker, 'hostile', entry, *args, **settings)
        return result

    def output(self, entry, *args, **settings):
        result = self.run_entry(entry, *args, **settings)
        self.assertEqual('success', result['status'], result)
        return result['output']

    def worker_processes(self):
        """Return all processes of the worker."""
        return processes.descendants(self.process._popen.pid)

    # What is seen

    def test_files_of_the_service_are_hidden(self):
        directory = self.useFixture(fixtures.TempDir()).path
        secret = os.path.join(directory, 'secret')
        with open(secret, 'w') as target:
            target.write('the password')
        os.chmod(secret, 0o644)
        state = os.path.join(directory, 'state')
        self.start(directory=state)
        paths = [secret, state, '/etc/shadow', '/etc/ssl/private',
                 os.path.expanduser('~/.bashrc'), '/var/log', '/run',
                 '/sys/kernel', os.path.join(ROOT, 'qinling/exception.py'),
                 self.worker.address.removeprefix('unix:')]
        self.assertEqual(dict.fromkeys(paths, 'ENOENT'),
                         self.output('read_files', paths))

    def test_root_has_only_the_planned_entries(self):
        view = self.output('look_around')['root']
        planned = {'code', 'dev', 'etc', 'proc', 'qinling', 'tmp', 'usr',
                   'bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'}
        prefix = self.driver._interpreters.python.paths[0].split('/')[1]
        self.assertEqual(set(), set(view) - planned - {prefix})

    def test_environment_is_clean(self):
        view = self.output('look_around')
        self.assertEqual({
            'PATH': '/usr/local/bin:/usr/bin:/bin', 'HOME': '/tmp',
            'LANG': 'C.UTF-8', 'TMPDIR': '/tmp',
            **agent_environment.list_thread_variables(1000)},
            view['environment'])
        for text in view['environments'].values():
            self.assertNotIn('QINLING_TEST_SECRET', text)
            self.assertNotIn(self.worker.secret, text)

    def test_other_processes_are_hidden(self):
        self.assertEqual(2, len(self.output('look_around')['pids']))

    def test_only_files_of_the_executor_are_open(self):
        self.assertEqual(['/dev/null', 'pipe', 'pipe', 'socket'],
                         self.output('look_around')['files'])

    def test_host_name_differs(self):
        self.assertEqual('worker', self.output('look_around')['hostname'])

    def test_nodejs_is_one_file(self):
        nodejs = shutil.which('node')
        if nodejs is None:
            self.skipTest('This machine has no Node.js.')
        # Not below /tmp, in whose place a worker has one of its own.
        directory = self.useFixture(fixtures.TempDir('/var/tmp')).path
        path = shutil.copy(os.path.realpath(nodejs), directory)
        with open(os.path.join(directory, 'secret'), 'w') as secret:
            secret.write('the password')
        driver = self.make_driver(nodejs=path)
        driver.ensure_pool(orchestrators.RuntimeSpec('r', 'nodejs'))
        client = self.connect(
            driver.claim('r', orchestrators.FunctionKey('f'),
                         orchestrators.Limits(1000, 32 * MIB, 1)))
        client.load(agents.zipped({'main.js': """
            const fs = require('fs');
            exports.main = (name) => [process.execPath, fs.readdirSync(name),
                                      process.getuid()];"""}),
                    memory_size=32 * MIB)
        program, names, uid = client.execute(directory)['output']
        self.assertEqual((path, [os.path.basename(path)]), (program, names))
        self.assertNotEqual(0, uid)

    # Who one is

    def test_not_root_on_the_host(self):
        view = self.output('look_around')
        uids = set()
        for pid in self.worker_processes():
            with open(f'/proc/{pid}/status') as status:
                fields = dict(line.split(':', 1) for line in status)
            if int(fields['NSpid'].split()[-1]) in map(int, view['pids']) \
                    and len(fields['NSpid'].split()) > 1:
                uids.update(map(int, fields['Uid'].split()))
        self.assertEqual(1, len(uids))
        uid, = uids
        if os.geteuid() == 0:
            self.assertEqual([uid, uid, uid, []], view['uid'])
            self.assertGreaterEqual(uid, 0x70000000)
            self.assertRaises(KeyError, pwd.getpwuid, uid)
        else:
            self.assertEqual(os.geteuid(), uid)
        self.assertNotEqual(0, uid)

    def test_workers_have_separate_users(self):
        if os.geteuid() != 0:
            self.skipTest('only root can give each worker a user')
        driver = self.make_driver(pool_size=3)
        driver.ensure_pool(orchestrators.RuntimeSpec('r', 'python3'))
        self.wait_until(lambda: driver.pools()['r'].available == 3)
        uids = {process.settings['uid'] for process in driver._processes}
        self.assertEqual(3, len(uids))

    def test_no_capabilities_and_no_new_privileges(self):
        status = dict(line.split(':\t', 1) for line in self.output(
            'look_around')['status'].splitlines())
        for name in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'):
            self.assertEqual(0, int(status[name], 16), name)
        self.assertEqual('1', status['NoNewPrivs'])

    def test_functions_cannot_become_root(self):
        got = self.output('become_root')
        # In a user namespace there is no root that one could become.
        self.assertIn(got['setuid'], ('EPERM', 'EINVAL'))
        self.assertEqual(('EPERM', -1), (got['chroot'], got['mount']))
        self.assertNotEqual(0, got['program'])

    def test_agent_is_out_of_reach(self):
        got = self.output('attack_agent')
        for name in ('memory', 'maps', 'files', 'environment'):
            self.assertIn(got[name], ('EACCES', 'EPERM'), name)
        self.assertEqual(-1, got['trace'])
        self.assertEqual('success', self.client.execute()['status'])

    # What can be written

    def test_only_tmp_and_the_code_are_writable(self):
        paths = ['/new', '/etc/passwd', '/etc/new', '/usr/new', '/root/new',
                 '/qinling/agent.py', '/qinling/new', '/dev/new',
                 '/proc/sys/kernel/hostname', '/proc/sysrq-trigger',
                 self.driver_interpreter() + '/new']
        got = self.output('write_files', paths + [
            '/tmp/new', '/code/new', '/dev/shm/new', '/dev/null'])
        for path in paths:
            self.assertIn(got[path], ('EROFS', 'EACCES', 'EPERM', 'ENOENT'),
                          path)
        for path in ('/tmp/new', '/code/new', '/dev/shm/new', '/dev/null'):
            self.assertEqual('written', got[path], path)

    def driver_interpreter(self):
        self.start()
        return self.driver._interpreters.python.paths[0]

    def test_tmp_is_private(self):
        with open('/tmp/qinling-test-%d' % os.getpid(), 'w') as target:
            self.addCleanup(os.remove, target.name)
        self.assertEqual({target.name: 'ENOENT'},
                         self.output('read_files', [target.name]))

    def test_sizes_are_limited(self):
        self.start(tmp_size=8, code_size=12)
        for directory, size in (('/tmp', 8), ('/dev/shm', 8)):
            self.check_size(directory, size)

    def test_size_of_the_code_is_limited(self):
        self.start(tmp_size=8, code_size=12)
        self.check_size('/code', 12)

    def check_size(self, directory, size):
        client = self.connect(self.worker)
        if client.status()['state'] == 'idle':
            client.load(agents.package('hostile'), entry='main.fill')
        written, error = client.execute(directory, 40)['output']
        self.assertEqual('ENOSPC', error)
        self.assertTrue(size - 2 <= written <= size, written)

    # The network

    def listen(self, address, family):
        server = socket.socket(family)
        self.addCleanup(server.close)
        server.bind(address)
        server.listen(1)
        return server.getsockname()

    def test_no_network(self):
        port = self.listen(('127.0.0.1', 0), socket.AF_INET)[1]
        self.assertIn(self.output('connect', port),
                      ('ECONNREFUSED', 'ENETUNREACH'))
        self.assertEqual(['lo'], self.client_output('look_around')[
            'interfaces'])

    def client_output(self, entry, *args):
        """Return the output of another function in another worker."""
        del self.worker
        return self.output(entry, *args)

    def test_no_abstract_sockets(self):
        name = 'qinling-test-%d' % os.getpid()
        self.listen('\0' + name, socket.AF_UNIX)
        self.assertEqual('ECONNREFUSED',
                         self.output('connect_abstract', name))

    def test_own_loopback(self):
        self.assertEqual('hello', self.output('own_loopback'))

    def test_network_if_allowed(self):
        port = self.listen(('127.0.0.1', 0), socket.AF_INET)[1]
        self.start(allow_network=True)
        self.assertIsNone(self.output('connect', port))
        self.assertEqual('of the machine',
                         self.driver.describe()['network'])

    def test_installations_reach_only_the_proxy(self):
        port = self.listen(('127.0.0.1', 0), socket.AF_INET)[1]
        driver = self.make_driver()
        self.assertEqual('package indexes only', driver.describe()['builds'])
        for name, entry, argument, expected in (
                ('hostile', 'connect', port, 'ECONNREFUSED'),
                ('hostile_files', 'connect', sandbox_spec.PROXY,
                 'connected')):
            worker = driver.claim(None, orchestrators.FunctionKey('f'),
                                  orchestrators.Limits(
                                      1000, 64 * MIB, 1, installs=True))
            result = self.run_function(worker, name, entry, argument)[1]
            self.assertEqual(expected, result['output'], result)

    # Processes

    def check_processes(self, entry):
        self.start(processes=64)
        result = self.run_entry(entry)
        self.assertEqual(('failed', 'The function could not start more '
                          'processes or threads; the limit is 64.'),
                         (result['status'], result['output']))
        self.wait_until_idle()
        return result

    def wait_until_idle(self):
        """Check that only the agent, one executor and the launcher remain."""
        self.wait_until(lambda: len(self.worker_processes()) <= 2)

    def test_forks(self):
        self.check_processes('fork_to_the_limit')

    def test_programs(self):
        self.check_processes('spawn_to_the_limit')

    def test_threads(self):
        self.check_processes('threads_to_the_limit')

    def test_fork_bomb(self):
        self.start(processes=64)
        self.assertEqual('failed', self.run_entry('fork_bomb', timeout=2)[
            'status'])
        self.wait_until_idle()

    def test_bomb_in_other_sessions(self):
        self.start(processes=64)
        result = self.run_entry('shell_bomb', timeout=8)
        self.assertEqual(TIMEOUT % 8, result['output'])
        self.assertIn('it goes on', result['log'])
        self.wait_until_idle()

    def test_locks_of_multiprocessing(self):
        self.assertEqual('locked', self.output('locks'))

    def test_daemon_does_not_outlive_a_timeout(self):
        self.start()
        _client, result = self.run_function(
            self.worker, 'processes', 'daemon_then_sleep', timeout=2)
        self.assertEqual(TIMEOUT % 2, result['output'])
        self.wait_until_idle()

    def test_session_does_not_outlive_a_timeout(self):
        self.start()
        _client, result = self.run_function(
            self.worker, 'processes', 'session_then_sleep', timeout=2)
        self.assertEqual(TIMEOUT % 2, result['output'])
        self.wait_until_idle()

    # Memory and CPU

    def test_memory(self):
        self.start()
        _client, result = self.run_function(
            self.worker, 'failing', 'allocate', 80, memory_size=32 * MIB)
        self.assertEqual(OUT_OF_MEMORY, result['output'])

    def need_cgroup(self, name):
        if name not in self.driver.describe()['limits'].partition(
                'cgroup v')[2]:
            self.skipTest(f'the cgroup controller {name} cannot be used')

    def test_memory_that_only_a_cgroup_counts(self):
        self.start(memory_size=32 * MIB, slots=1, tmp_size=1, code_size=1)
        self.need_cgroup('memory')
        result = self.run_entry('share_memory', 400, memory_size=32 * MIB)
        self.assertEqual(OUT_OF_MEMORY, result['output'])
        self.assertEqual(8 * MIB, self.client.execute(8)['output'])

    def test_cpu(self):
        self.start(cpu=100, slots=2, idle_cpu=0)
        self.need_cgroup('cpu')
        spent = self.output('spend', 1)
        # 20 % of a core, what was saved up before, and the start.
        self.assertLess(spent, 0.5)

    def test_groups_are_removed(self):
        self.start()
        self.need_cgroup('memory')
        directories = set(self.process.group._directories.values())
        for directory in directories:
            self.assertTrue(os.path.isdir(directory), directory)
        self.driver.release(self.worker)
        for directory in directories:
            self.assertFalse(os.path.exists(directory), directory)


class TestBubblewrap(Isolation, base.BaseTestCase):
    launcher = 'bubblewrap'


class TestNamespaces(Isolation, base.BaseTestCase):
    launcher = 'namespaces'
