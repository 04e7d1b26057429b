# SPDX-License-Identifier: Apache-2.0
"""Tests of finding, importing and calling a function."""

import json
import os

from qinling.runtimes import agent_environment
from qinling.tests.unit.runtimes import agents
from qinling.tests.unit.runtimes import executions

MIB = agents.MIB


class TestEntry(executions.ExecutionTest):
    def test_module_in_package(self):
        self.start('modules', 'app.handle')
        self.succeeds('Good morning, you', 'you')

    def test_dotted_module(self):
        self.start('modules', 'greetings.handlers.where')
        self.succeeds('greetings/handlers.py')

    def check(self, name, entry, part):
        return self.check_package(agents.package(name), entry, part)

    def check_package(self, archive, entry, part):
        agent = self.useFixture(agents.Agent())
        self.client = agent.connect()
        self.assertEqual(200, self.client.load(archive, entry=entry).status)
        return self.check_fails(part)

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
        self.assertIn('line 3', result['log'])

    def test_bad_syntax(self):
        archive = agents.zipped({'main.py': 'def main():\n    return 1 +\n'})
        result = self.check_package(archive, 'main.main', 'main.py, line 2')
        self.assertIn('SyntaxError', result['log'])
        self.assertIn('return 1 +', result['log'])


class TestImport(executions.ExecutionTest):
    def test_failed_import_is_tried_again(self):
        self.start('failing_import')
        result = self.check_fails('not at the first time')
        self.assertEqual('load_error', result['reason'])
        self.assertEqual('importing', self.log(result)[0])
        self.assertEqual(['importing'], self.log(self.succeeds('imported')))
        self.assertEqual([], self.log(self.succeeds('imported')))

    def test_signal_at_import(self):
        for name in ('SIGSEGV', 'SIGTERM'):
            self.client = self.useFixture(agents.Agent()).connect()
            self.client.load(agents.zipped({'main.py': (
                f'import os, signal\nos.kill(os.getpid(), signal.{name})\n')
                }))
            self.check_fails(f'signal {name} during the import of the module.')

    def test_exit_at_import(self):
        self.start('exiting_import')
        self.check_fails('exited with status 9')
        self.check_fails('exited with status 9')

    def test_sys_exit_at_import(self):
        self.start('leaving_import')
        self.check_fails('SystemExit: left')

    def test_import_has_its_own_limit(self):
        self.start('slow_import', import_timeout=0.3)
        for _number in range(2):
            result = self.check_fails(
                'The import of the module took longer than 0.3 '
                'seconds.', timeout=0.01)
            self.assertEqual('timeout', result['reason'])
            self.assertGreaterEqual(result['import_ms'], 300)

    def test_import_does_not_count_as_run(self):
        agent = self.useFixture(agents.Agent())
        self.client = agent.connect()
        self.client.load(agents.zipped({'main.py': (
            'import time\ntime.sleep(0.5)\ndef main(): return 1\n')}))
        result = self.succeeds(1, timeout=0.4)
        self.assertLess(result['duration'], 0.4)
        self.assertGreaterEqual(result['import_ms'], 500)
        self.assertIsNone(self.succeeds(1)['import_ms'])

    def test_peak_of_the_memory(self):
        agent = self.useFixture(agents.Agent())
        self.client = agent.connect()
        self.client.load(agents.zipped({'main.py': (
            'import os\ndef main(size=0):\n    x = bytearray(size)\n'
            '    return os._exit(1) if size == 1 else len(x)\n')}))
        small = self.succeeds(0)['memory_peak']
        large = self.succeeds(20 << 20, size=20 << 20)['memory_peak']
        self.assertGreater(large - small, 15 << 20)
        self.assertIsNone(self.check_fails('', size=1)['memory_peak'])

    def test_import_starts_again_after_a_timeout(self):
        agent = self.useFixture(agents.Agent())
        self.client = agent.connect()
        self.client.load(agents.zipped({'main.py': (
            'import os, time\nprint("importing")\n'
            'if not os.path.exists("seen"):\n'
            '    open("seen", "w").close()\n    time.sleep(600)\n'
            'def main(): pass\n')}), import_timeout=0.5)
        result = self.check_fails('longer than 0.5 seconds')
        self.assertEqual(['importing'], self.log(result))
        self.assertEqual([], agent.executors(self.client))
        self.assertEqual(['importing'], self.log(self.succeeds(None)))

    def test_forked_child_does_not_serve(self):
        agent = self.useFixture(agents.Agent())
        self.client = agent.connect()
        self.client.load(agents.zipped({'main.py': (
            'import os\nos.fork()\ndef main(): return os.getpid()\n')}))
        for _number in range(3):
            pid, = agent.executors(self.client)
            self.succeeds(pid)


class TestArguments(executions.ExecutionTest):
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
        result = self.check_fails("missing 1 required positional argument")
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

    def test_context_is_passed_only_on_request(self):
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


class TestCoroutines(executions.ExecutionTest):
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
        result = self.check_fails('in a coroutine')
        self.assertIn('in fail', result['log'])
        self.assertNotIn('python.py', result['log'])


class TestState(executions.ExecutionTest):
    def test_globals_are_kept(self):
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
        for _ in range(2):
            self.assertEqual(os.path.realpath(agent.code),
                             client.execute()['output'])

    def test_alarm_does_not(self):
        agent = self.useFixture(agents.Agent())
        client = agent.connect()
        client.load(agents.zipped({'main.py': (
            'import signal\n'
            'def main():\n'
            '    before = signal.getitimer(signal.ITIMER_REAL)[0]\n'
            '    signal.alarm(600)\n'
            '    return [before, signal.getitimer(0)[0] > 0]\n')}))
        for _ in range(2):
            self.assertEqual([0, True], client.execute()['output'])

    def test_environment(self):
        self.start('state', 'environment', environment={'MINE': 'x'},
                   agent={'environment': {'PATH': '/bin', 'LANG': 'C.UTF-8'}})
        self.succeeds({'PATH': '/bin', 'LANG': 'C.UTF-8', 'MINE': 'x',
                       **agent_environment.list_thread_variables(1000)})


class TestOpenStack(executions.ExecutionTest):
    """Context of a function with a trust."""

    CONTEXT = {'token': 'very secret', 'project_id': 'p',
               'auth_url': 'http://127.0.0.1:1/v3', 'os_session': None}

    def run_one(self, name):
        self.start('acting', name)
        result = self.agent.connect().execute(context=self.CONTEXT)
        self.assertEqual('success', result['status'], result)
        return result['output']

    def test_credentials_by_attribute(self):
        self.assertEqual(['very secret'] * 2 + ['p'] * 2,
                         self.run_one('asked'))

    def test_credentials_are_not_shown(self):
        for text in self.run_one('shown'):
            self.assertNotIn('very secret', str(text))

    def test_no_keystoneauth(self):
        self.assertEqual([None, None, True, 1], self.run_one('session'))

    def test_it_is_a_dictionary(self):
        self.assertEqual([1, sorted([*self.CONTEXT, 'mine'])],
                         self.run_one('changed'))
