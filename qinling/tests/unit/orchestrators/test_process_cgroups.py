# SPDX-License-Identifier: Apache-2.0
"""Tests of control groups, with directories in place of the kernel's."""

import os
import types

import fixtures
from oslotest import base

from qinling.orchestrators import base as orchestrators
from qinling.orchestrators.process import cgroup_limits
from qinling.orchestrators.process import cgroups

MIB = 1 << 20
LIMITS = orchestrators.Limits(cpu=300, memory_size=32 * MIB, slots=2)

MOUNTS_V1 = '''\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 29 0:26 / {root}/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct
33 29 0:29 /docker/abc {root}/memory rw,relatime - cgroup cgroup rw,memory
38 29 0:34 / {root}/systemd rw,relatime - cgroup cgroup rw,name=systemd
40 29 0:36 / {root}/unified rw,relatime - cgroup2 cgroup2 rw
'''
MEMBERSHIP_V1 = '''\
9:name=systemd:/
4:memory:/docker/abc/service
1:cpu,cpuacct:/system.slice
0::/
'''


class CgroupTest(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.root = self.useFixture(fixtures.TempDir()).path

    def file(self, path, text=''):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w') as target:
            target.write(text)
        return path

    def read(self, path):
        with open(os.path.join(self.root, path)) as source:
            return source.read()


class TestOwnDirectories(CgroupTest):
    def find(self, mounts, membership):
        directories = cgroups.find_own_directories(
            self.file('mounts', mounts.format(root=self.root)),
            self.file('membership', membership))
        return {name: os.path.relpath(path, self.root)
                for name, path in directories.items()}

    def test_version_1(self):
        for path in ('cpu/system.slice', 'memory/service', 'unified'):
            os.makedirs(os.path.join(self.root, path))
        self.assertEqual({
            'cpu': 'cpu/system.slice', 'cpuacct': 'cpu/system.slice',
            'memory': 'memory/service', 'name=systemd': 'systemd',
            'unified': 'unified'}, self.find(MOUNTS_V1, MEMBERSHIP_V1))

    def test_hidden_group(self):
        # A container with a cgroup mount of another place.
        self.assertEqual('memory', self.find(MOUNTS_V1, MEMBERSHIP_V1)[
            'memory'])

    def test_version_2(self):
        os.makedirs(os.path.join(self.root, 'all/system.slice/q.service'))
        self.assertEqual(
            {'unified': 'all/system.slice/q.service'},
            self.find('24 22 0:22 / {root}/all rw - cgroup2 none rw\n',
                      '0::/system.slice/q.service\n'))

    def test_nothing_mounted(self):
        self.assertEqual({}, self.find('', '0::/\n'))


class TestDelegation(CgroupTest):
    """Version 2."""

    def group(self, controllers='cpu io memory pids', enabled='',
              processes=None):
        self.file('cgroup.controllers', controllers)
        self.file('cgroup.subtree_control', enabled)
        self.file('cgroup.procs', f'{os.getpid()}\n'
                  if processes is None else processes)
        self.file('qinling-service/cgroup.procs')

    def test_service_moves_to_a_leaf(self):
        self.group()
        self.assertEqual(
            dict.fromkeys(('cpu', 'memory', 'pids'), self.root),
            cgroups.delegate_controllers(self.root))
        self.assertEqual(str(os.getpid()),
                         self.read('qinling-service/cgroup.procs'))
        self.assertEqual('+cpu +memory +pids',
                         self.read('cgroup.subtree_control'))

    def test_repeated_delegation_changes_nothing(self):
        self.group(enabled='cpu memory pids', processes='')
        leaf = os.path.join(self.root, 'qinling-service')
        self.assertEqual(self.root,
                         cgroups.delegate_controllers(leaf)['memory'])
        self.assertEqual('', self.read('qinling-service/cgroup.procs'))

    def test_other_processes_are_left_alone(self):
        self.group(processes=f'1\n{os.getpid()}\n')
        error = self.assertRaises(OSError, cgroups.delegate_controllers,
                                  self.root)
        self.assertIn('other processes', str(error))
        self.assertEqual('', self.read('qinling-service/cgroup.procs'))
        self.assertEqual('', self.read('cgroup.subtree_control'))

    def test_no_memory_controller(self):
        self.group(controllers='hugetlb')
        error = self.assertRaises(OSError, cgroups.delegate_controllers,
                                  self.root)
        self.assertIn('not delegated', str(error))

    def test_not_mounted(self):
        error = self.assertRaises(OSError, cgroups.delegate_controllers, None)
        self.assertIn('not mounted', str(error))


class TestProcessors(CgroupTest):
    def group(self, version, **files):
        for name, text in files.items():
            self.file(name.replace('_', '.', 1), text)
        controllers = ('cpu', 'cpuacct') if version == 1 else ('cpu',)
        return cgroups.Group(dict.fromkeys(controllers, self.root),
                             cgroup_limits.LimitFiles(version, 0, 1))

    def test_time_of_version_1(self):
        self.assertEqual(1.5, self.group(
            1, cpuacct_usage='1500000000\n').read_cpu_time())

    def test_time_of_version_2(self):
        self.assertEqual(1.5, self.group(
            2, cpu_stat='usage_usec 1500000\nuser_usec 1\n')
            .read_cpu_time())

    def test_cpu_time_of_a_deleted_group(self):
        self.assertEqual(0, self.group(1).read_cpu_time())
        self.assertEqual(0, cgroups.NoGroup().read_cpu_time())

    def test_idle_priority(self):
        group = self.group(1, cpu_idle='0')
        for yielding in (True, False):
            group.set_idle(yielding)
            self.assertEqual(str(int(yielding)), self.read('cpu.idle'))

    def test_kills_by_the_kernel(self):
        self.assertIsNone(self.group(2).open_memory_events())
        group = cgroups.Group({'memory': self.root},
                              cgroup_limits.LimitFiles(2, 0, 1))
        self.assertIsNone(group.open_memory_events())
        self.assertFalse(group.has_oom_kills())
        path = os.path.join(self.root, 'memory.events')
        for number in (0, 3):
            with open(path, 'w') as events:
                events.write(f'oom 7\noom_kill {number}\n')
            self.assertEqual(number > 0, group.has_oom_kills())
        os.close(group.open_memory_events())

    def test_kernel_without_idle_groups(self):
        group = self.group(2)
        group.set_idle(True)
        self.assertEqual([], os.listdir(self.root))


class TestSettings(base.BaseTestCase):
    memory = 2 * (32 + 48) * MIB + 100 * MIB

    def test_version_1(self):
        settings = cgroup_limits.LimitFiles(
            1, 100 * MIB, 128).list_files(LIMITS)
        self.assertEqual({
            'memory.limit_in_bytes': self.memory,
            'memory.memsw.limit_in_bytes': self.memory,
            'pids.max': 208, 'cpu.cfs_period_us': 20000,
            'cpu.cfs_quota_us': 12000, 'cpu.cfs_burst_us': 12000,
            'cpu.shares': 614,
        }, {name: value for _controller, name, value in settings})

    def test_version_2(self):
        settings = cgroup_limits.LimitFiles(
            2, 100 * MIB, 128).list_files(LIMITS)
        self.assertEqual({
            'memory.max': self.memory, 'memory.swap.max': 0,
            'pids.max': 208, 'cpu.max': '12000 20000',
            'cpu.max.burst': 12000, 'cpu.weight': 60,
        }, {name: value for _controller, name, value in settings})

    def test_idle_processors(self):
        for idle_cpu, quota in ((0, 12000), (500, 12000), (1000, 20000)):
            for version, expected in ((1, quota), (2, f'{quota} 20000')):
                settings = cgroup_limits.LimitFiles(
                    version, 0, 128, idle_cpu).list_files(LIMITS)
                self.assertIn(expected, [value for _controller, _name, value
                                         in settings])

    def test_quota_is_accepted_by_the_kernel(self):
        self.assertEqual(1000, cgroup_limits.cpu_quota(
            orchestrators.Limits(cpu=1, memory_size=1, slots=1)))


class TestGroups(CgroupTest):
    def setUp(self):
        super().setUp()
        for name in ('memory', 'pids'):
            os.mkdir(os.path.join(self.root, name))
        self.bases = {name: os.path.join(self.root, name)
                      for name in ('memory', 'pids')}
        self.cgroups = cgroups.Cgroups(
            self.bases, cgroup_limits.LimitFiles(1, 0, 10, agent=7 * MIB),
            'all of it')

    def names(self, controller='memory'):
        return os.listdir(self.bases[controller])

    def test_life_of_a_group(self):
        group = self.cgroups.create_group('worker')
        name, = self.names()
        self.assertEqual([name], self.names('pids'))
        for path in ('memory/%s/cgroup.procs', 'pids/%s/cgroup.procs',
                     'memory/%s/memory.limit_in_bytes', 'pids/%s/pids.max'):
            self.file(path % name)
        for leaf in ('agent', 'executors'):
            self.file(f'memory/{name}/{leaf}/cgroup.procs')
            self.file(f'memory/{name}/{leaf}/memory.limit_in_bytes')
        group.add_process(4711)
        group.set_limits(LIMITS)
        # The executors are in a group with a limit of its own.
        self.assertEqual('4711', self.read(
            f'memory/{name}/agent/cgroup.procs'))
        self.assertEqual('4711', self.read(f'pids/{name}/cgroup.procs'))
        for leaf, size in (('', 2 * (32 + 48) + 7), ('executors/', 2 * 80)):
            self.assertEqual(str(size * MIB), self.read(
                f'memory/{name}/{leaf}memory.limit_in_bytes'))
        number = group.open_executors()
        self.addCleanup(os.close, number)
        os.write(number, b'17')
        self.assertEqual('17', self.read(
            f'memory/{name}/executors/cgroup.procs'))
        self.assertEqual('90', self.read(f'pids/{name}/pids.max'))

    def test_memory_of_version_2(self):
        # A group with processes cannot have groups with limits below.
        path = os.path.join(self.root, 'group')
        group = cgroups.Group(dict.fromkeys(('memory', 'pids'), path),
                              cgroup_limits.LimitFiles(2, 0, 10, 0, MIB))
        self.useFixture(fixtures.MockPatchObject(
            cgroups, 'write_file', lambda path, text: self.file(path, text)))
        group.create()
        for name in ('memory.max', 'executors/memory.max'):
            self.file('group/' + name)
        group.add_process(4711)
        group.set_limits(LIMITS)
        self.assertEqual('+memory', self.read('group/cgroup.subtree_control'))
        self.assertEqual('4711', self.read('group/agent/cgroup.procs'))
        self.assertEqual(str(161 * MIB), self.read('group/memory.max'))
        self.assertEqual(str(160 * MIB),
                         self.read('group/executors/memory.max'))
        self.assertFalse(os.path.exists(os.path.join(path, 'cgroup.procs')))

    def test_remove(self):
        group = self.cgroups.create_group('worker')
        group.remove()
        self.assertEqual([], self.names() + self.names('pids'))
        group.remove()

    def test_rejected_limit_is_no_error(self):
        group = self.cgroups.create_group('worker')
        name, = self.names()
        os.mkdir(os.path.join(self.root, 'pids', name, 'pids.max'))
        logger = self.useFixture(fixtures.FakeLogger())
        group.set_limits(LIMITS)
        group.add_process(1)
        self.assertIn('pids.max', logger.output)
        self.assertIn('cgroup.procs', logger.output)

    def test_failed_creation_leaves_no_group(self):
        os.rmdir(self.bases['pids'])
        self.assertRaises(OSError, self.cgroups.create_group, 'worker')
        self.assertEqual([], self.names())

    def test_only_stale_groups_are_removed(self):
        pid = os.getpid()
        live = f'qinling-{pid}-{cgroups.read_start_time(pid)}-a1'
        # The pid is in use again, by another process.
        for name in (live, f'qinling-{pid}-1-a2', 'qinling-999999999-5-a3',
                     'qinling-service', 'other'):
            os.mkdir(os.path.join(self.bases['memory'], name))
        self.cgroups.remove_stale()
        self.assertEqual({live, 'qinling-service', 'other'},
                         set(self.names()))

    def test_start_time(self):
        self.assertIsNone(cgroups.read_start_time(999999999))
        self.assertGreater(cgroups.read_start_time(os.getpid()), 0)


class TestFind(base.BaseTestCase):
    plan = types.SimpleNamespace(tmpfs=(('/tmp', MIB),))

    def test_switched_off(self):
        backend = cgroups.detect_cgroups(types.SimpleNamespace(cgroup='off'),
                                         self.plan)
        self.assertEqual('no cgroup (switched off)', backend.description)
        group = backend.create_group('worker')
        group.add_process(1)
        group.set_limits(LIMITS)
        group.remove()

    def test_refusal_is_described(self):
        self.useFixture(fixtures.MockPatchObject(
            cgroups, 'find_own_directories', return_value={}))
        backend = cgroups.detect_cgroups(types.SimpleNamespace(
            cgroup='auto', processes=1, idle_cpu=0), self.plan)
        self.assertEqual('no cgroup (cgroups are not mounted)',
                         backend.description)

    def test_directory_that_cannot_be_written(self):
        self.useFixture(fixtures.MockPatchObject(
            cgroups, 'find_own_directories',
            return_value={'memory': '/proc/nothing'}))
        backend = cgroups.detect_cgroups(types.SimpleNamespace(
            cgroup='auto', processes=1, idle_cpu=0), self.plan)
        self.assertIn('/proc/nothing', backend.description)
