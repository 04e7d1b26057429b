# SPDX-License-Identifier: Apache-2.0
"""Tests that the bootstrap for Python survives the code of the user."""

import glob
import os
import subprocess
import sys

from oslotest import base

from qinling.tests.unit.runtimes import agents
from qinling.tests.unit.runtimes import executions

BOOM = 'def main(**kw):\n    return 1 / 0\n'
#: Modules of the library that the bootstrap or a traceback needs.
NAMES = ('token', 'tokenize', 'traceback', 'linecache', 'asyncio', 'json',
         'inspect', 'ast', 'queue', 're', 'textwrap', 'contextlib', 'select',
         'struct', 'types', 'signal', 'enum', 'functools', 'collections',
         'typing', 'logging', 'socket', 'threading', 'time', 'errno',
         'agent_channel', 'python', 'python_context', 'python_failures')


def interpreters():
    """Return every usable Python of this machine, by version."""
    paths = glob.glob(os.path.expanduser('~/.pyenv/versions/3.*/bin/python3'))
    versions = {}
    for path in paths:
        version = path.split('/')[-3]
        if tuple(map(int, version.split('.')[:2])) >= (3, 9):
            versions[version] = os.path.realpath(path)
    return {**versions, 'this': sys.executable}


class UserCodeTest(executions.ExecutionTest):
    def load(self, files, interpreter=sys.executable, **settings):
        if isinstance(files, str):
            files = {'main.py': files}
        self.agent = self.useFixture(agents.Agent(interpreter))
        self.client = self.agent.connect()
        reply = self.client.load(agents.zipped(files), **settings)
        self.assertEqual(200, reply.status, reply.body)


class TestOwnModules(UserCodeTest):
    def test_traceback_with_modules_of_the_user(self):
        for interpreter in interpreters().values():
            for source in ('', 'import %s\n' % ', '.join(NAMES)):
                self.load({'main.py': source + BOOM, **{
                    name + '.py': 'WORD = %r\n' % name for name in NAMES}},
                    interpreter)
                for _number in range(2):
                    log = self.check_fails('division by zero')['log']
                    self.assertIn('    return 1 / 0\n', log, interpreter)
                    self.assertIn('ZeroDivisionError', log, interpreter)

    def test_user_gets_modules_of_the_user(self):
        for interpreter in interpreters().values():
            # Python prefers what is built into the interpreter.
            built_in = subprocess.check_output([
                interpreter, '-c',
                'import sys; print(*sys.builtin_module_names)'],
                text=True).split()
            for name in set(NAMES) - set(built_in):
                self.load({'main.py': 'import %s\nasync def main(**kw):\n'
                           '    return %s.WORD\n' % (name, name),
                           name + '.py': 'WORD = %r\n' % name}, interpreter)
                self.succeeds(name)

    def test_user_gets_late_modules_of_the_user(self):
        self.load({'main.py': 'def main(fail):\n    if fail: return 1 / 0\n'
                   '    import token, asyncio\n'
                   '    return token.WORD + asyncio.WORD\n',
                   'token.py': 'WORD = "a"\n', 'asyncio.py': 'WORD = "b"\n'})
        self.assertIn('ZeroDivisionError',
                      self.check_fails('division', True)['log'])
        self.succeeds('ab', False)
        self.assertIn('ZeroDivisionError',
                      self.check_fails('division', True)['log'])
        self.succeeds('ab', False)

    def test_modules_in_other_directories_of_the_user(self):
        self.load({'main.py': 'import os, sys\nsys.path.insert(0, '
                   'os.path.dirname(__file__) + "/lib")\nimport token\n'
                   + BOOM, 'lib/token.py': ''})
        self.assertIn('ZeroDivisionError', self.check_fails('division')['log'])

    def test_library_is_shared(self):
        self.load('import asyncio, traceback, json\n'
                  'async def main(**kw):\n'
                  '    import asyncio as again\n'
                  '    return [again is asyncio,\n'
                  '            asyncio.get_running_loop() is not None]\n')
        self.succeeds([True, True])

    def test_replaced_functions(self):
        self.load('import json, os, select, signal, sys, time, traceback\n'
                  'def refuse(*args, **kwargs): raise SystemError("used")\n'
                  'for module, names in ((json, ["loads", "dumps"]),\n'
                  '        (os, ["read", "write", "getpid", "chdir", "umask",'
                  ' "fstat", "dup2", "kill"]),\n'
                  '        (time, ["time", "perf_counter", "tzset"]),'
                  ' (select, ["poll"])):\n'
                  '    for name in names: setattr(module, name, refuse)\n'
                  'def main(**kw): print("heard"); return 1\n')
        for _number in range(2):
            self.assertEqual(['heard'], self.log(self.succeeds(1)))


class TestStreams(UserCodeTest):
    def twice(self, lines):
        for _number in range(2):
            result = self.client.execute()
            self.assertEqual('success', result['status'], result)
            self.assertEqual(lines, self.log(result))

    def test_wrapped_at_import(self):
        for buffering in ('', ', line_buffering=True', ', write_through=True'):
            self.load('import io, sys\nsys.stdout = io.TextIOWrapper('
                      'sys.stdout.buffer, encoding="utf-8"%s)\n'
                      'def main(**kw): print("hello")\n' % buffering)
            self.twice(['hello'])

    def test_replaced_at_import(self):
        self.load('import sys\nclass Prefix:\n'
                  '    def __init__(self, stream): self.stream = stream\n'
                  '    def write(self, text):\n'
                  '        self.stream.write(text.replace("x", "[p] x"))\n'
                  '    def flush(self): pass\n'
                  'sys.stdout = Prefix(sys.stdout)\n'
                  'sys.stderr = Prefix(sys.stderr)\n'
                  'def main(**kw):\n'
                  '    print("x"); print("x", file=sys.stderr)\n')
        self.twice(['[p] x', '[p] x'])

    def test_replaced_by_an_execution(self):
        self.load('import io, sys\n'
                  'def main(**kw):\n'
                  '    print("first")\n'
                  '    sys.stdout = io.TextIOWrapper(sys.stdout.buffer)\n'
                  '    sys.stderr = None\n'
                  '    print("second")\n')
        self.twice(['first', 'second'])

    def test_closed_at_import(self):
        self.load('import io, sys\n'
                  'stream = io.TextIOWrapper(sys.stdout.buffer)\n'
                  'sys.stdout = stream\n'
                  'def main(**kw): print("heard"); stream.close()\n')
        self.twice(['heard'])

    def test_reconfigured(self):
        self.load('import sys\nsys.stdout.reconfigure(errors="replace")\n'
                  'def main(**kw): print("a\\ud800")\n')
        self.twice(['a?'])

    def test_write_that_would_block(self):
        for how in ('os.set_blocking(1, False)',
                    'subprocess.run([sys.executable, "-c", '
                    '"import os; os.set_blocking(1, False)"])'):
            self.load('import os, subprocess, sys\n'
                      'def main(lines):\n    %s\n'
                      '    for number in range(lines):\n'
                      '        print("line %%05d " %% number + "y" * 200)\n'
                      '    return os.get_blocking(1)\n' % how)
            result = self.succeeds(False, 3000)
            self.assertEqual(
                ['line %05d ' % number + 'y' * 200 for number in range(3000)],
                self.log(result))

    def test_blocking_mode_comes_back(self):
        self.load('import os\ndef main():\n    before = os.get_blocking(1)\n'
                  '    os.set_blocking(1, False)\n    return before\n')
        for _number in range(3):
            self.succeeds(True)


class TestChannel(UserCodeTest):
    def test_channel_that_would_block(self):
        self.load('import os\ndef main(size):\n'
                  '    os.set_blocking(3, False)\n    return "x" * size\n')
        for _number in range(2):
            result = self.succeeds('x' * 900000, 900000)
            self.assertEqual([], self.log(result))
        self.assertEqual(1, len(self.agent.executors(self.client)))

    def test_replaced_channel(self):
        for statement in ('os.dup2(1, 3)', 'os.dup(3); os.dup2(1, 3)',
                          'os.dup2(0, 3)'):
            self.load(f'import os\ndef main():\n    {statement}\n')
            for _number in range(2):
                self.assertNotIn('Traceback', self.check_fails('function')[
                    'log'], statement)


class TestLog(UserCodeTest):
    def test_packets(self):
        self.load('import fcntl, os\ndef main():\n'
                  '    fcntl.fcntl(1, fcntl.F_SETFL, os.O_WRONLY'
                  ' | os.O_DIRECT)\n    for number in range(10):\n'
                  '        os.write(1, b"%d\\n" % number)\n')
        for _number in range(2):
            self.assertEqual([str(number) for number in range(10)],
                             self.log(self.succeeds(None)))


class TestEnvironment(UserCodeTest):
    def test_time_zone(self):
        self.load('import time\ndef main(**kw): return time.tzname[0]\n',
                  environment={'TZ': 'Asia/Tokyo'})
        self.succeeds('JST')

    def test_time_zone_comes_back(self):
        self.load('import os, time\ndef main(**kw):\n'
                  '    before = time.tzname[0]\n'
                  '    os.environ["TZ"] = "America/New_York"\n'
                  '    time.tzset()\n    return before\n',
                  environment={'TZ': 'Asia/Tokyo'})
        for _number in range(2):
            self.succeeds('JST')

    def test_hidden_time_zone_comes_back(self):
        for change in ('os.putenv("TZ", "EST5")',
                       'os.environ["TZ"] = "EST5"; time.tzset(); '
                       'del os.environ["TZ"]',
                       'time.tzname = ("EST", "EST"); os.unsetenv("TZ")'):
            for environment in ({}, {'TZ': 'Asia/Tokyo'}):
                self.load('import os, time\ndef main():\n'
                          '    before = [time.tzname[0], *map(\n'
                          '        time.strftime, ["%Z", "%z"])]\n'
                          f'    {change}\n'
                          '    time.mktime(time.localtime())\n'
                          '    return before\n', environment=environment)
                expected = (['JST', 'JST', '+0900'] if environment else
                            ['UTC', 'UTC', '+0000'])
                for _number in range(2):
                    self.succeeds(expected)

    def test_replaced_import(self):
        self.load('import builtins\ndef main():\n'
                  '    builtins.__import__ = lambda *a, **k: 1 / 0\n'
                  '    return 1\n')
        for _number in range(3):
            self.assertEqual([], self.log(self.succeeds(1)))

    def test_locale_comes_back(self):
        self.load('import locale\ndef main():\n'
                  '    before = locale.setlocale(locale.LC_ALL)\n'
                  '    locale.setlocale(locale.LC_ALL, "POSIX")\n'
                  '    return before\n', environment={'LC_ALL': 'C.UTF-8'})
        before = self.client.execute()['output']
        self.assertIn('UTF-8', before)
        self.succeeds(before)

    def test_odd_time_zones(self):
        for zone in ('', ':', 'x' * 4000, '../../../etc/passwd',
                     ':/dev/zero', '/proc/self/mem', 'right/UTC', '<%n>9'):
            self.load('import time\n'
                      'def main(): return time.localtime(0).tm_year\n',
                      environment={'TZ': zone})
            self.succeeds(1970)

    def test_variables_of_the_start(self):
        for name, value in (('LC_ALL', 'C.UTF-8'), ('MALLOC_ARENA_MAX', '1'),
                            ('SSL_CERT_FILE', '/code/certificates')):
            self.load('def main(name):\n'
                      '    with open("/proc/self/environ") as file:\n'
                      '        return dict(line.split("=", 1) for line in\n'
                      '            file.read().split("\\0") if line)[name]\n',
                      environment={name: value})
            self.succeeds(value, name)
            self.assertEqual(1, len(self.agent.executors(self.client)))


class TestThreads(UserCodeTest):
    RECURSION = """
import threading
def main(how):
    found = []
    def work():
        def by_sort(n): return sorted([1, 2], key=lambda x: by_sort(n + 1))
        def plain(n): return plain(n + 1)
        class Attribute:
            def __getattr__(self, name): return getattr(self, name + 'a')
        def by_format(): return str(Shown())
        class Shown:
            def __str__(self): return '%s' % Shown()
        functions = {'sort': lambda: by_sort(0), 'plain': lambda: plain(0),
                     'attribute': lambda: Attribute().x, 'format': by_format}
        try:
            functions[how]()
        except RecursionError:
            found.append('RecursionError')
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return found
"""

    def test_deep_recursion(self):
        for interpreter in interpreters().values():
            self.load(self.RECURSION, interpreter)
            for how in ('plain', 'sort', 'attribute', 'format'):
                self.succeeds(['RecursionError'], how)


class TestInterpreter(UserCodeTest):
    def test_exit_and_quit(self):
        for call in ('exit()', 'quit(3)', 'exit("words")'):
            self.load('def main(**kw): %s\n' % call)
            self.check_fails('SystemExit')

    def test_exit_is_printable(self):
        self.load('def main(): return [repr(exit), str(quit)]\n')
        self.succeeds(['Use exit() to exit', 'Use quit() to exit'])

    def test_input(self):
        self.load('def main(): return input("name?")\n')
        self.check_fails('no standard input')

    def test_breakpoint(self):
        self.load('def main(): breakpoint(); return 1\n')
        self.check_fails('no terminal for a debugger')

    def test_nested_values_keep_their_content_or_fail(self):
        imports = 'import collections, dataclasses, datetime, decimal, enum\n'
        for value in (
                '[{1}]', '{"a": datetime.date(2030, 1, 1)}',
                '[decimal.Decimal("1.1")]', '[float("nan")]',
                '{"a": [float("-inf")]}', '{"a": b"x"}', '[bytearray(b"x")]',
                '[dataclasses.make_dataclass("D", ["a"])(1)]',
                '{(1, 2): 3}', '{float("nan"): 1}', '[range(3)]', '[1j]',
                '[collections.deque([1])]', '[object()]', '[10 ** 5000]'):
            self.load(f'{imports}def main(): return {value}\n')
            self.check_fails('cannot be written as JSON')
        for value, output in (
                ('[(1, 2)]', [[1, 2]]), ('{1: 2, None: 3}',
                                         {'1': 2, 'null': 3}),
                ('[collections.Counter("aa")]', [{'a': 2}]),
                ('[enum.IntEnum("E", ["A"]).A]', [1]),
                ('[collections.namedtuple("P", ["a"])(1)]', [[1]]),
                ('[2 ** 70, 1e308]', [2 ** 70, 1e308])):
            self.load(f'{imports}def main(): return {value}\n')
            self.succeeds(output)
        self.load('def main():\n    a = []\n    a.append(a)\n    return a\n')
        self.check_fails('cannot be written as JSON')


class TestSource(UserCodeTest):
    def test_source_that_is_no_text(self):
        for interpreter in interpreters().values():
            for source, line in (
                    ('x = 1\ndef main(): pass\n'.encode('utf-16'), 1),
                    (b'x = 1\n\ny = "\xff"\n', 3),
                    (b'x = 1\ny = 2\n\0\n', 3)):
                for name in ('main.py', 'other.py'):
                    self.load({'main.py': 'import other\n', name: source},
                              interpreter)
                    result = self.check_fails('in %s, line %d' % (name, line))
                    self.assertIn('The module main cannot be imported',
                                  result['output'])


class TestOddInterpreters(base.BaseTestCase):
    def test_this_interpreter_is_tested(self):
        self.assertIn('this', interpreters())
