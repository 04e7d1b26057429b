# SPDX-License-Identifier: Apache-2.0
"""Tests of the parts of the process orchestrator, without a worker."""

import json
import os
import stat
import sys
from unittest import mock

import fixtures
from oslo_config import cfg
from oslotest import base

from qinling import exception
from qinling.orchestrators import process
from qinling.orchestrators.process import languages
from qinling.orchestrators.process import sandbox
from qinling.orchestrators.process import sandbox_backends
from qinling.orchestrators.process import sandbox_spec
from qinling.orchestrators.process import users
from qinling.orchestrators.process import worker
from qinling.runtimes import agent_confinement
from qinling.tests.contracts import process_drivers

INTERPRETER = languages.Interpreter(
    '/opt/python/bin/python3', ('/opt/python', '/usr'))
INTERPRETERS = languages.Interpreters(
    languages.Interpreter('/bin/python'),
    {'nodejs': languages.Interpreter('/bin/node')})
NODEJS = languages.LANGUAGES['nodejs']


def make_plan(**values):
    return sandbox_spec.create_spec(
        process_drivers.config(**values), [INTERPRETER])


class TestOptions(base.BaseTestCase):
    def test_defaults(self):
        options = process_drivers.config().process
        self.assertEqual(('auto', False, 'auto', 128, 1024),
                         (options.isolation, options.allow_network,
                          options.cgroup, options.processes,
                          options.open_files))
        self.assertIsNone(options.python)

    def test_every_option_has_help_and_numbers_have_bounds(self):
        for option in process_drivers.options.OPTS:
            self.assertTrue(option.help, option.name)
            if isinstance(option, cfg.IntOpt):
                self.assertIsNotNone(option.type.min, option.name)


class TestLanguages(base.BaseTestCase):
    def test_python(self):
        command = INTERPRETERS.bootstrap_command('python3', '/there')
        self.assertEqual('/bin/python', command[0])
        self.assertEqual('/there/python.py', command[-1])
        self.assertIn('-I', command)

    def test_bootstraps_are_there(self):
        for image in languages.LANGUAGES:
            self.assertTrue(os.path.isfile(INTERPRETERS.bootstrap_command(
                image, languages.DIRECTORY)[-1]), image)

    def test_missing_nodejs(self):
        self.assertEqual('/bin/node', INTERPRETERS.bootstrap_command(
            'nodejs', '/there')[0])
        error = self.assertRaises(
            exception.PermanentError,
            languages.Interpreters(INTERPRETER).bootstrap_command, 'nodejs',
            '/there')
        self.assertIn('[process] nodejs', str(error))

    def test_unknown(self):
        error = self.assertRaises(
            exception.PermanentError, INTERPRETERS.bootstrap_command,
            'cobol', '')
        self.assertIn("'cobol'", str(error))
        self.assertIn('python3', str(error))


class TestPlan(base.BaseTestCase):
    def test_only_known_paths_are_bound(self):
        plan = make_plan()
        allowed = set(sandbox_spec.SYSTEM) | set(
            sandbox_spec.CONFIGURATION) | {'/opt/python', languages.DIRECTORY}
        self.assertEqual(set(), {source for source, _path in plan.binds}
                         - allowed)
        self.assertIn((languages.DIRECTORY, '/qinling'), plan.binds)
        self.assertIn(('/opt/python', '/opt/python'), plan.binds)

    def test_one_file_of_nodejs(self):
        nodejs = languages.Interpreter('/opt/n/bin/node', ('/opt/n/bin/node',))
        plan = sandbox_spec.create_spec(process_drivers.config(),
                                        [INTERPRETER, nodejs])
        self.assertIn((nodejs.path, nodejs.path), plan.binds)
        self.assertIn('/opt/n/bin', plan.directories)

    def test_no_network_files_without_a_network(self):
        self.assertEqual(set(), set(sandbox_spec.NETWORK_CONFIGURATION)
                         & {path for _source, path in make_plan().binds})
        files = dict(make_plan().files)
        self.assertIn('127.0.0.1 localhost', files['/etc/hosts'])
        self.assertTrue(files['/etc/resolv.conf'].startswith('nameserver '))

    def test_network(self):
        plan = make_plan(allow_network=True)
        self.assertTrue(plan.network)
        self.assertIn('/etc/hosts', {path for _source, path in plan.binds})
        self.assertNotIn('/etc/hosts', dict(plan.files))
        self.assertNotIn('/etc/resolv.conf', dict(plan.files))

    def test_sizes(self):
        plan = make_plan(tmp_size=3, code_size=5)
        self.assertEqual({'/tmp': 3 << 20, '/dev/shm': 3 << 20,
                          '/code': 5 << 20}, dict(plan.tmpfs))
        plan = make_plan(tmp_size=512)
        self.assertEqual(64 << 20, dict(plan.tmpfs)['/dev/shm'])

    def test_directories_come_before_their_content(self):
        plan = make_plan()
        self.assertIn('/opt', plan.directories)
        self.assertIn('/etc', plan.directories)
        # What is shown read-only brings its own directories.
        self.assertEqual([], [path for path in plan.directories
                              if path.startswith('/usr')])
        for path in plan.directories:
            parent = os.path.dirname(path)
            if parent != '/':
                self.assertLess(plan.directories.index(parent),
                                plan.directories.index(path))

    def test_accounts(self):
        files = dict(sandbox_spec.add_accounts(make_plan(), 4711).files)
        self.assertIn('function:x:4711:4711:', files['/etc/passwd'])
        self.assertIn('function:x:4711:', files['/etc/group'])


class Scripts(base.BaseTestCase):
    def script(self, text):
        path = os.path.join(self.useFixture(fixtures.TempDir()).path, 'node')
        with open(path, 'w') as target:
            target.write('#!/bin/sh\n' + text)
        os.chmod(path, 0o755)
        return path


class TestNodejs(Scripts):
    def check_refused(self, path, part):
        error = self.assertRaises(exception.PermanentError,
                                  languages.find_executable, NODEJS, path)
        self.assertIn(part, str(error))

    def test_found(self):
        path = self.script('echo v24.1.0')
        self.assertEqual(languages.Interpreter(path, (path,), '24.1.0'),
                         languages.find_executable(NODEJS, path))

    def test_no_nodejs_at_the_path(self):
        self.check_refused('/no/such/node', 'does not run')
        self.check_refused(self.script('exit 1'), 'does not run')
        self.check_refused(self.script('echo hello'),
                           'is not an executable of nodejs')

    def test_search_path(self):
        path = self.script('echo v24.1.0')
        self.useFixture(fixtures.EnvironmentVariable(
            'PATH', os.path.dirname(path)))
        self.assertEqual(path, languages.find_executable(NODEJS).path)

    def test_no_nodejs_on_the_machine(self):
        self.useFixture(fixtures.EnvironmentVariable('PATH', '/none'))
        self.assertIsNone(languages.find_executable(NODEJS))

    def test_broken_nodejs_on_the_machine(self):
        path = self.script('exit 1')
        self.useFixture(fixtures.EnvironmentVariable(
            'PATH', os.path.dirname(path)))
        self.assertIsNone(languages.find_executable(NODEJS))


class TestInterpreter(Scripts):
    def check_refused(self, path, part):
        error = self.assertRaises(exception.PermanentError,
                                  languages.find_python, path)
        self.assertIn(part, str(error))

    def test_below_a_virtual_environment(self):
        python = languages.find_python(sys._base_executable)
        self.assertEqual(os.path.realpath(sys._base_executable), python.path)
        self.assertEqual((os.path.realpath(sys.base_prefix),),
                         python.paths)

    def test_no_interpreter(self):
        self.check_refused('/no/such/python', 'does not run')

    def test_failing_interpreter(self):
        self.check_refused(self.script('exit 1'), 'does not run')

    def test_too_old(self):
        self.check_refused(self.script('''echo '[[3, 8], "/usr", "/usr"]' '''),
                           'older than 3.9')

    def test_installed_in_the_root(self):
        self.check_refused(self.script('''echo '[[3, 11], "/", "/usr"]' '''),
                           'installed in /')


class TestLaunchers(base.BaseTestCase):
    def names(self, isolation):
        return [candidate.name
                for candidate in sandbox_backends.list_candidates(isolation,
                                                                  '/python',
                                                                  '/root')]

    def test_order(self):
        self.useFixture(fixtures.MockPatch('shutil.which',
                                           return_value='/usr/bin/bwrap'))
        self.assertEqual(['bubblewrap', 'namespaces', 'none'],
                         self.names('auto'))
        self.assertEqual(['bubblewrap', 'namespaces'], self.names('strict'))
        self.assertEqual(['none'], self.names('none'))

    def test_landlock_needs_kernel_support(self):
        self.useFixture(fixtures.MockPatch('shutil.which',
                                           return_value=None))
        for uid, version, names in ((1001, 6, ['landlock', 'none']),
                                    (1001, 5, ['none']), (0, 6, ['none'])):
            with mock.patch('os.geteuid', return_value=uid), \
                    mock.patch.object(agent_confinement, 'landlock_version',
                                      return_value=version):
                self.assertEqual(['namespaces', *names], self.names('auto'))

    def test_without_bubblewrap(self):
        self.useFixture(fixtures.MockPatch('shutil.which',
                                           return_value=None))
        self.assertEqual(['namespaces', 'none'], self.names('auto'))
        self.assertEqual(['namespaces'], self.names('strict'))

    def bubblewrap(self, uid, **values):
        self.useFixture(fixtures.MockPatch('os.geteuid', return_value=uid))
        command = sandbox_backends.Bubblewrap('/bwrap').create_command(
            make_plan(**values), ['/program', 'argument'])
        for number in command.descriptors:
            self.addCleanup(os.close, number)
        return command

    def test_bubblewrap(self):
        command = self.bubblewrap(0, tmp_size=1)
        words = ' '.join(command.words)
        self.assertTrue(words.startswith('/bwrap '))
        self.assertTrue(words.endswith(' -- /program argument'))
        for part in ('--unshare-pid', '--unshare-net', '--unshare-ipc',
                     '--unshare-uts', '--as-pid-1', '--clearenv',
                     '--cap-drop ALL', '--remount-ro / ',
                     '--perms 1777 --size 1048576 --tmpfs /tmp',
                     '--ro-bind /opt/python /opt/python'):
            self.assertIn(part, words)
        self.assertNotIn('--unshare-user', words)
        self.assertNotIn('--bind', command.words)
        self.assertEqual(len(make_plan().files), len(command.descriptors))
        self.assertIn(os.pread(command.descriptors[0], 100, 0),
                      [text.encode() for _path, text in make_plan().files])

    def test_bubblewrap_of_a_user(self):
        words = self.bubblewrap(1001).words
        self.assertIn('--unshare-user', words)
        self.assertNotIn('--cap-add', words)

    def test_bubblewrap_with_a_network(self):
        self.assertNotIn('--unshare-net',
                         self.bubblewrap(0, allow_network=True).words)

    def test_namespaces(self):
        command = sandbox_backends.Namespaces('/python',
                                              '/root').create_command(
                                                  make_plan(), ['/program'])
        number, = command.descriptors
        self.addCleanup(os.close, number)
        self.assertEqual(str(number), command.words[-1])
        with open(number, closefd=False) as source:
            plan = json.load(source)
        self.assertEqual(('/root', ['/program'], False, 'worker'),
                         (plan['root'], plan['program'], plan['network'],
                          plan['hostname']))
        self.assertIn('/opt', plan['directories'])

    def test_strict_requires_a_sandbox(self):
        self.useFixture(fixtures.MockPatchObject(
            sandbox_backends, 'list_candidates', return_value=[]))
        error = self.assertRaises(
            exception.PermanentError, process.Driver,
            process_drivers.config(isolation='strict'),
            self.useFixture(fixtures.TempDir()).path)
        self.assertIn('cannot be started here', str(error))

    def test_fallback_is_described_with_its_reason(self):
        broken = sandbox_backends.Bubblewrap('/no/such/bwrap')
        self.useFixture(fixtures.MockPatchObject(
            sandbox_backends, 'list_candidates',
            return_value=[broken, sandbox_backends.Plain()]))
        driver = process.Driver(
            process_drivers.config(),
            self.useFixture(fixtures.TempDir()).path)
        self.addCleanup(driver.close)
        description = driver.describe()
        self.assertTrue(description['isolation'].startswith(
            'none; bubblewrap does not work: '))
        self.assertIn('/no/such/bwrap', description['isolation'])
        self.assertEqual('of the machine', description['network'])
        self.assertEqual('of the service', description['user'])


class TestSandbox(base.BaseTestCase):
    def test_mounts_below(self):
        self.assertIn('/proc', sandbox.list_mounts('/proc'))
        self.assertEqual([], sandbox.list_mounts('/no/such/place'))

    def test_error_names_the_path(self):
        error = self.assertRaises(OSError, sandbox.mount, 'nothing',
                                  '/no/such/place', 'no-such-kind')
        self.assertEqual('/no/such/place', error.filename)


class TestWorker(base.BaseTestCase):
    def test_users_differ_and_are_used_again(self):
        ids = users.Users(1000)
        uids = [ids.acquire_uid() for _ in range(3)]
        self.assertEqual(3, len(set(uids)))
        ids.release_uid(uids[1])
        self.assertEqual(uids[1], ids.acquire_uid())

    def test_block_of_users_is_that_of_the_process(self):
        first = users.Users(5).acquire_uid()
        self.assertEqual(5 + os.getpid() % 65536 * 1024, first)

    def test_users_are_numbers_that_the_kernel_has(self):
        option, = (candidate for candidate in process_drivers.options.OPTS
                   if candidate.name == 'first_uid')
        last = (option.type.max
                + users.Users.BLOCK * users.Users.BLOCKS - 1)
        self.assertLess(last, 1 << 31)

    def test_no_more_users(self):
        ids = users.Users(0)
        for _ in range(1024):
            ids.acquire_uid()
        self.assertRaises(StopIteration, ids.acquire_uid)

    def test_sockets(self):
        path = self.useFixture(fixtures.TempDir()).path
        directory = worker.Directory(path)
        self.addCleanup(directory.close)
        listener, name = directory.listen('x')
        self.addCleanup(listener.close)
        self.assertEqual(os.path.join(path, 'x.sock'), name)
        self.assertTrue(stat.S_ISSOCK(os.stat(name).st_mode))
        self.assertRaises(OSError, directory.listen, 'x')
