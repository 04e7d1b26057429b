#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

"""What comes of an execution: results, failures, limits, logs."""

import glob
import io
import json
import os
import shutil
import sys
import zipfile

from oslotest import base
import testtools

from qinling.tests.unit.runtimes import agents

MIB = agents.MIB
CONSUMPTION = ('Function execution failed because of too much resource '
               'consumption: ')


class ExecutionTest(base.BaseTestCase):
    interpreter = sys.executable

    def start(self, name, entry='main', agent=None, **settings):
        self.agent = self.useFixture(agents.Agent(
            self.interpreter, **(agent or {})))
        self.client = self.agent.loaded(name, entry, **settings)
        return self.client

    def succeeds(self, output, *args, **kwargs):
        result = self.client.execute(*args, **kwargs)
        self.assertEqual(('success', output),
                         (result['status'], result['output']), result['log'])
        return result

    def fails(self, part, *args, **kwargs):
        """The execution fails with a sentence that contains ``part``, and
        the worker goes on."""
        result = self.client.execute(*args, **kwargs)
        self.assertEqual('failed', result['status'])
        self.assertIn(part, result['output'])
        self.assertIsInstance(result['duration'], float)
        lines = result['log'].splitlines()
        self.assertEqual('Start execution: e', lines[0])
        self.assertEqual('Finished execution: e', lines[-1])
        self.assertEqual(0, self.client.status()['busy'])
        return result

    def log(self, result):
        """The log between its first and last line."""
        return result['log'].splitlines()[1:-1]


class TestEntry(ExecutionTest):
    def test_module_in_package(self):
        self.start('modules', 'app.handle')
        self.succeeds('Good morning, you', 'you')

    def test_dotted_module(self):
        self.start('modules', 'greetings.handlers.where')
        self.succeeds('greetings/handlers.py')

    def check(self, name, entry, part):
        agent = self.useFixture(agents.Agent())
        self.client = agent.connect()
        self.assertEqual(200, self.client.load(
            agents.package(name), entry=entry).status)
        return self.fails(part)

    def test_malformed(self):
        for entry in ('main', 'main.', '.main', ''):
            self.check('hello', entry, 'malformed')

    def test_no_such_module(self):
        self.check('hello', 'other.main', 'no module other ')
        self.check('modules', 'greetings.other.main',
                   'no module greetings.other ')

    def test_no_such_function(self):
        self.check('hello', 'main.other', 'main has no function other')

    def test_not_callable(self):
        self.check('failing', 'main.not_callable', 'type int')

    def test_missing_dependency(self):
        result = self.check('missing_module', 'main.main',
                            'surely_not_installed')
        self.assertIn('line 13', result['log'])

    def test_bad_syntax(self):
        result = self.check('bad_syntax', 'main.main', 'main.py, line 14')
        self.assertIn('SyntaxError', result['log'])
        self.assertIn('return 1 +', result['log'])


class TestImport(ExecutionTest):
    def test_failed_import_is_tried_again(self):
        # The first try is that of the load, unseen.
        self.start('failing_import')
        result = self.succeeds('imported')
        self.assertEqual(['importing', 'importing'], self.log(result))
        self.assertEqual([], self.log(self.succeeds('imported')))

    def test_exit_at_import(self):
        self.start('exiting_import')
        self.fails('exited with status 9')
        self.fails('exited with status 9')

    def test_sys_exit_at_import(self):
        self.start('leaving_import')
        self.fails('SystemExit: left')

    def test_import_counts_against_the_timeout(self):
        self.start('slow_import')
        result = self.fails('Function execution timeout.', timeout=0.3)
        self.assertGreaterEqual(result['duration'], 0.3)


class TestArguments(ExecutionTest):
    def test_arguments_and_result_are_json(self):
        self.start('results', 'echo')
        self.succeeds([[1, 'a', None, [2.5]], {'b': {'c': 'Gr\xfc\xdfe'}}],
                      1, 'a', None, [2.5], b={'c': 'Gr\xfc\xdfe'})

    def test_large_arguments(self):
        self.start('results', 'echo', max_result_size=8 * MIB)
        text = 'x' * (4 * MIB)
        self.succeeds([[text], {}], text)

    def test_wrong_arguments(self):
        self.start('failing', 'wrong_arguments')
        result = self.fails("missing 1 required positional argument")
        self.assertIn('TypeError', result['log'])
        self.assertNotIn('python.py', result['log'])

    def check_context(self, entry, output, *args, **kwargs):
        client = self.agent.connect()
        result = client.execute(*args, context={'from': 'qinling'}, **kwargs)
        self.assertEqual(('success', output),
                         (result['status'], result['output']), entry)

    def test_context(self):
        context = {'from': 'qinling'}
        for entry in ('named', 'keyword_only', 'wrapped_named',
                      'partial_named', 'instance', 'method'):
            self.start('signatures', entry)
            self.check_context(entry, context)

    def test_context_among_all_keywords(self):
        self.start('signatures', 'keywords')
        self.check_context('keywords', {'context': {'from': 'qinling'},
                                        'a': 1}, a=1)

    def test_no_context_for_those_who_do_not_take_it(self):
        for entry, output in (('none', 'n'), ('positional_only', 'n'),
                              ('wrapped_none', 'n'), ('builtin', 1),
                              ('Constructed', {'name': 'n'})):
            self.start('signatures', entry)
            self.check_context(entry, output, 'n')
        self.start('signatures', 'partial_none')
        self.check_context('partial_none', 'partial')

    def test_context_of_the_user_is_overwritten(self):
        self.start('signatures', 'named')
        result = self.client.call('POST', '/execute', json.dumps({
            'execution_id': 'e', 'timeout': 5, 'kwargs': {'context': 'mine'},
            'context': {'from': 'qinling'}}).encode()).json
        self.assertEqual({'from': 'qinling'}, result['output'])


class TestCoroutines(ExecutionTest):
    def test_coroutine(self):
        self.start('coroutines')
        self.succeeds('Hello, you', 'you')

    def test_loop_is_kept(self):
        self.start('coroutines', 'loop_id')
        first = self.client.execute()['output']
        self.succeeds(first)

    def test_awaitable_of_a_plain_function(self):
        self.start('coroutines', 'returns_awaitable')
        self.succeeds('Hello, you', 'you')

    def test_loop_of_the_user(self):
        self.start('coroutines', 'runs_its_own')
        self.succeeds('Hello, you', 'you')
        self.succeeds('Hello, you', 'you')

    def test_exception(self):
        self.start('coroutines', 'fail')
        result = self.fails('in a coroutine')
        self.assertIn('in fail', result['log'])
        self.assertNotIn('python.py', result['log'])


class TestResults(ExecutionTest):
    def test_nothing(self):
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
            result = self.fails(parts[0])
            self.assertIn(parts[1], result['output'])

    def test_too_deep(self):
        self.start('results', 'deep')
        self.fails('type list')

    def test_as_long_as_allowed(self):
        self.start('results', 'long', max_result_size=1000)
        self.succeeds('x' * 998, 998)
        result = self.fails('1001 bytes', 999)
        self.assertIn('1000 bytes', result['output'])

    def test_large(self):
        self.start('results', 'long', max_result_size=6 * MIB)
        self.succeeds('x' * (5 * MIB), 5 * MIB)


class TestFailures(ExecutionTest):
    def test_exception(self):
        self.start('failing', 'raise_error')
        result = self.fails('the reason')
        self.assertEqual('the reason', result['output'])
        log = self.log(result)
        self.assertEqual('about to fail', log[0])
        self.assertEqual('ValueError: the reason', log[-1])
        self.assertIn('in raise_error', result['log'])
        self.assertIn('in deeper', result['log'])
        self.assertNotIn('python.py', result['log'])

    def test_chained_exception(self):
        self.start('failing', 'raise_chained')
        result = self.fails('second')
        self.assertIn('ValueError: the reason', result['log'])
        self.assertIn('direct cause', result['log'])

    def test_exception_without_text(self):
        self.start('failing', 'raise_without_text')
        self.assertEqual('NameOnly()', self.fails('')['output'])

    def test_exception_that_cannot_be_shown(self):
        self.start('failing', 'raise_unspeakable')
        self.fails('Unspeakable')

    def test_exception_with_endless_text(self):
        self.start('failing', 'raise_long')
        self.assertLess(len(self.fails('...')['output']), 40000)

    def test_recursion(self):
        self.start('failing', 'recurse')
        self.fails('recursion')

    def test_sys_exit(self):
        self.start('failing', 'leave')
        self.fails('SystemExit: 3', 3)
        self.fails('SystemExit: words', 'words')

    def test_keyboard_interrupt(self):
        self.start('failing', 'interrupt')
        self.fails('KeyboardInterrupt')

    def test_end_of_the_process(self):
        self.start('failing', 'end_process')
        for code in (0, 5):
            result = self.fails('exited with status %d ' % code, code)
            self.assertEqual(['no line end'], self.log(result))

    def test_end_of_the_process_while_a_child_lives(self):
        self.start('processes', 'die_with_child')
        self.fails('exited with status 7 ')

    def test_signals(self):
        self.start('failing', 'signal_self')
        for name in ('SIGTERM', 'SIGSEGV', 'SIGUSR1', 'SIGABRT'):
            self.fails('signal %s.' % name, name)

    def test_segmentation_fault(self):
        self.start('failing', 'crash')
        self.fails('signal SIGSEGV.')

    def test_timeout(self):
        self.start('failing', 'sleep')
        result = self.fails('Function execution timeout.', 60, timeout=1)
        self.assertGreaterEqual(result['duration'], 1)
        self.assertLess(result['duration'], 5)
        self.assertEqual(['sleeping'], self.log(result))
        self.succeeds(0, 0)

    def test_timeout_of_a_busy_function(self):
        self.start('failing', 'spin')
        self.fails('Function execution timeout.', timeout=0.2)


class TestLimits(ExecutionTest):
    def test_memory(self):
        self.start('failing', 'allocate', memory_size=32 * MIB)
        result = self.fails(CONSUMPTION + 'out of memory (the limit is '
                            '32 MiB)', 80)
        self.assertIn('in allocate', result['log'])
        self.succeeds(8 * MIB, 8)

    def test_more_memory(self):
        self.start('failing', 'allocate', memory_size=96 * MIB)
        self.succeeds(80 * MIB, 80)
        self.fails('the limit is 96 MiB', 120)

    def test_memory_filled_bit_by_bit(self):
        self.start('failing', 'hoard', memory_size=32 * MIB)
        self.fails('out of memory (the limit is 32 MiB)')
        # The globals of the one that failed are gone with its process.
        self.fails('out of memory (the limit is 32 MiB)')

    def test_result_larger_than_memory(self):
        self.start('results', 'long', memory_size=32 * MIB)
        self.fails('out of memory', 28 * MIB)

    def test_killed_like_by_the_kernel(self):
        self.start('failing', 'signal_self', memory_size=48 * MIB)
        self.fails(CONSUMPTION + 'out of memory (the limit is 48 MiB)',
                   'SIGKILL')

    def test_open_files(self):
        self.start('failing', 'open_files', agent={'open_files': 100})
        self.fails('Too many open files')

    def test_file_size(self):
        self.start('failing', 'write_large_file', agent={'file_size': MIB})
        self.fails('File too large')


class TestState(ExecutionTest):
    def test_globals_stay(self):
        self.start('state', 'count')
        pid = self.client.execute()['output'][1]
        self.succeeds([2, pid])
        self.succeeds([3, pid])

    def test_working_directory_does_not(self):
        agent = self.useFixture(agents.Agent())
        client = agent.connect()
        archive = agents.zipped({'main.py': (
            'import os\n'
            'def main():\n'
            '    before = os.getcwd()\n'
            '    os.chdir("/")\n'
            '    return before\n')})
        client.load(archive)
        for _each in range(2):
            self.assertEqual(os.path.realpath(agent.code),
                             client.execute()['output'])

    def test_alarm_does_not(self):
        agent = self.useFixture(agents.Agent())
        client = agent.connect()
        client.load(agents.zipped({'main.py': (
            'import signal, time\n'
            'def main(alarm, seconds):\n'
            '    signal.setitimer(signal.ITIMER_REAL, alarm)\n'
            '    return signal.getitimer(signal.ITIMER_REAL)[0] > 0\n'
            'def left(): pass\n')}), entry='main.main')
        self.assertTrue(client.execute(0.3, 0)['output'])
        self.assertFalse(client.execute(0, 0)['output'])

    def test_environment(self):
        self.start('state', 'environment', environment={'MINE': 'x'},
                   agent={'environment': {'PATH': '/bin', 'LANG': 'C.UTF-8'}})
        self.succeeds({'PATH': '/bin', 'LANG': 'C.UTF-8', 'MINE': 'x'})


class TestLogs(ExecutionTest):
    def test_everything_between_the_frames(self):
        self.start('printing', 'several')
        result = self.succeeds(None)
        self.assertEqual(
            'Start execution: e\nprinted by the import\none\ntwo\nthree\n'
            'four\nfive\nsix\nFinished execution: e\n', result['log'])
        self.assertEqual(['one', 'two', 'three', 'four', 'five', 'six'],
                         self.log(self.succeeds(None)))

    def test_what_is_not_text(self):
        self.start('printing', 'bytes_and_odd_text')
        self.assertEqual(['printed by the import', '\ufffd\ufffd',
                          '\\ud800'], self.log(self.succeeds(None)))

    def test_too_much(self):
        self.start('printing', 'flood', max_log_size=50000)
        result = self.succeeds(100, 100)
        printed = 100 * 1000 * 1000 + len('printed by the import\n')
        self.assertIn('[%d bytes of output were dropped: the log is limited '
                      'to 50000 bytes]' % (printed - 50000), result['log'])
        self.assertLess(len(result['log']), 50200)
        self.assertLess(self.peak_memory(), 40 * MIB)

    def peak_memory(self):
        with open('/proc/%d/status' % self.agent.process.pid) as status:
            return int(dict(line.split(':') for line in status)[
                'VmHWM'].split()[0]) * 1024

    def test_just_enough(self):
        self.start('printing', 'plain', max_log_size=48)
        printed = 'printed by the import\nplain output\nplain error\n'
        self.assertEqual(47, len(printed))
        self.assertEqual(printed.splitlines(),
                         self.log(self.succeeds('')))

    def test_streams_come_back(self):
        for entry, output in (('close_descriptors', 'closed'),
                              ('close_objects', 'closed'),
                              ('replace_objects', 'replaced'),
                              ('detach_objects', 'detached')):
            archive = agents.package('printing')
            agent = self.useFixture(agents.Agent())
            self.client = agent.connect()
            source = zipfile.ZipFile(io.BytesIO(archive)).read(
                'main.py').decode() + (
                '\ndef either(first):\n'
                '    return %s() if first else plain()\n' % entry)
            self.client.load(agents.zipped({'main.py': source}),
                             entry='main.either')
            self.succeeds(output, True)
            self.assertEqual(['plain output', 'plain error'],
                             self.log(self.succeeds('', False)), entry)

    def test_output_between_executions_belongs_to_none(self):
        agent = self.useFixture(agents.Agent())
        self.client = agent.connect()
        wanted = os.path.join(agent.directory, 'wanted')
        done = os.path.join(agent.directory, 'done')
        self.client.load(agents.package('printing'), entry='main.print_later')
        self.assertEqual(['printed by the import'], self.log(
            self.succeeds('started', wanted, done)))
        open(wanted, 'w').close()
        self.assertTrue(agents.wait_until(lambda: os.path.exists(done)))
        os.remove(wanted)
        self.assertEqual([], self.log(
            self.succeeds('started', wanted, done)))


class TestStrays(ExecutionTest):
    def gone(self, pid):
        return agents.wait_until(lambda: not agents.alive(pid))

    def test_daemon_does_not_outlive_its_execution(self):
        self.start('processes', 'daemon')
        for _each in range(2):
            pid = self.client.execute()['output']
            self.assertFalse(agents.alive(pid))

    def test_session_does_not_outlive_a_timeout(self):
        self.start('processes', 'session_then_sleep')
        result = self.fails('timeout', timeout=2)
        self.assertFalse(agents.alive(int(self.log(result)[0])))

    def test_daemon_does_not_outlive_a_timeout(self):
        self.start('processes', 'daemon_then_sleep')
        result = self.fails('timeout', timeout=2)
        self.assertFalse(agents.alive(int(self.log(result)[0])))

    def test_forked_child_that_comes_back_is_ended(self):
        self.start('processes', 'fork_and_return')
        pid = self.client.execute()['output'][1]
        for _each in range(3):
            self.succeeds([True, pid])

    def test_no_zombies(self):
        self.start('processes', 'daemon')
        pid = self.client.execute()['output']
        self.assertFalse(os.path.exists('/proc/%d' % pid))


class TestForging(ExecutionTest):
    def check(self, entry, part):
        self.start('forging', entry)
        pids = self.agent.executors(self.client)
        self.fails(part)
        self.assertFalse(agents.alive(pids[0]))
        self.fails(part)

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


def old_interpreter():
    """A Python 3.9 on this machine, the oldest that the runtime allows."""
    for path in (*glob.glob(os.path.expanduser(
            '~/.pyenv/versions/3.9.*/bin/python3.9')),
            shutil.which('python3.9')):
        if path:
            with open(path, 'rb') as program:
                if program.read(4) == b'\x7fELF':  # and no shell script
                    return path
    return None


@testtools.skipUnless(old_interpreter(), 'there is no Python 3.9 here')
class TestOldInterpreter(ExecutionTest):
    interpreter = old_interpreter()

    def test_success(self):
        self.start('hello')
        self.succeeds('Hello, you', 'you')

    def test_exception(self):
        self.start('failing', 'raise_chained')
        self.assertIn('direct cause', self.fails('second')['log'])

    def test_memory(self):
        self.start('failing', 'allocate', memory_size=32 * MIB)
        self.fails('the limit is 32 MiB', 80)

    def test_timeout(self):
        self.start('failing', 'sleep')
        self.fails('timeout', 60, timeout=1)

    def test_coroutine(self):
        self.start('coroutines')
        self.succeeds('Hello, you', 'you')

    def test_daemon(self):
        self.start('processes', 'daemon')
        self.assertFalse(agents.alive(self.client.execute()['output']))
