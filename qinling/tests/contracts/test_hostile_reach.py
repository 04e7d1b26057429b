# SPDX-License-Identifier: Apache-2.0
"""Tests of hostile functions that access foreign resources.

All attempts are refused. ``TestWithout`` repeats the attempts on workers
without isolation, where the attempts succeed: so the isolation is the cause of
the refusals.
"""

import os
import signal
import socket
import subprocess
import sys

import fixtures
from oslotest import base

from qinling.orchestrators.process import confinement
from qinling.orchestrators.process import sandbox_backends
from qinling.orchestrators.process import seccomp
from qinling.tests.contracts import hostilities

HIDDEN, REFUSED = hostilities.HIDDEN, hostilities.REFUSED
GONE = HIDDEN | REFUSED
READ_ONLY = {'EROFS'} | GONE
OTHER_NET = {'ENETUNREACH', 'ECONNREFUSED'}
METADATA = '169.254.169.254'
CLONE_NEWUSER = 0x10000000
#: AF_PACKET, AF_KEY, AF_ALG, AF_VSOCK and AF_TIPC, with a type.
FAMILIES = ((17, 3), (15, 3), (38, 5), (40, 1), (30, 5))
#: Arguments that make a call harmless, or a call that any user may make.
ARGUMENTS = {
    'keyctl': (0, -3, 0), 'personality': (0x40000,), 'ptrace': (0, 0, 0, 0),
    'reboot': (0, 0, 0), 'userfaultfd': (0x800,),
}
SPECIAL = {'io_uring_setup': 'io_uring', 'bpf': 'bpf',
           'perf_event_open': 'perf', 'shmget': 'share_memory'}


def number(name):
    """Return the number of a system call on this machine, or ``None``."""
    column = seccomp.MACHINES[os.uname().machine][1]
    return dict(seccomp.DENIED, personality=seccomp.PERSONALITY)[name][column]


def calls(names):
    """Return attempts of system calls."""
    return {name: ((f'processes.{SPECIAL[name]}', number(name))
                   if name in SPECIAL else
                   ('processes.call', number(name), *ARGUMENTS.get(
                       name, (0, 0, 0, 0, 0))), {'EPERM'})
            for name in names if number(name) is not None}


class Reaching(hostilities.Hostile):
    """Tests of access to resources of this machine."""

    def setUp(self):
        super().setUp()
        self.directory = self.useFixture(fixtures.TempDir()).path
        self.canary = os.path.join(self.directory, 'canary')
        with open(self.canary, 'w') as target:
            target.write('the password')
        self.victim = subprocess.Popen(
            [sys.executable, '-c', 'import sys; sys.stdin.read()'],
            stdin=subprocess.PIPE, env={'SECRET': 'the password'})
        self.addCleanup(self.victim.communicate)
        self.port, self.datagrams = self.listen()
        self.unix = os.path.join(self.directory, 'socket')
        self.listen_unix(self.unix)
        self.abstract = 'qinling-hostile-%d' % os.getpid()
        self.listen_unix('\0' + self.abstract)

    def listen(self):
        server = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(server.close)
        server.setblocking(False)
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(receiver.close)
        receiver.setblocking(False)
        receiver.bind(server.getsockname())
        self.server = server
        return server.getsockname()[1], receiver

    def listen_unix(self, address):
        server = socket.socket(socket.AF_UNIX)
        self.addCleanup(server.close)
        server.bind(address)
        server.listen(5)

    # Attempts that need no more than to be tried

    def files(self):
        pid = self.victim.pid
        return {
            'plain': (('files.read', self.canary), HIDDEN),
            'symlink': (('files.read_by_symlink', self.canary), HIDDEN),
            'hard link': (('files.read_by_hard_link', self.canary), HIDDEN),
            'dots': (('files.read_by_dots', self.canary), HIDDEN),
            'root of a process': (('files.read_by_root_of', pid,
                                   self.canary), HIDDEN),
            'directory of a process': (('files.read_by_cwd_of', pid,
                                        self.canary), HIDDEN),
            'swapped link': (('files.swap_directory_for_link', self.canary)
                             if self.launcher != 'none' else
                             ('files.read', self.canary), HIDDEN),
            'overwriting': (('files.append', self.canary, ''), HIDDEN),
            'environment of the service': (
                ('files.read', '/proc/%d/environ' % pid), HIDDEN),
            'files of the service': (('processes.listing', pid, 'fd'),
                                     HIDDEN),
            'socket of the service': (('files.connect', self.unix), HIDDEN),
            'sockets of workers': (('files.names', self.driver._directory
                                    .path), HIDDEN),
            'groups': (('files.names', '/sys/fs/cgroup'), HIDDEN),
        }

    def harmful_files(self):
        """Return attempts with harmful consequences on success."""
        return {
            'root of the agent': (('files.read_by_root_of', 1,
                                   self.canary), GONE),
            'root of a thread': (('files.read_by_task_of', 1, self.canary),
                                 GONE),
            'open directory': (('files.read_by_descriptors', self.canary),
                               {'EBADF'}),
            'handle': (('files.read_by_handle', self.canary), {'EPERM'}),
            'disk': (('files.make_device', 'block', 254, 0), REFUSED),
            'memory': (('files.make_device', 'character', 1, 1), REFUSED),
            'set-user-id copy': (('files.become_by_setuid_file',), REFUSED
                                 | {'EINVAL'}),
            'set-user-id program': (('files.become_by_system_program',),
                                    REFUSED),
        }

    def machine_resources(self):
        """Return attempts on resources shared by the whole machine."""
        prefix = self.driver._interpreters.python.paths[0]
        return {
            'replaced program': (('files.replace_system_program',),
                                 READ_ONLY | {'EXDEV'}),
            'planted module': (('files.plant_module', prefix), READ_ONLY),
            'planted agent': (('files.append', '/qinling/agent.py'),
                              READ_ONLY),
            'passwords': (('files.append', '/etc/passwd'), READ_ONLY),
            'device': (('files.append', '/dev/new'), READ_ONLY),
            'core pattern': (('files.append',
                              '/proc/sys/kernel/core_pattern'), READ_ONLY),
            'key of the kernel': (('files.append', '/proc/sysrq-trigger'),
                                  READ_ONLY),
            'kernel memory': (('files.read', '/proc/kcore'), GONE),
            'shadow': (('files.read', '/etc/shadow'), HIDDEN),
            'virtual machines': (('files.read', '/dev/kvm'), HIDDEN),
        }

    def other_workers(self):
        """Return attempts on the agent and on another function's worker."""
        return {
            'code of another function': (
                ('files.read', '/proc/%d/root/code/main.py'
                 % self.other_process().pid), HIDDEN),
            'socket of another worker': (
                ('files.connect', self.other.address.removeprefix('unix:')),
                HIDDEN),
            'own socket': (('files.connect', self.worker.address
                            .removeprefix('unix:')), HIDDEN),
            'secret of the agent': (('files.read', '/proc/1/environ'),
                                    REFUSED),
            'memory of the agent': (('processes.read_memory', 1), REFUSED),
            'descriptors of the agent': (('processes.listing', 1, 'fd'),
                                         REFUSED),
        }

    def other_process(self):
        """Return the launcher process of another function's worker."""
        self.other, process, client = self.claim()
        return process._popen

    def processes(self):
        pid = self.victim.pid
        return {
            'signal': (('processes.signal_to', pid, 0), {'ESRCH'}),
            'memory': (('processes.read_memory', pid), HIDDEN),
            'limits': (('processes.limit_of', pid), REFUSED),
            'priority': (('processes.favour_oneself',), REFUSED),
            'users': (('processes.map_users',), REFUSED),
            'undying': (('processes.become_undying',), REFUSED),
            'clone': (('processes.clone_namespace', seccomp.CLONE[
                seccomp.MACHINES[os.uname().machine][1]], CLONE_NEWUSER),
                {'EPERM'}),
        } | {f'family {family}': (('network.open_family', family, kind),
                                  {'EPERM'})
             for family, kind in FAMILIES}

    def harmful_processes(self):
        return {
            'clone3': (('processes.clone3', seccomp.CLONE3), {'ENOSYS'}),
            'future call': (('processes.call', seccomp.NEWEST + 1),
                            {'ENOSYS'}),
            'agent killed': (('processes.signal_to', 1, signal.SIGKILL),
                             REFUSED | {'done'}),
            'agent stopped': (('processes.stop_agent',), REFUSED | {'sent'}),
            'agent limited': (('processes.limit_of', 1), {'EPERM'}),
            'agent opened': (('processes.open_pidfd_file', 1), {'EPERM'}),
            'namespace': (('processes.join_namespace', 1, 'mnt',
                           number('setns')), REFUSED),
            'root': (('processes.become', 0), REFUSED | {'EINVAL'}),
            'neighbour': (('processes.become', 0x70000001),
                          REFUSED | {'EINVAL'}),
            'capability': (('processes.raise_capability',), {'EPERM'}),
            'more files': (('processes.raise_limit', 'RLIMIT_NOFILE'),
                           {'EPERM'}),
            'more processes': (('processes.raise_limit', 'RLIMIT_NPROC'),
                               {'EPERM'}),
            'real time': (('processes.real_time',), REFUSED),
            'terminal': (('processes.push_into_terminal', 0x5412),
                         {'EPERM'}),
            'console': (('processes.push_into_terminal', 0x541C),
                        {'EPERM'}),
            'old calls': (('processes.old_calls',), {'EPERM'}),
        } | ({'x32 calls': (('processes.call', seccomp.X32 + 39),
                            {'EPERM'})}
             if os.uname().machine == 'x86_64' else {})

    def network(self):
        return {
            'loopback': (('network.connect', '127.0.0.1', self.port),
                         OTHER_NET),
            'other loopback': (('network.connect', '127.1.2.3', 22),
                               OTHER_NET),
            'every address': (('network.connect', '0.0.0.0', self.port),
                              OTHER_NET),
            'abstract socket': (('network.connect_abstract', self.abstract),
                                {'ECONNREFUSED', 'EPERM'}),
        }

    def harmful_network(self):
        return {
            'loopback 6': (('network.connect', '::1', self.port),
                           OTHER_NET | {'EADDRNOTAVAIL'}),
            'metadata': (('network.connect', METADATA, 80), OTHER_NET),
            'metadata datagram': (('network.send', METADATA, 53),
                                  OTHER_NET),
            'metadata 6': (('network.connect', 'fd00:ec2::254', 80),
                           OTHER_NET | {'EADDRNOTAVAIL'}),
            'names': (('network.resolve', 'example.org'), OTHER_NET),
            'tunnel': (('network.raise_interface',), HIDDEN),
        }


class Refused(Reaching):
    def test_files(self):
        self.start('several')
        self.check_refused(self.files())
        self.check_refused(self.harmful_files())
        self.check_refused(self.machine_resources())
        self.check_refused(self.other_workers())
        with open(self.canary) as source:
            self.assertEqual('the password', source.read())

    def test_processes(self):
        self.start('several')
        self.check_refused(self.processes())
        self.check_refused(self.harmful_processes())
        self.assertIsNone(self.victim.poll())
        self.assertEqual(1, self.client.status()['executors'][0][
            'executions'] - 1)

    def test_calls(self):
        self.start('several')
        self.check_refused(calls([*seccomp.DENIED, 'personality']))

    def test_network(self):
        self.start('several')
        self.check_refused(self.network())
        self.check_refused(self.harmful_network())
        self.assertRaises(BlockingIOError, self.server.accept)
        self.client.execute({'datagram': [
            'network.send', '127.0.0.1', self.port]})
        self.assertRaises(BlockingIOError, self.datagrams.recv, 100)


class TestBubblewrap(Refused, base.BaseTestCase):
    launcher = 'bubblewrap'


class TestNamespaces(Refused, base.BaseTestCase):
    launcher = 'namespaces'


class TestLandlock(Reaching, base.BaseTestCase):
    """Tests of workers where users cannot create namespaces."""

    launcher = 'landlock'

    def setUp(self):
        super().setUp()
        if not confinement.can_confine_without_namespaces():
            self.skipTest('Landlock of this kernel is older than version 6')
        self.useFixture(
            fixtures.MockPatchObject(
                sandbox_backends,
                'list_candidates',
                return_value=[sandbox_backends.Confined()]))

    def test_files_processes_and_network(self):
        self.start('several')
        self.assertEqual('none', self.driver.describe()['network'])
        files = self.files()
        del files['files of the service']  # numbers, that lead nowhere
        processes = self.processes()
        if os.geteuid() == 0:
            # By capabilities that a service has only as root, which is not
            # confined in this way.
            del files['environment of the service'], processes['priority']
        for table, allowed in ((files, GONE),
                               (processes, REFUSED),
                               (self.network(), {'EPERM'})):
            # Names of hidden files are told, and a process can be found.
            self.check_refused({label: (attempt, allowed)
                                for label, (attempt, _) in table.items()})
        self.assertRaises(BlockingIOError, self.server.accept)


class TestWithout(Reaching, base.BaseTestCase):
    """Tests of workers without isolation: the attempts succeed."""

    launcher = 'none'

    def test_files(self):
        self.start('several')
        self.check_possible(self.files())
        got = self.run_attempts(self.files())
        for label in ('plain', 'symlink', 'hard link', 'dots',
                      'root of a process', 'directory of a process'):
            self.assertEqual('the password', got[label], label)
        self.assertIn('the password', got['environment of the service'])

    def test_network(self):
        self.start('several')
        table = self.network()
        del table['other loopback']  # no listener there
        self.check_possible(table)
        self.assertIsNotNone(self.server.accept())
        self.client.execute({'datagram': [
            'network.send', '127.0.0.1', self.port]})
        self.assertEqual(b'hostile', self.datagrams.recv(100))

    def test_processes(self):
        self.start('several')
        table = self.processes()
        self.check_possible({label: table[label] for label in (
            'signal', 'memory', 'limits')})
        self.check_possible(calls(['keyctl', 'personality', 'shmget',
                                   'adjtimex', 'kcmp']))
