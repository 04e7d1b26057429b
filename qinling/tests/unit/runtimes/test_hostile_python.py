# SPDX-License-Identifier: Apache-2.0
"""Tests that exceptions, hooks and replaced names do not stop executors."""

from concurrent import futures
import os
import signal

from oslotest import base

from qinling.runtimes import python_results
from qinling.tests.unit.runtimes import test_user_code

REFUSE = 'def refuse(*args, **kwargs): raise ValueError("refused")\n'
#: Built-in functions that the bootstrap uses.
BUILT_IN = ('len', 'isinstance', 'issubclass', 'str', 'type', 'hasattr',
            'getattr', 'setattr', 'map', 'zip', 'list', 'dict', 'range',
            'open', 'memoryview', 'bytearray', 'BaseException', 'OSError')


class TestExceptions(test_user_code.UserCodeTest):
    """Exceptions with broken methods and properties."""

    def fails_twice(self, source, sentence, reason='user_error'):
        self.load(source)
        for _number in range(2):
            result = self.check_fails(sentence)
            self.assertEqual(reason, result['reason'], result['log'])
            self.assertNotIn('/runtimes/python', result['log'])

    def test_texts(self):
        for parent in ('Exception', 'RuntimeError', 'SystemExit', 'OSError',
                       'MemoryError', 'KeyboardInterrupt'):
            self.fails_twice(
                REFUSE + f'class Odd({parent}):\n    __str__ = refuse\n'
                '    __repr__ = refuse\n    __len__ = refuse\n'
                'def main(): raise Odd\n',
                {'MemoryError': 'out of memory',
                 'KeyboardInterrupt': 'KeyboardInterrupt'}.get(parent, 'Odd'),
                'out_of_memory' if parent == 'MemoryError' else 'user_error')

    def test_properties(self):
        for name in ('__class__', 'errno', '__traceback__', '__cause__',
                     '__context__', '__notes__', '__dict__'):
            self.fails_twice(
                REFUSE + 'class Odd(BlockingIOError):\n'
                f'    {name} = property(refuse)\n'
                'def main(): raise Odd(11, "text")\n', 'text')

    def test_texts_of_a_subclass(self):
        self.fails_twice(
            REFUSE + 'class Text(str):\n    __len__ = __getitem__ = refuse\n'
            'class Odd(Exception):\n'
            '    def __str__(self): return Text("odd text")\n'
            'def main(): raise Odd\n', 'odd text')

    def test_import(self):
        self.fails_twice(
            REFUSE + 'class Odd(SystemExit):\n    __str__ = refuse\n'
            'raise Odd\n', 'Odd', 'load_error')

    def test_modules_that_are_none(self):
        self.load('import sys\nclass Odd:\n'
                  '    def __getattr__(self, name): raise ValueError(name)\n'
                  'def main():\n'
                  '    sys.modules[5] = sys.modules["x"] = Odd()\n'
                  '    return 1 / 0\n')
        for _number in range(2):
            self.assertIn('ZeroDivisionError',
                          self.check_fails('division')['log'])


class TestInterruptions(test_user_code.UserCodeTest):
    """Hooks and handlers that raise exceptions at any time."""

    def continues(self, statements, output=1):
        self.load(f'import os, signal, sys, threading, _thread\n{REFUSE}'
                  f'def main():\n    pid = os.getpid()\n    {statements}\n'
                  '    return pid if "pid" in sys.argv else 1\n')
        for _number in range(3):
            result = self.client.execute()
            if result['status'] == 'failed':
                self.assertEqual(('refused', 'user_error'),
                                 (result['output'], result['reason']), result)
            self.assertEqual(0, self.client.status()['busy'])

    def test_hooks(self):
        for name in ('settrace', 'setprofile'):
            self.continues(f'sys.{name}(refuse)')
        self.continues('sys.settrace(refuse); sys.setprofile(refuse)')

    def test_hooks_of_the_import_stay(self):
        self.load('import sys\ndef hook(*arguments): pass\n'
                  'sys.setprofile(hook)\nsys.settrace(hook)\n'
                  'def main():\n    state = [sys.getprofile() is hook,'
                  ' sys.gettrace() is hook]\n'
                  '    sys.setprofile(None); sys.settrace(None)\n'
                  '    return state\n')
        for _number in range(2):
            self.succeeds([True, True])

    def test_signals(self):
        for statements in (
                'signal.signal(signal.SIGALRM, refuse);'
                ' signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)',
                'signal.signal(signal.SIGUSR1, refuse);'
                ' threading.Thread(target=lambda: [os.kill(pid,'
                ' signal.SIGUSR1) for _number in range(50)]).start()'):
            self.continues(statements)

    def test_interrupts_of_a_thread(self):
        self.load('import _thread, threading\ndef interrupt():\n'
                  '    for _number in range(5000): _thread.interrupt_main()\n'
                  'def main():\n'
                  '    threading.Thread(target=interrupt).start()\n')
        for _number in range(5):
            result = self.client.execute()
            self.assertNotEqual('crashed', result.get('reason'), result)

    def test_recursion_limit(self):
        self.load('import sys\ndef main(*args):\n'
                  '    sys.setrecursionlimit(30)\n    return 1 / 0\n')
        for _number in range(2):
            self.assertIn('ZeroDivisionError',
                          self.check_fails('division')['log'])


class TestReplacedNames(test_user_code.UserCodeTest):
    def test_built_in_functions(self):
        for name in BUILT_IN:
            self.load(f'import builtins\nclass Refusal(Exception): pass\n'
                      f'def main(fail):\n    builtins.{name} = None\n'
                      '    if fail: raise Refusal("own")\n')
            for fail in (True, False, True):
                result = self.client.execute(fail)
                self.assertNotEqual('crashed', result.get('reason'), name)
                if fail:
                    self.assertEqual('own', result['output'], name)

    def test_all_built_in_functions(self):
        self.load('import builtins\ndef main():\n'
                  '    clear()\n    raise error\n'
                  'clear = vars(builtins).clear\nerror = ValueError("own")\n')
        for _number in range(2):
            self.check_fails('own')

    def test_state_that_cannot_be_restored(self):
        # The next execution gets another process.
        for statement in ('type(os.environ).clear = None; '
                          'os.environ["A"] = "b"',
                          'del sys.stdout, sys.stderr',
                          'sys.stdout = sys.stderr = Odd()'):
            self.load('import os, sys\nclass Odd:\n'
                      '    def __getattribute__(self, name): raise '
                      f'SystemExit(3)\ndef main():\n    {statement}\n'
                      '    return os.environ.get("A")\n')
            for _number in range(5):
                result = self.client.execute()
                self.assertEqual('success', result['status'], result)

    def test_death_before_an_execution_is_read(self):
        self.load('def main(): print("heard"); return 1\n')
        for _number in range(2):
            self.succeeds(1)
            process, = self.agent.executors(self.client)
            os.kill(process, signal.SIGSTOP)
            with futures.ThreadPoolExecutor() as pool:
                call = pool.submit(self.agent.connect().execute)
                while not self.client.status()['busy']:
                    pass
                os.kill(process, signal.SIGKILL)
                result = call.result()
            self.assertEqual(1, result['output'], result)
            self.assertEqual(['heard'], self.log(result))


class TestRepeatedKeys(test_user_code.UserCodeTest):
    def test_sentence(self):
        for source, key in (('{1: 2, "1": 3}', '1'),
                            ('[{"a": ({None: 1, "null": 2},)}]', 'null'),
                            ('{True: 1, "true": 2}', 'true'),
                            ('{1.5: 1, "1.5": 2}', '1.5')):
            self.load(f'def main(): return {source}\n')
            self.check_fails(
                'cannot be written as JSON: two keys of a dict become '
                f'{key!r}; use keys of one type.')

    def test_other_keys(self):
        self.load('def main(): return {1: 2, 2.5: 3, None: 4, "a": {True: 5}}')
        self.succeeds({'1': 2, '2.5': 3, 'null': 4, 'a': {'true': 5}})

    def test_streams(self):
        self.load('def main():\n    yield {1: 2, "1": 3}\n')
        self.check_fails("become '1'")


class TestFindRepeatedKey(base.BaseTestCase):
    def test_many_values(self):
        for value in (None, 'text', [], {}, [1] * 1000,
                      {str(n): [n] for n in range(1000)}):
            self.assertIsNone(python_results.find_repeated_key(value))
