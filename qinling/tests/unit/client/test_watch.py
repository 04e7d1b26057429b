# SPDX-License-Identifier: Apache-2.0
"""Tests of ``--watch``, JSON lines and spinners."""

import contextlib
import io
import json
import os
import threading
from unittest import mock

import fixtures
from oslotest import base
import requests

from qinling.client.commands import progress
from qinling.client.commands import watch
from qinling.client import shell
from qinling.client import v1
from qinling.tests import databases
from qinling.tests.unit.client import stub
from qinling.tests.unit.client import test_colors
from qinling.tests.unit.client import test_tables

RUNNING = dict(test_tables.EXECUTION, status='running', reason=None,
               result=None)
ENDED = test_tables.EXECUTION
OTHER = dict(ENDED, id=test_tables.ID)


class Application(stub.Shell):
    """Shell with chosen streams."""

    def __init__(self, client, words, stream):
        super().__init__(client, words)
        self.stdout = stream()


class TestWatch(base.BaseTestCase):

    def watch(self, words, *answers, stream=io.StringIO):
        """Run a command until the answers are used up.

        :returns: standard output and error, and the pauses.
        """
        server = stub.Server(*answers)
        words = [*words.split(), '--watch']
        app = Application(server.client(), words, stream)
        pauses = []

        def sleep(seconds):
            pauses.append(seconds)
            if not server.answers:
                raise KeyboardInterrupt

        with mock.patch.object(watch.time, 'sleep', sleep):
            self.assertEqual(shell.INTERRUPTED, app.run(words))
        return app.stdout.getvalue(), app.stderr.getvalue(), pauses

    def answer(self, *rows):
        return test_tables.answer_list('executions', *rows)

    def test_changes(self):
        out, _, pauses = self.watch(
            'execution list -f value -c Status', self.answer(RUNNING),
            self.answer(RUNNING), self.answer(ENDED))
        self.assertEqual('running\nfailed\n', out)
        self.assertEqual([2.0] * 3, pauses)

    def test_json_lines(self):
        out, errors, _ = self.watch(
            'execution list -o json', self.answer(RUNNING, OTHER),
            self.answer(RUNNING, OTHER), self.answer(ENDED, OTHER))
        rows = [json.loads(line) for line in out.splitlines()]
        self.assertEqual(
            [(ENDED['id'], 'running'), (OTHER['id'], 'failed'),
             (ENDED['id'], 'failed')],
            [(row['id'], row['status']) for row in rows])
        self.assertEqual('', errors)

    def test_one_resource(self):
        out, _, _ = self.watch(
            f'execution show {ENDED["id"]} -o json',
            stub.answer(body=RUNNING), stub.answer(body=ENDED))
        self.assertEqual(['running', 'failed'], [
            json.loads(line)['status'] for line in out.splitlines()])

    def test_server_is_away(self):
        out, errors, _ = self.watch(
            'execution list -f value -c Status', self.answer(RUNNING),
            requests.ConnectionError('refused'), self.answer(ENDED))
        self.assertEqual('running\nfailed\n', out)
        self.assertIn('Waiting for the server.', errors)

    def test_outage_without_a_change(self):
        for option in ('-o json', '-f value -c Status'):
            out, errors, _ = self.watch(
                f'execution list {option}', self.answer(RUNNING),
                requests.ConnectionError('refused'), self.answer(RUNNING))
            self.assertEqual(1, out.count('\n'), out)
            self.assertIn('Waiting for the server.', errors)

    def test_error(self):
        server = stub.Server(stub.answer(403, {'faultstring': 'No.'}))
        code, _, errors = server.run('execution', 'list', '--watch')
        self.assertEqual((1, 'No. (HTTP 403)\n'), (code, errors))

    def test_screen(self):
        with mock.patch('shutil.get_terminal_size',
                        return_value=os.terminal_size((80, 5))):
            out, errors, _ = self.watch(
                'execution list --long', self.answer(RUNNING),
                self.answer(*[dict(ENDED, id=f'id-{number}')
                              for number in range(9)]),
                stream=test_colors.Terminal)
        first, second = out.split(watch.HOME)[1:]
        for drawn in (first, second):
            self.assertIn('every 2s; end with Ctrl-C', drawn)
            self.assertTrue(drawn.endswith(f'\n{watch.LINES_BELOW}'), drawn)
            self.assertLess(drawn.count('\n'), 5)
        self.assertIn('lines below', second)
        self.assertEqual('', errors)

    def test_interval(self):
        server = stub.Server(self.answer())
        app = stub.Shell(server.client(), [])
        with mock.patch.object(watch.time, 'sleep',
                               side_effect=KeyboardInterrupt) as sleep:
            app.run(['execution', 'list', '--watch', '10s'])
        sleep.assert_called_once_with(10)

    def test_changing_commands_have_no_option(self):
        for words in ('function create', 'quota set p', 'budget set p',
                      'execution create'):
            errors = io.StringIO()
            with contextlib.redirect_stderr(errors):
                self.assertRaises(SystemExit, stub.Server().run,
                                  *words.split(), '--watch')
            self.assertIn('--watch', errors.getvalue())


class TestJsonLines(base.BaseTestCase):

    def run_command(self, *words, answers):
        code, out, errors = stub.Server(*answers).run(*words)
        self.assertEqual(0, code, errors)
        return [json.loads(line) for line in out.splitlines()]

    def test_list_has_all_fields_and_pages(self):
        function = dict(test_tables.FUNCTION, name='grüßer')
        rows = self.run_command(
            'function', 'list', '-o', 'json', answers=[
                stub.answer(body={'functions': [function],
                                  'next': 'http://x/v1/functions?marker=a'}),
                test_tables.answer_list('functions', test_tables.FUNCTION)])
        self.assertEqual(['grüßer', 'greeter'], [row['name'] for row in rows])
        self.assertEqual(function['code'], rows[0]['code'])
        self.assertEqual(3, rows[0]['latest_version'])

    def test_rows_are_printed_before_the_next_page(self):
        server = stub.Server(stub.answer(body={
            'functions': [test_tables.FUNCTION],
            'next': 'http://x/v1/functions?marker=a'}),
            stub.answer(503, {'faultstring': 'Later.'}))
        code, out, _ = server.run('function', 'list', '-f', 'jsonl')
        self.assertEqual((1, 'greeter'), (code, json.loads(out)['name']))

    def test_columns(self):
        self.assertEqual([{'name': 'greeter'}], self.run_command(
            'function', 'list', '-o', 'json', '-c', 'name', answers=[
                test_tables.answer_list('functions', test_tables.FUNCTION)]))

    def test_logs(self):
        rows = self.run_command(
            'logs', test_tables.ID, '-o', 'json', answers=[
                test_tables.answer_list('executions', ENDED),
                stub.answer(body='one\ntwo\n')])
        self.assertEqual(['one', 'two'], [row['line'] for row in rows])
        self.assertEqual((ENDED['id'], 'failed', 'timeout'), (
            rows[0]['execution_id'], rows[0]['status'], rows[0]['reason']))


class TestSpinner(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.MockPatchObject(
            progress, 'SPINNER_DELAY', 0))
        self.stream = test_colors.Terminal()
        self.spinner = progress.Spinner(self.stream)

    def wait_for(self, text):
        databases.wait_until(lambda: text in self.stream.getvalue())

    def test_terminal(self):
        with self.spinner.show():
            self.wait_for(progress.PICTURES[1])
            progress.print_note('Done.', self.stream)
        out = self.stream.getvalue()
        self.assertIn('Waiting for the server', out)
        self.assertIn(f'{progress.CLEAR}Done.\n', out)
        self.assertTrue(out.endswith(progress.CLEAR), out)
        self.assertNotIn('spinner', {
            thread.name for thread in threading.enumerate()})

    def test_error(self):
        with self.assertRaises(KeyboardInterrupt), self.spinner.show():
            self.wait_for('Waiting')
            raise KeyboardInterrupt
        self.assertTrue(self.stream.getvalue().endswith(progress.CLEAR))

    def test_a_fast_answer_draws_nothing(self):
        progress.SPINNER_DELAY = databases.PATIENCE
        with self.spinner.show():
            progress.print_note('Done.', self.stream)
        self.assertNotIn('Waiting', self.stream.getvalue())

    def test_no_terminal(self):
        stream = io.StringIO()
        with progress.Spinner(stream).show():
            progress.print_note('Done.', stream)
        self.assertEqual('Done.\n', stream.getvalue())

    def test_within_a_bar_and_within_another(self):
        terminal = test_colors.Terminal()
        with self.spinner.show(), progress.Spinner(terminal).show():
            self.wait_for('Waiting')
        with progress.show_bar(self.stream) as update:
            with progress.Spinner(terminal).show():
                update(1, 2)
        self.assertEqual('', terminal.getvalue())

    def test_a_bar_within_a_spinner(self):
        with self.spinner.show(), progress.show_bar(self.stream) as update:
            update(1, 2)
        with self.spinner.show():
            self.wait_for('Waiting')

    def test_ascii(self):
        self.stream.encoding_name = 'ascii'
        with self.spinner.show():
            self.wait_for('\\ Waiting')
        self.assertTrue(self.stream.getvalue().isascii())

    def test_requests_and_waits(self):
        entered = []

        class Indicator:
            @contextlib.contextmanager
            def show(self):
                entered.append(len(server.requests))
                yield
                entered.append(-len(server.requests))

        server = stub.Server(stub.answer(body=RUNNING),
                             stub.answer(body=ENDED))
        client = v1.Client(sender=server.client()._sender,
                           indicator=Indicator())
        with mock.patch('time.sleep'):
            client.executions.wait(ENDED['id'])
        # The wait, and within it each request.
        self.assertEqual([0, 0, -1, 1, -2, -2], entered)
