# SPDX-License-Identifier: Apache-2.0
"""Tests that an execution reduces allowances for itself only."""

import os
import subprocess
from unittest import mock

from qinling.runtimes import agent_allowances
from qinling.tests.unit.runtimes import agents
from qinling.tests.unit.runtimes import executions

FUNCTION = '''
import os, resource

def main(change=''):
    allowances = [
        resource.getrlimit(resource.RLIMIT_NOFILE),
        resource.getrlimit(resource.RLIMIT_AS),
        sorted(os.sched_getaffinity(0)), os.getpriority(os.PRIO_PROCESS, 0)]
    exec(change)
    return os.getpid(), allowances
'''
#: Changes, and whether the process can keep running executions; a privileged
#: agent restores the priority.
CHANGES = {
    'resource.setrlimit(resource.RLIMIT_NOFILE, (20, '
    'resource.getrlimit(resource.RLIMIT_NOFILE)[1]))': True,
    'resource.setrlimit(resource.RLIMIT_AS, (1 << 40, -1))': True,
    'os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})': True,
    'resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))': False,
    'resource.setrlimit(resource.RLIMIT_AS, (1 << 40, 1 << 40))': False,
    'os.nice(5)': None}


class TestAllowances(executions.ExecutionTest):
    def setUp(self):
        super().setUp()
        self.client = self.useFixture(agents.Agent()).connect()
        self.client.load(agents.zipped({'main.py': FUNCTION}))

    def execute(self, change=''):
        """Return the process and the allowances of an execution."""
        result = self.client.execute(change=change)
        self.assertEqual('success', result['status'], result)
        return result['output']

    def test_reduced_allowances_come_back(self):
        for change, stays in CHANGES.items():
            process, allowances = self.execute(change)
            following, restored = self.execute()
            self.assertEqual(allowances, restored, change)
            if stays is not None:
                self.assertEqual(stays, following == process, change)

    def test_unknown_allowances_are_left_alone(self):
        with mock.patch.object(agent_allowances.Allowance, '_read',
                               side_effect=PermissionError()):
            self.assertTrue(agent_allowances.Allowance(
                os.getpid()).restore())

    def test_dead_process_has_no_allowances(self):
        process = subprocess.Popen(['sleep', '60'])
        allowance = agent_allowances.Allowance(process.pid)
        self.assertTrue(allowance.restore())
        process.kill()
        process.wait()
        self.assertFalse(allowance.restore())

    def test_changes_of_the_import_stay(self):
        self.client = self.useFixture(agents.Agent()).connect()
        self.client.load(agents.zipped({
            'main.py': f'{FUNCTION}\nos.nice(3)\n'}))
        processes = set()
        for _ in range(3):
            process, allowances = self.execute()
            processes.add(process)
            self.assertEqual(os.getpriority(os.PRIO_PROCESS, 0) + 3,
                             allowances[-1])
        self.assertEqual(1, len(processes))
