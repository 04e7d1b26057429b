# SPDX-License-Identifier: Apache-2.0
"""Tests of hostile functions that exhaust, hold, spoil or fake resources.

No trace remains, and other functions run meanwhile.
"""

import os
import shutil

from oslotest import base

from qinling.tests.contracts import hostilities
from qinling.tests.unit.runtimes import agents

MIB = hostilities.MIB
OUT_OF_MEMORY = 'The function ran out of memory; the limit is 48 MiB.'
SHORT = 0.3  # seconds for what has no end
TIMEOUT = f'The function ran longer than its timeout of {SHORT} s.'
CLINGING = (
    'remains.ignore_and_spin', 'remains.catch_exceptions_for_ever',
    'remains.fork_twice_and_spin', 'remains.run_away',
    'remains.stop_oneself', 'remains.become_a_program',
    'remains.threads_that_never_end', 'floods.spin_in_processes',
    'floods.print_for_ever', 'floods.write_files_for_ever')
LIES = (
    'infinite', 'long_result', 'long_traceback', 'value_of_a_failure',
    'long_sentence', 'garbage', 'another_execution', 'more_keys',
    'hidden_keys', 'wrong_traceback', 'not_a_number', 'not_text', 'deep',
    'long_number', 'too_long', 'never_ending', 'for_ever', 'half_and_exit',
    'closed')
#: Damage to a process that the next execution must not see.
HIDDEN_DAMAGE = (
    'directory', 'removed directory', 'umask', 'handlers', 'mask', 'timers',
    'environment', 'closed streams', 'redirected streams')
#: Damage to a process that affects only the function itself.
OWN_DAMAGE = ('thread', 'channel', 'patched channel', 'patched builtins')
#: Maximum number of descriptors of a process.
FILES = 64


class Exhausting(hostilities.Hostile):
    def exhaust(self, name, *args):
        """Return the number of created resources up to the limit."""
        number, error = self.output('floods.' + name, *args)
        self.assertIsNotNone(error, name)
        self.wait_until_idle()
        return number, error

    def check_fails(self, name, *args, timeout=agents.PATIENCE):
        result = self.run_hostile('floods.' + name, *args, timeout=timeout)
        self.assertEqual('failed', result['status'], name)
        self.wait_until_idle()
        return result

    def test_kernel_objects(self):
        self.start(open_files=FILES, file_size=4)
        for name in ('descriptors', 'pipes', 'sockets', 'epolls'):
            number, error = self.exhaust(name)
            self.assertEqual('EMFILE', error, name)
            self.assertLess(number, FILES, name)
        number, error = self.exhaust('timers')
        self.assertEqual('EAGAIN', error)
        self.assertLessEqual(number, 1024)
        for name, error in (('locked_memory', {'ENOMEM', 'EPERM'}),
                            ('message_queue', {'EMFILE', 'ENOSYS'})):
            self.assertIn(self.output('floods.' + name), error, name)
        self.assertEqual('EFBIG', self.output('floods.big_file', '/tmp/big'))
        self.assertEqual(0, self.output('floods.core_dump'))

    def test_disk_and_inodes(self):
        self.start()
        free = shutil.disk_usage('/').free
        for directory in ('/tmp', '/dev/shm', '/code'):
            self.assertEqual('ENOSPC', self.exhaust('disk', directory)[1])
            number, error = self.exhaust('inodes', directory)
            self.assertEqual('ENOSPC', error, directory)
            self.assertLessEqual(number, 2048, directory)
        # Others write to that disk, too, but not as much as it holds.
        self.assertGreater(shutil.disk_usage('/').free, free // 2)
        self.assertEqual('success', self.run_hostile('remains.witness')[
            'status'])

    def test_processes_and_threads(self):
        self.start()
        for name in ('forks', 'zombies', 'threads', 'programs'):
            result = self.run_hostile('floods.' + name)
            if result['status'] == 'success':
                number, error = result['output']
                self.assertIn(error, ('EAGAIN', 'RuntimeError'), name)
                self.assertLess(number, 64, name)
            else:
                self.assertIn('the limit is 64', result['output'], name)
            self.wait_until(lambda: len(self.worker_pids()) <= 66)

    def test_memory(self):
        self.start(memory_size=48 * MIB, slots=1)
        self.assertEqual(OUT_OF_MEMORY, self.check_fails('memory')['output'])
        self.assertEqual(OUT_OF_MEMORY,
                         self.check_fails('memory_of_children')['output'])
        # Without control groups there are no such files.
        self.assertIn(self.run_hostile('floods.memory_files')['output'],
                      (OUT_OF_MEMORY, 'ENOSYS'))
        self.assertEqual('success', self.run_hostile('remains.witness')[
            'status'])

    def test_kernel_kills_executors_only(self):
        self.start(memory_size=48 * MIB)
        self.run_hostile('remains.witness')
        memory = getattr(self.process.group, '_directories', {}).get('memory')
        if memory is None:
            self.skipTest('needs control groups')
        agent = read_pids(memory, 'agent')
        self.assertEqual(1, len(agent))
        for _number in range(5):
            threads = [self.start_thread(
                self.connect(self.worker).execute, 'floods.' + name,
                execution_id=name)
                for name in ('memory_files', 'memory_of_children')]
            for thread, results in threads:
                thread.join()
                self.assertEqual(OUT_OF_MEMORY, results[0]['output'])
        self.assertEqual('success', self.run_hostile('remains.witness')[
            'status'])
        self.assertEqual(agent, read_pids(memory, 'agent'))
        executors = read_pids(memory, 'executors')
        self.assertNotEqual([], executors)
        self.assertEqual([], read_pids(memory))
        # The limit that an execution reaches is the one of the executors.
        self.assertLess(read_limit(memory, 'executors'), read_limit(memory))

    def test_answers(self):
        self.start()
        self.assertEqual('RecursionError', self.output('floods.recursion'))
        self.assertIn('the limit is', self.check_fails('large_result', 4)[
            'output'])
        self.assertIn('nested more than 100 levels deep',
                      self.check_fails('deep_result')['output'])
        self.assertLess(len(self.check_fails('large_error')['output']),
                        1 << 16)
        result = self.run_hostile('floods.print_much', 20)
        self.assertLess(len(result['log']), 2 * MIB)
        self.assertIn('bytes of output were dropped', result['log'])
        self.assertEqual('true', self.output('lies.end_of_log'))

    def test_clinging_functions_are_ended(self):
        self.start(slots=1)
        for name in CLINGING:
            result = self.run_hostile(name, timeout=SHORT)
            self.assertEqual(('failed', TIMEOUT),
                             (result['status'], result['output']), name)
            self.wait_until_idle()
        self.assertEqual('left', self.output('remains.leave_daemon'))
        self.wait_until_idle()
        self.driver.release(self.worker)
        self.assertEqual([], [pid for pid in self.before if agents.alive(pid)])

    def wait_until_idle(self, executors=1):
        super().wait_until_idle(executors)
        self.before = self.worker_pids()

    # Lies and what is left for the next

    def test_fake_results_are_rejected(self):
        self.start(slots=1)
        for name in LIES:
            result = self.run_hostile('lies.' + name, timeout=SHORT)
            self.assertNotIn('forged', str(result['output']), name)
            self.assertNotIn('"duration": -1', str(result), name)
            self.assertEqual('failed', result['status'], name)
            self.check_answers(name)

    def check_answers(self, name):
        """Check that the next execution gets the right answer."""
        self.assertEqual([name, 1], [name, len(self.output(
            'processes.pids')) - 1], name)

    def test_functions_cannot_answer_for_others(self):
        self.start(slots=1)
        for name, args in (('answer_twice', ()), ('answer_the_next', ('x',)),
                           ('steal_the_next', ())):
            self.run_hostile('lies.' + name, *args)
            # What is sent or stolen costs the function an execution at most,
            # which fails with its process.
            results = [self.run_hostile('processes.myself', timeout=3,
                                        execution_id='e%d' % number)
                       for number in range(3)]
            self.assertNotIn('forged', str(results), name)
            self.assertLessEqual(
                [result['status'] for result in results].count('failed'),
                1, (name, results))

    def test_the_next_execution_is_not_affected(self):
        self.start(slots=1)
        expected = self.output('remains.witness')
        for how in HIDDEN_DAMAGE:
            pid = self.output('remains.spoil', how)
            result = self.run_hostile('remains.witness')
            self.assertEqual(expected, result['output'], how)
            self.assertIn('heard\n', result['log'], how)
            self.assertEqual(pid, self.output('processes.myself'), how)

    def test_neighbours_are_not_affected(self):
        self.start()
        expected = self.output('remains.witness')
        for how in OWN_DAMAGE:
            self.run_hostile('remains.spoil', how, timeout=2)
            neighbour = self.connect(self.worker)
            thread, _results = self.start_thread(
                neighbour.execute, 'processes.wait_for_file', '/tmp/' + how,
                execution_id='waiting')
            self.wait_until(lambda: self.client.status()['busy'])
            self.assertEqual(expected, self.output('remains.witness'), how)
            self.output('processes.make_file', '/tmp/' + how)
            thread.join(agents.PATIENCE)

    # Others

    def test_others_are_served(self):
        self.start(slots=1, pool_size=2)
        _worker, _process, victim = self.claim(
            entry='main.main', archive=agents.package('hello'))
        for name, *args in (('floods.spin_in_processes', 30),
                            ('floods.print_for_ever',),
                            ('floods.memory_of_children',),
                            ('remains.run_away',)):
            thread, results = self.start_thread(
                self.connect(self.worker).execute, name, *args, timeout=1)
            served = 0
            while thread.is_alive():
                result = victim.execute('you')
                self.assertEqual('success', result['status'], result)
                served += 1
            self.assertEqual('failed', results[0]['status'], name)
            self.assertGreater(served, 1, name)


def read_pids(*directories):
    """Return the processes in a control group."""
    with open(os.path.join(*directories, 'cgroup.procs')) as pids:
        return pids.read().split()


def read_limit(*directories):
    """Return the limit of a control group in bytes."""
    for name in ('memory.max', 'memory.limit_in_bytes'):
        path = os.path.join(*directories, name)
        if os.path.exists(path):
            with open(path) as limit:
                return int(limit.read())


class TestBubblewrap(Exhausting, base.BaseTestCase):
    launcher = 'bubblewrap'


class TestNamespaces(Exhausting, base.BaseTestCase):
    launcher = 'namespaces'
