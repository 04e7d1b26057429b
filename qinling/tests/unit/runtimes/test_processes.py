# SPDX-License-Identifier: Apache-2.0
"""Tests of the agent's handling of processes, in the process of the test."""

import os
import resource
import signal
import subprocess
import sys
from unittest import mock

from oslotest import base

from qinling.runtimes import agent_confinement
from qinling.runtimes import agent_processes
from qinling.tests.unit.runtimes import agents

CONFINEMENT = agent_confinement.Confinement()

# Prints what prctl has of: dumpable, no_new_privs.
HARDENED = '''
import ctypes, sys
sys.path.append(%r)
import agent_processes
agent_processes.harden()
libc = ctypes.CDLL(None)
print(libc.prctl(3, 0, 0, 0, 0), libc.prctl(39, 0, 0, 0, 0))
'''


class TestProcesses(base.BaseTestCase):
    def test_harden(self):
        self.assertEqual(b'0 1\n', subprocess.run(
            [sys.executable, '-c', HARDENED % agents.DIRECTORY],
            capture_output=True, check=True).stdout)

    def sleeper(self):
        process = subprocess.Popen(['/bin/sleep', '600'])
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def test_confine(self):
        pid = self.sleeper().pid
        agent_processes.set_rlimits(pid, {resource.RLIMIT_NOFILE: 100})
        self.assertEqual((100, 100),
                         resource.prlimit(pid, resource.RLIMIT_NOFILE))

    def test_confine_never_raises_a_limit(self):
        pid = self.sleeper().pid
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (50, 60))
        agent_processes.set_rlimits(pid, {resource.RLIMIT_NOFILE: 100})
        self.assertEqual((60, 60),
                         resource.prlimit(pid, resource.RLIMIT_NOFILE))

    def test_data_size(self):
        self.assertGreater(agent_processes.read_data_size(os.getpid()),
                           1 << 20)

    def test_children_without_help_of_the_kernel(self):
        pid = self.sleeper().pid
        self.assertIn(pid, agent_processes.scan_children(os.getpid()))
        self.assertNotIn(os.getpid(),
                         agent_processes.scan_children(os.getpid()))

    def test_tree_without_help_of_the_kernel(self):
        with mock.patch('os.open', side_effect=FileNotFoundError):
            tree = agent_processes.ProcessTree(CONFINEMENT)
        self.assertIsNone(tree._children_file)
        pid = self.sleeper().pid
        self.assertIn(pid, tree._list_children())

    def test_last_resort_is_for_sandboxes_only(self):
        tree = agent_processes.ProcessTree(CONFINEMENT)
        with mock.patch('os.kill') as kill:
            tree._clear_sandbox()
            kill.assert_not_called()
            with mock.patch('os.getpid', return_value=1):
                tree._clear_sandbox()
            kill.assert_called_once_with(-1, signal.SIGKILL)
            # The last process may end by itself.
            kill.side_effect = ProcessLookupError
            with mock.patch('os.getpid', return_value=1):
                tree._clear_sandbox()

    def test_programs_are_nicer_than_the_agent(self):
        tree = agent_processes.ProcessTree(CONFINEMENT, niceness=19)
        pid = tree.spawn(['/bin/sleep', '600'], {}, ())
        self.addCleanup(tree.destroy, pid)
        self.assertEqual(19, os.getpriority(os.PRIO_PROCESS, pid))

    def test_dead_processes_are_no_error(self):
        process = self.sleeper()
        process.kill()
        process.wait()
        agent_processes.kill(process.pid)
        agent_processes.kill_group(process.pid)
        agent_processes.reap(process.pid)
        self.assertFalse(agents.alive(process.pid))

    def test_nothing_starts_after_the_end(self):
        tree = agent_processes.ProcessTree(CONFINEMENT)
        with mock.patch.object(tree, 'kill_orphans'):
            tree.stop()
        self.assertRaises(RuntimeError, tree.spawn, ['/bin/true'], {}, ())
