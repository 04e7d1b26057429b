# SPDX-License-Identifier: Apache-2.0
"""Tests of the shell: help, suggestions, completion and start."""

import io
import subprocess
import sys

from oslotest import base

from qinling.client import help
from qinling.tests.unit.client import stub

ID = '11111111-2222-4333-8444-555555555555'
#: Modules that a command without Keystone must not import.
SLOW = ('requests', 'keystoneauth1', 'openstack', 'osc_lib', 'cmd2', 'yaml',
        'pathspec', 'tqdm')
MAX_CALLS = 200000
COUNT_CALLS = """\
import sys
calls = 0


def count(frame, event, argument):
    global calls
    calls += event in ('call', 'c_call')


sys.setprofile(count)
from qinling.client import __main__ as program
program.main(sys.argv[1:])
sys.setprofile(None)
print(calls, file=sys.stderr)
"""


def list_functions(*names):
    """Return the answer of a list of functions."""
    return stub.answer(body={'functions': [
        {'id': ID, 'name': name} for name in names]})


class TestHelp(base.BaseTestCase):

    def run_command(self, *words, code=0):
        result, out, self.errors = stub.Server().run(*words)
        self.assertEqual(code, result, (out, self.errors))
        return out

    def test_anywhere(self):
        for words in (('function', 'list', '--help'),
                      ('--help', 'function', 'list'),
                      ('function', '--help', 'list'),
                      ('function', 'list', '--limit', '3', '--help'),
                      ('help', 'function', 'list')):
            self.assertIn('usage: qinling function list',
                          self.run_command(*words))
        self.assertIn('usage: qinling function invoke', self.run_command(
            'invoke', 'greeter', 'name=Ada', '-h'))

    def test_nouns(self):
        out = self.run_command('function', 'execution', '--help')
        self.assertIn('function execution wait', out)
        self.assertNotIn('function list', out)
        self.run_command('function', code=2)
        self.assertIn('function invoke ', self.errors)

    def test_unknown_commands(self):
        for words, hint in (
                ('function lst', 'Did you mean: function list'),
                ('fnction list', 'Did you mean: function list'),
                ('invok greeter', 'Did you mean: invoke'),
                ('exec', 'Did you mean: invoke?'),
                ('function publish', 'Did you mean: version create?'),
                ('list', 'Did you mean: function list?'),
                ('functions', 'Did you mean: function list?'),
                ('executions', 'Did you mean: execution list?'),
                ('zzz', 'qinling help')):
            self.run_command(*words.split(), code=2)
            self.assertIn(hint, self.errors)
            self.assertLess(self.errors.count(','), 3)

    def test_words_for_commands_name_commands(self):
        for command in set(help.COMMANDS.values()):
            self.run_command(*command.split(), '--help')

    def test_unauthorized(self):
        server = stub.Server(*[
            stub.answer(401, {'faultstring': 'Who?'}, **headers)
            for headers in ({'WWW-Authenticate': 'Basic'}, {})])
        for hint in ('. Set OS_AUTH_TYPE', ''):
            code, _out, errors = server.run('function', 'list')
            self.assertEqual(1, code)
            self.assertRegex(errors, rf'Who\? \(HTTP 401\){hint}')
            self.assertEqual(bool(hint), 'OS_AUTH_TYPE' in errors)

    def test_unknown_options(self):
        ran = subprocess.run(
            [sys.executable, '-m', 'qinling.client', 'function', 'create',
             '--runtme', 'python3'], capture_output=True, text=True)
        self.assertEqual(2, ran.returncode)
        self.assertIn('Did you mean: --runtime', ran.stderr)

    def test_errors_without_usage(self):
        for words, sentence in (
                ('job create --cron 1', '--cron 1. Did you mean: --pattern'),
                ('job create name=x', "option: --function-input '{"),
                ('webhook create --alias a', 'mean: --function-alias'),
                ('execution create work', 'Did you mean: --function work?'),
                ('function create work', 'Did you mean: --name work?'),
                (f'function create {__file__}',
                 f'Did you mean: --file {__file__}?'),
                ('logs --function work', 'no option --function; write '
                                         'FUNCTION without an option'),
                ('alias update --function-alias=a', 'write FUNCTION_ALIAS'),
                ('secret list', 'are required: FUNCTION')):
            ran = subprocess.run(
                [sys.executable, '-m', 'qinling.client', *words.split()],
                capture_output=True, text=True)
            self.assertEqual(2, ran.returncode)
            self.assertIn(sentence, ran.stderr)
            self.assertNotIn('usage:', ran.stderr)
            self.assertRegex(ran.stderr, 'Options: qinling .* --help\n$')

    def test_unknown_names(self):
        server = stub.Server(list_functions('greeter', 'resizer'))
        code, _out, errors = server.run('function', 'show', 'greter')
        self.assertEqual((1, 'Function not found [name=greter] (HTTP 404). '
                             'Did you mean: greeter?\n'), (code, errors))
        server = stub.Server(list_functions('greeter'))
        code, _out, errors = server.run('function', 'delete', 'greter')
        self.assertEqual(1, code)
        self.assertIn('Did you mean: greeter?', errors)


class TestInput(base.BaseTestCase):

    def run_lines(self, text, *answers):
        app = stub.Shell(stub.Server(*answers).client(), [])
        app.stdin = io.StringIO(text)
        return app.run([]), app.stdout.getvalue(), app.stderr.getvalue()

    def test_commands_on_standard_input(self):
        code, out, errors = self.run_lines(
            '# two commands\n\nfunction list -f value -c Name\n'
            'function list --help\nfunction lst\n', list_functions('a'))
        self.assertEqual((1, 'a'), (code, out.splitlines()[0]))
        self.assertIn('usage: qinling function list', out)
        self.assertIn('Did you mean', errors)

    def test_overview(self):
        code, out, _errors = self.run_lines(
            '', list_functions('greeter'), stub.answer(body={
                'count': 3, 'failures': 1}),
            stub.answer(body={'executions': [{
                'id': ID, 'function_id': ID, 'status': 'failed',
                'reason': 'timeout', 'created_at': '2026-01-01T00:00:00Z'}]}),
            stub.answer(body={'id': ID, 'name': 'greeter'}))
        self.assertEqual(0, code)
        self.assertIn('Functions   1\n', out)
        self.assertIn('3 executions, 1 failed', out)
        self.assertIn('timeout  greeter', out)
        self.assertNotIn('\033', out)

    def test_overview_without_statistics(self):
        for answer in (
                stub.answer(404, {'faultstring': 'There is nothing at /v1.'}),
                stub.answer(body={'count': 0, 'failures': 0})):
            code, out, _errors = self.run_lines(
                '', list_functions('greeter'), answer,
                stub.answer(body={'executions': [
                    {'created_at': '2999-01-01T00:00:00Z',
                     'status': 'success'},
                    {'created_at': '2020-01-01T00:00:00Z',
                     'status': 'error'}]}))
            self.assertEqual(0, code)
            self.assertIn('1 execution, 0 failed', out)

    def test_first_overview(self):
        code, out, _errors = self.run_lines('', list_functions())
        self.assertIn('qinling function create', out)


class TestCompletion(base.BaseTestCase):

    def complete(self, *words, answers=()):
        code, out, errors = stub.Server(*answers).run(
            'complete', '--words', '--', *words)
        self.assertEqual((0, ''), (code, errors))
        return out.split()

    def test_commands(self):
        self.assertEqual(['init', 'invoke'], self.complete('function', 'in'))
        self.assertIn('runtime', self.complete(''))
        self.assertEqual(['execution'], self.complete('exe'))
        self.assertIn('list', self.complete('execution', ''))

    def test_options(self):
        self.assertEqual(['--runtime'],
                         self.complete('function', 'create', '--runt'))
        self.assertEqual(['all'], self.complete(
            'job', 'create', '--misfire', 'a'))

    def test_names(self):
        answers = [list_functions('greeter', 'resizer', None)]
        for words in (['function', 'invoke', 'g'],
                      ['function', 'delete', 'resizer', 'g'],
                      ['job', 'create', '--function', 'g'], ['logs', 'g']):
            self.assertEqual(['greeter'],
                             self.complete(*words, answers=answers))

    def test_no_server(self):
        self.assertEqual([], self.complete('function', 'invoke', '', answers=[
            stub.answer(503, {'faultstring': 'Not now.'})]))

    def test_scripts(self):
        for shell in ('bash', 'zsh', 'fish'):
            code, out, _errors = stub.Server().run(
                'complete', '--shell', shell)
            self.assertEqual(0, code)
            self.assertIn('qinling complete --words', out)


class TestStart(base.BaseTestCase):

    def run_program(self, words, script):
        return subprocess.run(
            [sys.executable, '-c', 'import sys\n'
             'from qinling.client import __main__ as program\n'
             f'code = program.main({words.split()!r})\n{script}'],
            capture_output=True, text=True)

    def test_imports(self):
        for words in ('--qinling-url http://127.0.0.1:1 function list',
                      'function invoke --help', 'complete'):
            ran = self.run_program(
                words, 'print(" ".join(sys.modules), file=sys.stderr)')
            loaded = ran.stderr.split()
            self.assertIn('cliff', loaded)
            self.assertEqual([], [name for name in SLOW if name in loaded],
                             words)

    def test_imports_with_keystone(self):
        ran = self.run_program(
            '--os-auth-type admin_token function list --help',
            'print(" ".join(sys.modules), file=sys.stderr)')
        self.assertIn('keystoneauth1', ran.stderr.split())

    def test_calls_of_a_command(self):
        """Count calls, since times depend on the neighbours."""
        for words in ('--qinling-url http://127.0.0.1:1 function list',
                      'function invoke --help', 'complete'):
            ran = subprocess.run(
                [sys.executable, '-c', COUNT_CALLS, *words.split()],
                capture_output=True, text=True)
            calls = int(ran.stderr.split()[-1])
            # About 0.1 s of processor time on a quiet machine.
            self.assertGreater(calls, 10000)
            self.assertLess(calls, MAX_CALLS, words)
