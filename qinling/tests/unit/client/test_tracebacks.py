# SPDX-License-Identifier: Apache-2.0
"""Tests of the explanations of failed executions."""

import json

from oslotest import base

from qinling.client import tracebacks

PYTHON = """\
Start execution: 1
A line of the function
Traceback (most recent call last):
  File "/code/shop/cart.py", line 10, in total
    json.loads(text)
  File "/usr/lib/python3.11/json/__init__.py", line 346, in loads
    return _default_decoder.decode(s)
json.decoder.JSONDecodeError: Expecting value
Finished execution: 1
"""
CHAIN = """\
Traceback (most recent call last):
  File "/code/main.py", line 1, in first
    x()
KeyError: 'a'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/code/main.py", line 9, in second
    y()
ValueError: two
lines
"""
NODEJS = """\
Error: no such file
    at Object.openSync (node:fs:573:18)
    at async read (/code/lib/files.js:2:47)
    at exports.handler (/code/index.js:6:9)
"""
MODULE = """\
MyError [Error]: no such file
    at file:///code/index.mjs:3:7
"""


def explain(output, log, reason='user_error', status='failed', detail=None):
    """Return the explanation of an execution as text."""
    return str(tracebacks.explain(
        {'id': '1', 'status': status, 'reason': reason,
         'detail': detail, 'result': json.dumps({'output': output})}, log))


class TestExplain(base.BaseTestCase):

    def test_python(self):
        self.assertEqual(
            'json.decoder.JSONDecodeError: Expecting value\n'
            '  shop/cart.py, line 10, in total',
            explain('Expecting value', PYTHON))
        self.assertEqual('ValueError: two\nlines\n'
                         '  main.py, line 9, in second',
                         explain('two\nlines', CHAIN))

    def test_nodejs(self):
        self.assertEqual('Error: no such file\n'
                         '  lib/files.js, line 2, in read',
                         explain('no such file', NODEJS))
        self.assertEqual('MyError: no such file\n  index.mjs, line 3',
                         explain('no such file', MODULE))

    def test_without_traceback(self):
        self.assertEqual('a message', explain('a message', ''))
        self.assertEqual('timeout: It took too long.', explain(
            'It took too long.', PYTHON, 'timeout'))
        self.assertEqual('timeout: longer than 5 s', explain(
            'It took too long.', PYTHON, 'timeout',
            detail='longer than 5 s'))
        self.assertEqual('error: null', explain(None, '', None, 'error'))
        self.assertEqual('{"a": 1}', explain({'a': 1}, ''))

    def test_missing_network(self):
        for message, log in (
                ('<urlopen error [Errno -3] Temporary failure in name '
                 'resolution>', PYTHON),
                ('[Errno 101] Network is unreachable', ''),
                ('getaddrinfo EAI_AGAIN example.com', ''),
                ('fetch failed', NODEJS + 'code: \'ENETUNREACH\'\n')):
            self.assertIn('[process] allow_network', explain(message, log))
        self.assertNotIn('allow_network', explain('Connection refused', ''))
        self.assertNotIn('allow_network', explain(
            'Network is unreachable', '', 'timeout'))

    def test_hostile_logs(self):
        for log in ('    at ', '    at (', '  File "', '  File "x',
                    'Traceback (most recent call last)\n  File "a", line'):
            self.assertEqual('x', explain('x', log).partition('\n')[0])
