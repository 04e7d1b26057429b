# SPDX-License-Identifier: Apache-2.0
"""Log lines of the programs: nothing from outside can forge a line."""

import io
import json
import logging
import sys
import traceback
from unittest import mock

import fixtures as fixtures_module
from oslo_context import fixture as context_fixture
from oslo_log import formatters
from oslo_log import handlers
from oslotest import base

from qinling.cmd import process
from qinling import conf as qinling_conf
from qinling import context
from qinling import log_format
from qinling import printable
from qinling.tests import fixtures
from qinling.tests.unit.api import cases

DATE = '%Y-%m-%d %H:%M:%S'
FORGED = '2031-01-01 00:00:00.000 1 INFO qinling [-] FORGED'
#: Text -> text in the log.
TEXTS = {
    f'a\n{FORGED}': f'a\\n{FORGED}',
    f'a\r\n{FORGED}': f'a\\r\\n{FORGED}',
    f'a\u2028{FORGED}\x85\x0b\x0c': f'a\\u2028{FORGED}\\x85\\x0b\\x0c',
    '\x1b[2J\x1b]0;title\x07': '\\x1b[2J\\x1b]0;title\\x07',
    '\x9b31m \x7f \0 \x08': '\\x9b31m \\x7f \\x00 \\x08',
    'a\u202etxt.exe\u2066\u200b\ufeff':
        'a\\u202etxt.exe\\u2066\\u200b\\ufeff',
    '\ud800 \udcff': '\\ud800 \\udcff',
    'tab\t, ümlaut, 日本\u3000語, 🙂, \\n': 'tab\t, ümlaut, 日本\u3000語, 🙂, \\n',
}


class LogTest(base.BaseTestCase):
    """Records of a logger with the formatter of oslo.log."""

    def setUp(self):
        super().setUp()
        self.useFixture(context_fixture.ClearRequestContext())
        self.conf = fixtures.configured(self)
        self.stream = io.TextIOWrapper(io.BytesIO(), 'utf-8', newline='')
        self.log = logging.getLogger(f'forging.{id(self)}')
        self.log.propagate = False
        self.attach(logging.StreamHandler(self.stream),
                    formatters.ContextFormatter(config=self.conf,
                                                datefmt=DATE))
        self.addCleanup(self.log.handlers.clear)

    def attach(self, handler, formatter):
        """Replace the handlers of the logger."""
        handler.setFormatter(formatter)
        self.log.handlers[:] = [handler]
        log_format.protect_handlers()

    def output(self):
        """Return the text so far."""
        self.stream.flush()
        return self.stream.buffer.getvalue().decode()

    def lines(self):
        """Return the lines so far, for every kind of line end."""
        return self.output().splitlines()

    def check_lines(self, count=1):
        """Check the beginnings and the characters of all lines."""
        lines = self.lines()
        self.assertEqual(count, len(lines), lines)
        for line in lines:
            self.assertRegex(line, r'\A\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ ')
            self.assertEqual(line, printable.escape(line))
        return lines


class TestMessages(LogTest):
    def test_arguments(self):
        for text, escaped in TEXTS.items():
            self.log.error('Could not do it: %s', text)
            self.assertTrue(self.output().endswith(f': {escaped}\n'), text)
        self.check_lines(len(TEXTS))

    def test_messages_without_arguments(self):
        for text in TEXTS:
            self.log.warning(text)
        self.check_lines(len(TEXTS))

    def test_names_of_users_and_projects(self):
        for text in TEXTS:
            context.RequestContext(
                user_id=text, user_name=text, project_id=text, enforcer=None,
                request_id=f'req-{text}', overwrite=True).use_in_log()
            self.log.error('message')
        self.check_lines(len(TEXTS))

    def test_active_exceptions_are_summarized(self):
        for text in TEXTS:
            try:
                raise OSError(text)
            except OSError:
                self.log.warning('message')
        self.check_lines(len(TEXTS))

    def test_printable_messages_cost_no_regex(self):
        with mock.patch.object(printable, '_UNSAFE') as unsafe:
            self.log.error('GET %s: %d after %.1f ms.', '/v1/ü', 200, 0.5)
        self.assertEqual([], unsafe.mock_calls)

    def test_records_are_not_changed(self):
        record = self.log.makeRecord('name', 40, 'path', 1, '%s', ('\n',),
                                     None)
        self.log.handlers[0].format(record)
        self.assertEqual(('%s', ('\n',)), (record.msg, record.args))


class TestTracebacks(LogTest):
    def raise_error(self, text):
        """Log an exception with causes, notes, a group and bad syntax."""
        try:
            try:
                raise SyntaxError(text, (text, 1, 1, f'a = {text}\n'))
            except SyntaxError as e:
                raise KeyError(text) from e
        except KeyError as e:
            error = ExceptionGroup(text, [ValueError(text), OSError(2, text)])
            error.add_note(text)
            error.__context__ = e
            self.log.error('Could not do it.', exc_info=error)

    def test_texts_of_exceptions(self):
        for text, escaped in TEXTS.items():
            self.stream.truncate(0)
            self.stream.seek(0)
            self.raise_error(text)
            lines = self.check_lines(len(self.lines()))
            self.assertIn(f'ValueError: {escaped}', '\n'.join(lines))
            self.assertLess(len(lines), 30)

    def test_tracebacks_remain_readable(self):
        try:
            raise ValueError('one\ntwo')
        except ValueError:
            self.log.exception('Could not do it.')
            expected = traceback.format_exc()
        prefixes, lines = zip(*(
            line.split(self.log.name + ' ') for line in self.lines()[1:]))
        self.assertEqual(expected.replace('one\ntwo', 'one\\ntwo'),
                         '\n'.join(line.replace('[-] ', '').strip('\n')
                                   for line in lines).strip() + '\n')
        self.assertEqual({'ERROR'}, {prefix.split()[-1]
                                     for prefix in prefixes})

    def test_private_names_of_the_library(self):
        trace = traceback.TracebackException.from_exception(ValueError('a'))
        self.assertEqual('a', trace._str)

    def test_plain_formatters(self):
        for formatter in (None, logging.Formatter('%(message)s')):
            self.attach(logging.StreamHandler(self.stream), formatter)
            self.raise_error(f'a\n{FORGED}')
            self.log.error('a', stack_info=True)
        for line in self.lines():
            self.assertFalse(line.startswith(FORGED[:4]))
            self.assertEqual(line, printable.escape(line))

    def test_missing_exceptions(self):
        self.log.error('message', exc_info=True)
        self.assertNotIn('\x00', self.output())
        self.assertIn('message', self.output())


class TestHandlers(LogTest):
    def test_colors_remain(self):
        self.conf.set_override('logging_default_format_string',
                               '%(color)s%(message)s')
        self.attach(handlers.ColorHandler(self.stream),
                    formatters.ContextFormatter(config=self.conf))
        self.log.error('\x1b[2J')
        self.assertEqual('\x1b[01;31m\\x1b[2J\x1b[00m\n', self.output())

    def test_json(self):
        self.attach(logging.StreamHandler(self.stream),
                    formatters.JSONFormatter())
        for text in TEXTS:
            try:
                raise ValueError(text)
            except ValueError:
                self.log.exception('Could not do it: %s', text)
        self.assertEqual(list(TEXTS), [
            json.loads(line)['message'].partition(': ')[2]
            for line in self.output().split('\n')[:-1]])
        self.assertEqual(len(TEXTS), len(self.lines()))

    def test_handlers_are_protected_once(self):
        formatter = self.log.handlers[0].formatter
        kind = type(formatter)
        log_format.protect_handlers()
        self.assertIs(kind, type(formatter))

    def test_reload_protects_new_handlers(self):
        path = self.create_tempfiles([('qinling', '[api]\n')], '.conf')[0]
        self.log.handlers[0].setFormatter(logging.Formatter())
        process._reload(qinling_conf.load([], [path]))
        self.log.error(f'a\n{FORGED}')
        self.assertEqual(1, len(self.lines()))

    def test_sentences_for_the_terminal(self):
        with mock.patch.object(sys, 'stderr', io.StringIO()) as stderr:
            self.assertRaises(SystemExit, process.fail, 'a\x1b[2J\nb')
        self.assertEqual('a\\x1b[2J\\nb\n', stderr.getvalue())


class TestRequests(cases.ApiTest):
    """Requests of clients, with debug messages."""

    def setUp(self):
        super().setUp()
        self.stream = io.StringIO()
        handler = logging.StreamHandler(self.stream)
        handler.setFormatter(formatters.ContextFormatter(
            config=self.api.services.conf, datefmt=DATE))
        root = logging.getLogger()
        self.useFixture(fixtures_module.MonkeyPatch(
            'logging.root.handlers', [handler]))
        level = root.level
        root.setLevel(logging.DEBUG)
        self.addCleanup(root.setLevel, level)
        log_format.protect_handlers()

    def test_paths_and_headers(self):
        for text in TEXTS:
            raw = text.encode('utf-8', 'surrogatepass').decode('latin-1')
            for environ in (
                    {'PATH_INFO': f'/v1/{raw}'},
                    {'QUERY_STRING': f'name={raw}'},
                    {'PATH_INFO': f'/v1/functions/{raw}/versions'},
                    {'HTTP_X_OPENSTACK_REQUEST_ID': raw},
                    {'HTTP_TRACEPARENT': raw}, {'HTTP_ACCEPT': raw},
                    {'HTTP_AUTHORIZATION': f'{raw} {raw}'},
                    {'REQUEST_METHOD': raw}, {'CONTENT_TYPE': raw}):
                environ = {'REQUEST_METHOD': 'GET',
                           'PATH_INFO': '/v1/functions', **environ}
                self.request(environ)
        lines = self.stream.getvalue().split('\n')[:-1]
        self.assertGreater(len(lines), 50)
        for line in lines:
            self.assertRegex(line, r'\A20[0-2]\d-\d\d-\d\d ')
            self.assertEqual(line, printable.escape(line))

    def request(self, environ):
        """Let the application answer a raw environment."""
        environ = {'SERVER_NAME': 'a', 'SERVER_PORT': '80',
                   'SERVER_PROTOCOL': 'HTTP/1.1', 'SCRIPT_NAME': '',
                   'QUERY_STRING': '', 'wsgi.url_scheme': 'http',
                   'wsgi.input': io.BytesIO(), 'wsgi.errors': sys.stderr,
                   **environ}
        statuses = []
        self.api.app(environ, lambda status, *_args: statuses.append(status))
        self.assertLess(statuses[0], '500')
