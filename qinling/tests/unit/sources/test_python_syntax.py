# SPDX-License-Identifier: Apache-2.0
"""Tests of the check of the syntax of uploads."""

import io
import sys

from qinling.db import crud
from qinling.db import models
from qinling import exception
from qinling.sources import entry_module
from qinling.sources import python_syntax
from qinling.tests import fixtures
from qinling.tests.unit.core.function import test_functions

VERSION = '{}.{}.0'.format(*sys.version_info[:2])
BAD = 'x = 1\ndef main(:\n'


class TestCheck(test_functions.FunctionTest):

    def check(self, files, entry='main.main'):
        python_syntax.check(io.BytesIO(fixtures.archive(files)), entry,
                            self.core.conf.resource_limits)

    def check_refused(self, words, files, entry='main.main'):
        error = self.assertRaises(exception.Invalid, self.check, files, entry)
        self.assertIn(words, str(error))

    def test_errors(self):
        self.check_refused('main.py has a syntax error in line 2: ',
                           {'main.py': BAD})
        self.check_refused('a/b.py has', {'a/b.py': BAD}, 'a.b.main')
        self.check_refused('a/__init__.py has', {'a/__init__.py': BAD},
                           'a.main')
        self.check_refused('in line 1: ', {'main.py': 'return 1\n'})

    def test_encodings(self):
        for encoding in ('utf-16', 'utf-32'):
            self.check_refused(
                f'main.py is in {encoding.upper()}, which Python does not '
                'read; save the file in UTF-8.',
                {'main.py': 'x = 1\n'.encode(encoding)})
        self.check({'main.py': 'x = "é"\n'.encode('utf-8-sig')})

    def test_other_code_is_left_to_workers(self):
        for code in ('x = 1\n', '', '# coding: latin-1\nx = "é"\n',
                     BAD + '#' * entry_module.MAX_SOURCE_BYTES,
                     '-' * 100_000 + '1', 'x' + '.x' * 100_000,
                     'not ' * 60_000 + 'x', 'lambda:' * 30_000 + '1'):
            self.check({'main.py': code.encode()})
        self.check({'other.py': BAD})
        self.check({'main.py': 'x = 1\n'}, 'main')
        python_syntax.check(io.BytesIO(b'no archive'), 'main.main',
                            self.core.conf.resource_limits)

    def test_slow_code_is_left_to_workers(self):
        self.patch(entry_module, 'TIMEOUT_SECONDS', 0.0001)
        self.check({'main.py': BAD})

    def test_runtimes(self):
        for language, version, is_checked in (
                ('python', VERSION, True), ('python', '3.2.1', False),
                ('nodejs', VERSION, False), (None, None, False)):
            self.assertEqual(is_checked, python_syntax.is_checkable(
                language, version), (language, version))

    def test_uploads(self):
        package = fixtures.archive({'main.py': BAD})
        row = self.create()
        self.core.db.write(lambda tx: crud.update(
            tx, models.Runtime, row.runtime_id,
            {'language': 'python', 'language_version': VERSION}))
        fields = {'package': package, 'runtime_id': row.runtime_id}
        for action in (lambda: self.create(**fields),
                       lambda: self.functions.update(
                           test_functions.MINE, row.id, {},
                           io.BytesIO(package))):
            self.assertIn('main.py has a syntax error in line 2',
                          str(self.assertRaises(exception.Invalid, action)))
        self.assertEqual([row.package], self.core.packages())
        self.core.conf.set_override('check_syntax', False, 'sources')
        self.create(**fields)
