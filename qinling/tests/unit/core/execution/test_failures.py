# SPDX-License-Identifier: Apache-2.0
"""Fingerprints of failed executions, and their groups."""

import json

from oslotest import base

from qinling.core.execution import failures
from qinling.core.execution import fingerprints
from qinling.core.execution import lifecycle
from qinling.core.execution import outcomes
from qinling.core.execution import rollup
from qinling.db import crud
from qinling.db import models
from qinling import exception
from qinling.states import ExecutionReason
from qinling.states import ExecutionStatus
from qinling.tests import fixtures

PYTHON = '''Start execution: 1
Traceback (most recent call last):
  File "/tmp/w/code/main.py", line {line}, in main
    return helper(1)
  File "/tmp/w/code/{file}", line 3, in helper
    raise {type}({text!r})
  File "/usr/lib/python3.11/json/__init__.py", line 346, in loads
    return 1
{type}: {text}
'''
NODEJS = '''MyError [Error]: {text}
    at helper (/tmp/w/code/index.js:{line}:9)
    at async handler (file:///tmp/w/code/index.js:20:3)
    at node:internal/process:1:2
'''


def explain(log='', text='it broke', reason='user_error'):
    return fingerprints.explain(reason, json.dumps({'output': text}), log,
                                None)


def python(line=8, file='lib.py', type='ValueError', text='it broke'):
    return explain(PYTHON.format(line=line, file=file, type=type, text=text),
                   text)


class TestFingerprints(base.BaseTestCase):
    def test_python(self):
        failure = python()
        self.assertEqual(
            ('user_error', 'ValueError', 'it broke', (
                fingerprints.Frame('main.py', 8, 'main'),
                fingerprints.Frame('lib.py', 3, 'helper'))),
            (failure.reason, failure.exception_type, failure.message,
             failure.frames))

    def test_sentences_of_the_service(self):
        text = 'The package has no module main (entry main.main).'
        self.assertIsNone(explain(text, text).exception_type)
        text = 'KeyError'
        self.assertEqual(text, explain(text, text).exception_type)

    def test_nodejs(self):
        failure = explain(NODEJS.format(text='it broke', line=4))
        self.assertEqual('MyError', failure.exception_type)
        self.assertEqual(('handler', 'helper'), tuple(
            frame.function for frame in failure.frames))
        self.assertEqual(('index.js', 4), (
            failure.frames[-1].file, failure.frames[-1].line))

    def test_equal(self):
        first = python().fingerprint('f')
        self.assertEqual(fingerprints.LENGTH, len(first))
        self.assertEqual(first, python(line=80).fingerprint('f'))
        self.assertEqual(first, python(text='no 7').fingerprint('f'))

    def test_different(self):
        prints = {failure.fingerprint('f') for failure in (
            python(), python(file='other.py'), python(type='KeyError'),
            explain(reason='timeout'), explain(reason='crashed'),
            explain(reason='load_error', text='no module a'),
            explain(reason='load_error', text='no module b'))}
        self.assertEqual(7, len(prints))
        self.assertNotIn(python().fingerprint('g'), prints)

    def test_numbers_of_messages_do_not_matter(self):
        self.assertEqual(
            explain(text='no file 17').fingerprint('f'),
            explain(text='no file 4').fingerprint('f'))

    def test_unusual_texts(self):
        for result in (None, '', 'no JSON', '[]', '{"output": {"a": 1}}',
                       '{"output": "\\u0000\\ud800"}'):
            for log in (None, '', '  File "', '    at (', PYTHON * 1000,
                        '  File "", line x, in y\n    at a (b:c:d)\n'):
                failure = fingerprints.explain('user_error', result, log,
                                               None)
                failure.message.encode()
                self.assertLessEqual(len(failure.frames),
                                     fingerprints.MAX_FRAMES)
                failure.fingerprint('f')


class TestGroups(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.core = self.useFixture(fixtures.Core())
        self.ctx = fixtures.caller()
        self.function = self.core.function().id
        rollup.count_ended(self.core.db)

    def fail(self, text='it broke', version=0, **values):
        """Return the id of an execution that has failed."""
        id = self.core.insert(
            models.Execution, function_id=self.function,
            function_version=version, project_id=self.ctx.project_id)
        values = {'reason': ExecutionReason.USER_ERROR, 'logs': PYTHON.format(
            line=8, file='lib.py', type='ValueError', text=text), **values}
        lifecycle.finish(self.core.db, id, outcomes.Outcome(
            ExecutionStatus.FAILED, json.dumps({'output': text}), **values))
        return id

    def count(self):
        """Count the ended executions, also those of this moment."""
        for row in self.core.db.read(lambda tx: crud.select(
                tx, models.Execution)):
            self.core.services.executions.delete(self.ctx, row.id)

    def list(self, *filters, version=None, ctx=None):
        return self.core.services.failures.list(
            ctx or self.ctx, filters, version, crud.Page())

    def test_groups(self):
        ids = [self.fail(version=version) for version in (1, 3, 1)]
        self.fail('too slow', reason=ExecutionReason.TIMEOUT)
        print_ = self.core.services.executions.get(
            self.ctx, ids[0]).fingerprint
        self.count()
        row = self.core.services.failures.get(self.ctx, print_)
        self.assertEqual(
            (3, [1, 3], 'ValueError', 'it broke', ids[2]),
            (row.count, failures.read_versions(row), row.exception_type,
             row.message, row.last_execution_id))
        self.assertEqual('helper', row.frames[-1]['function'])
        self.assertLess(row.created_at, row.last_seen_at)
        self.assertEqual(2, len(self.list()))
        self.assertEqual([row], self.list(version=3))
        self.assertEqual([], self.list(version=2))
        self.assertEqual([row], self.list(('count', 'gt:1'),
                                          ('reason', 'user_error')))

    def test_only_failures_have_fingerprints(self):
        for status in (ExecutionStatus.SUCCESS, ExecutionStatus.CANCELLED):
            id = self.core.insert(models.Execution,
                                  function_id=self.function)
            lifecycle.finish(self.core.db, id, outcomes.Outcome(status, '1'))
            self.assertIsNone(self.core.row(models.Execution, id).fingerprint)
        self.count()
        self.assertEqual([], self.list())

    def test_other_projects_see_nothing(self):
        self.fail()
        self.count()
        self.assertEqual([], self.list(ctx=fixtures.caller('other')))
        self.assertRaises(exception.FailureNotFound,
                          self.core.services.failures.get, self.ctx, 'x')

    def test_purge(self):
        self.fail()
        self.count()
        row, = self.list()
        for before, count in ((row.last_seen_at, 0), (models.now(), 1)):
            self.assertEqual(count, failures.purge(
                self.core.db, before, 10))
        self.assertEqual([], self.list())

    def test_list_of_executions(self):
        id = self.fail()
        self.fail('too slow', reason=ExecutionReason.TIMEOUT)
        row = self.core.row(models.Execution, id)
        self.assertEqual([id], [row.id for row in (
            self.core.services.executions.list(self.ctx, [
                ('fingerprint', row.fingerprint)], crud.Page()))])
