# SPDX-License-Identifier: Apache-2.0
"""Tests of results, failures and limits of executions."""

import os

import fixtures

from qinling.tests.unit.runtimes import agents
from qinling.tests.unit.runtimes import executions

MIB = agents.MIB


class TestResults(executions.ExecutionTest):
    def test_null_result(self):
        self.start('results', 'nothing')
        self.succeeds(None)

    def test_odd_text(self):
        self.start('results', 'odd_text')
        self.succeeds('Gr\xfc\xdfe \U0001f600 "quoted" \\ \ud800')

    def test_keys(self):
        self.start('results', 'keys')
        self.succeeds({'1': 'one', 'null': 'none', 'true': 'yes'})

    def test_not_json(self):
        for entry, parts in (('a_set', ('type set', 'JSON')),
                             ('not_a_number', ('type float', 'JSON')),
                             ('circle', ('type list', 'ircular'))):
            self.start('results', entry)
            result = self.check_fails(parts[0])
            self.assertIn(parts[1], result['output'])

    def test_too_deep(self):
        self.start('results', 'deep')
        self.check_fails('nested more than 100 levels deep')

    def test_as_long_as_allowed(self):
        self.start('results', 'long', max_result_size=1000)
        self.succeeds('x' * 998, 998)
        result = self.check_fails('1001 bytes', 999)
        self.assertIn('1000 bytes', result['output'])

    def test_large(self):
        self.start('results', 'long', max_result_size=6 * MIB)
        self.succeeds('x' * (5 * MIB), 5 * MIB)


class TestFailures(executions.ExecutionTest):
    def test_exception(self):
        self.start('failing', 'raise_error')
        result = self.check_fails('the reason')
        self.assertEqual('the reason', result['output'])
        log = self.log(result)
        self.assertEqual('about to fail', log[0])
        self.assertEqual('ValueError: the reason', log[-1])
        self.assertIn('in raise_error', result['log'])
        self.assertIn('in deeper', result['log'])
        self.assertNotIn('python.py', result['log'])

    def test_chained_exception(self):
        self.start('failing', 'raise_chained')
        result = self.check_fails('second')
        self.assertIn('ValueError: the reason', result['log'])
        self.assertIn('direct cause', result['log'])

    def test_exception_without_text(self):
        self.start('failing', 'raise_without_text')
        self.assertEqual('NameOnly()', self.check_fails('')['output'])

    def test_exception_that_cannot_be_shown(self):
        self.start('failing', 'raise_unspeakable')
        self.check_fails('Unspeakable')

    def test_exception_with_endless_text(self):
        self.start('failing', 'raise_long')
        self.assertLess(len(self.check_fails('...')['output']), 40000)

    def test_recursion(self):
        self.start('failing', 'recurse')
        self.check_fails('recursion')

    def test_sys_exit(self):
        self.start('failing', 'leave')
        self.check_fails('SystemExit: 3', 3)
        self.check_fails('SystemExit: words', 'words')

    def test_keyboard_interrupt(self):
        self.start('failing', 'interrupt')
        self.check_fails('KeyboardInterrupt')

    def test_end_of_the_process(self):
        self.start('failing', 'end_process')
        for code in (0, 5):
            result = self.check_fails('exited with status %d ' % code, code)
            self.assertEqual(['no line end'], self.log(result))

    def test_end_of_the_process_while_a_child_lives(self):
        self.start('processes', 'die_with_child')
        self.check_fails('exited with status 7 ')

    def test_signals(self):
        self.start('failing', 'signal_self')
        for name in ('SIGTERM', 'SIGSEGV', 'SIGUSR1', 'SIGABRT'):
            self.check_fails('signal %s.' % name, name)

    def test_segmentation_fault(self):
        self.start('failing', 'crash')
        self.check_fails('signal SIGSEGV.')

    def test_timeout(self):
        self.start('failing', 'sleep')
        result = self.check_fails('longer than its timeout of 2 s.', 60,
                                  timeout=2)
        self.assertGreaterEqual(result['duration'], 2)
        self.assertLess(result['duration'], 30)
        self.assertEqual(['sleeping'], self.log(result))
        self.succeeds(0, 0)

    def test_timeout_of_a_busy_function(self):
        self.start('failing', 'spin')
        self.check_fails('longer than its timeout of 0.2 s.', timeout=0.2)


class TestLimits(executions.ExecutionTest):
    def test_memory(self):
        self.start('failing', 'allocate', memory_size=32 * MIB)
        result = self.check_fails(
            'The function ran out of memory; the limit is 32 MiB.', 80)
        self.assertIn('in allocate', result['log'])
        self.succeeds(8 * MIB, 8)

    def test_more_memory(self):
        self.start('failing', 'allocate', memory_size=96 * MIB)
        self.succeeds(80 * MIB, 80)
        self.check_fails('the limit is 96 MiB', 120)

    def test_memory_filled_bit_by_bit(self):
        self.start('failing', 'hoard', memory_size=32 * MIB)
        self.check_fails('out of memory; the limit is 32 MiB.')
        # The globals of the one that failed are gone with its process.
        self.check_fails('out of memory; the limit is 32 MiB.')

    def test_result_larger_than_memory(self):
        self.start('results', 'long', memory_size=32 * MIB)
        self.check_fails('out of memory', 28 * MIB)

    def test_killed_by_an_unknown_process(self):
        self.start('failing', 'signal_self', memory_size=48 * MIB)
        result = self.check_fails(
            'ended by signal SIGKILL, perhaps by the kernel for lack of '
            'memory (the limit is 48 MiB).', 'SIGKILL')
        self.assertEqual('crashed', result['reason'])

    def check_events(self, before, after, part):
        path = os.path.join(self.useFixture(fixtures.TempDir()).path, 'events')
        with open(path, 'w') as events:
            events.write(before)
        self.start('failing', 'signal_self', agent={'memory_events': path})
        with open(path, 'w') as events:
            events.write(after)
        self.check_fails(part, 'SIGKILL')

    def test_killed_by_the_kernel(self):
        for kind in ('oom 1\noom_kill %d\noom_group_kill 0\n',
                     'oom_kill_disable 0\nunder_oom 0\noom_kill %d\n'):
            self.check_events(kind % 1, kind % 2, 'out of memory')
            self.check_events(kind % 1, kind % 1, 'ended by signal SIGKILL.')

    def test_open_files(self):
        self.start('failing', 'open_files', agent={'open_files': 100})
        self.check_fails('Too many open files')

    def test_file_size(self):
        self.start('failing', 'write_large_file', agent={'file_size': MIB})
        self.check_fails('File too large')


class TestStrays(executions.ExecutionTest):
    def wait_until_gone(self, pid):
        return agents.wait_until(lambda: not agents.alive(pid))

    def test_daemon_does_not_outlive_its_execution(self):
        self.start('processes', 'daemon')
        for _ in range(2):
            pid = self.client.execute()['output']
            self.assertFalse(agents.alive(pid))

    def test_session_does_not_outlive_a_timeout(self):
        self.start('processes', 'session_then_sleep')
        result = self.check_fails('timeout', timeout=4)
        self.assertFalse(agents.alive(int(self.log(result)[0])))

    def test_daemon_does_not_outlive_a_timeout(self):
        self.start('processes', 'daemon_then_sleep')
        result = self.check_fails('timeout', timeout=4)
        self.assertFalse(agents.alive(int(self.log(result)[0])))

    def test_forked_child_that_comes_back_is_ended(self):
        self.start('processes', 'fork_and_return')
        pid = self.client.execute()['output'][1]
        for _ in range(3):
            self.succeeds([True, pid])

    def test_no_zombies(self):
        self.start('processes', 'daemon')
        pid = self.client.execute()['output']
        self.assertFalse(os.path.exists('/proc/%d' % pid))


class TestForging(executions.ExecutionTest):
    def check(self, entry, part):
        self.start('forging', entry)
        pids = self.agent.executors(self.client)
        self.check_fails(part)
        self.assertFalse(agents.alive(pids[0]))
        self.check_fails(part)

    def test_garbage_before_the_result(self):
        self.check('garbage', 'was no result')

    def test_no_json(self):
        self.check('not_json_constant', 'was no result')
        self.check('not_utf8', 'was no result')
        self.check('deep', 'was no result')

    def test_result_of_another_execution(self):
        self.check('foreign', 'was no result')

    def test_keys_that_the_agent_adds(self):
        self.check('other_keys', 'was no result')
        self.check('bad_status', 'was no result')

    def test_endless_frame(self):
        self.check('too_long', 'was no result')

    def test_closed_channel(self):
        self.check('close_channel', 'closed the channel')
