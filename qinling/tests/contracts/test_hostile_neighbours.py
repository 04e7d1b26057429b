# SPDX-License-Identifier: Apache-2.0
"""Tests of hostile executions beside executions of the same function."""

import signal

from oslotest import base

from qinling.runtimes import agent_confinement
from qinling.tests.contracts import hostilities
from qinling.tests.unit.runtimes import agents

REFUSED = hostilities.REFUSED


class Neighbours(hostilities.Hostile):
    def start_neighbour(self, entry='main'):
        """Start an execution; return the pids of the processes beside us,
        and the end of the execution."""
        if agent_confinement.landlock_version() \
                < agent_confinement.SCOPES_SINCE:
            self.skipTest('Landlock of this kernel does not scope signals')
        self.start(entry)
        neighbour = self.connect(self.worker)
        thread, results = self.start_thread(
            neighbour.execute, 'processes.wait_for_file', '/tmp/end',
            execution_id='waiting')
        self.wait_until(lambda: [
            item for item in self.client.status()['executors']
            if item['execution_id'] and item['executions']])
        myself = self.output('processes.myself')

        def finish():
            self.output('processes.make_file', '/tmp/end')
            thread.join(agents.PATIENCE)
            return [(item['status'], item['output']) for item in results]
        return set(self.output('processes.pids')) - {1, myself}, finish

    def check_neighbour(self, pid):
        for attempt, allowed in (
                (('processes.read_memory', pid), REFUSED),
                (('files.read', f'/proc/{pid}/fd/1'), REFUSED),
                (('files.read', f'/proc/{pid}/environ'), REFUSED),
                (('files.read_by_cwd_of', pid, '/x'), REFUSED),
                (('processes.limit_of', pid), {'EPERM'}),
                (('processes.signal_to', pid, signal.SIGKILL), {'EPERM'}),
                (('processes.kill_everybody',), {'EPERM', 'ESRCH', 'done'})):
            self.assertIn(self.output(*attempt), allowed, attempt)

    def test_neighbour_of_the_same_function(self):
        pids, finish = self.start_neighbour()
        pid, = pids
        self.assertEqual([pid], [
            item['pid'] for item in self.client.status()['executors']
            if item['execution_id']])
        self.check_neighbour(pid)
        self.assertEqual([('success', pid)], finish())

    def test_template_and_neighbour(self):
        pids, finish = self.start_neighbour('hostile_forked.main')
        template = self.client.status()['template']
        neighbour, = pids - {template}
        for pid in (template, neighbour):
            self.check_neighbour(pid)
        self.assertEqual([('success', neighbour)], finish())
        self.assertEqual(template, self.client.status()['template'])


class TestBubblewrap(Neighbours, base.BaseTestCase):
    launcher = 'bubblewrap'


class TestNamespaces(Neighbours, base.BaseTestCase):
    launcher = 'namespaces'
