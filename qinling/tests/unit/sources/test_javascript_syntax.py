# SPDX-License-Identifier: Apache-2.0
"""Tests of the check of the syntax of JavaScript in uploads."""

import io
import shutil
import subprocess

from qinling.db import crud
from qinling.db import models
from qinling import exception
from qinling.sources import entry_module
from qinling.sources import javascript_syntax
from qinling.tests import fixtures
from qinling.tests.unit.core.function import test_functions

BAD = 'const x = 1;\nfunction main( {\n'


class TestCheck(test_functions.FunctionTest):

    def setUp(self):
        super().setUp()
        self.node = shutil.which('node')
        if self.node is None:
            self.skipTest('needs node')
        self.patch(entry_module, 'TIMEOUT_SECONDS', 60)

    def check(self, files, entry='main.main'):
        javascript_syntax.check(io.BytesIO(fixtures.archive(files)), entry,
                                self.core.conf.resource_limits)

    def check_refused(self, words, files, entry='main.main'):
        error = self.assertRaises(exception.Invalid, self.check, files, entry)
        self.assertIn(words, str(error))

    def test_errors(self):
        for name in ('main.js', 'main.mjs', 'main.cjs', 'main/index.js'):
            self.check_refused(f'{name} has a syntax error in line ',
                               {name: BAD})
        self.check_refused('a/b.js has a syntax error in line 3: ',
                           {'a/b.js': BAD}, 'a.b.main')
        self.check_refused('line 2: Unexpected token', {
            'main.js': 'export const x = 1;\nlet y = ;\n'})
        self.check_refused('line 1: Unexpected token', {
            'main.js': 'let y = ;\nexports.main = 1;\n'})
        self.check_refused('line 1: ', {'main.cjs': 'export const x = 1;'})
        self.check_refused('line 1: ', {'main.mjs': 'with (x) {}'})

    def test_both_kinds_of_modules(self):
        for code in ('exports.main = () => 1;', 'export const main = 1;',
                     'return;', 'with (x) {}', 'await 1; export {};',
                     '#!/usr/bin/env node\nexports.main = 1;',
                     '#!/usr/bin/env node\nexport const main = 1;',
                     "import fs from 'node:fs'; import.meta.url;", ''):
            self.check({'main.js': code})

    def test_code_does_not_run(self):
        for name in ('main.js', 'main.mjs', 'main.cjs'):
            self.check({name: 'for (;;) {}'})

    def test_other_code_is_left_to_workers(self):
        for code in (BAD + ' ' * entry_module.MAX_SOURCE_BYTES,
                     '(' * 100_000, '[' * 200_000):
            self.check({'main.js': code})
        self.check({'other.js': BAD})
        self.check({'main.ts': BAD}, 'main.ts.main')
        self.check({'main': BAD})
        javascript_syntax.check(io.BytesIO(b'no archive'), 'main.main',
                                self.core.conf.resource_limits)

    def test_slow_code_is_left_to_workers(self):
        self.patch(entry_module, 'TIMEOUT_SECONDS', 0.0001)
        self.check({'main.js': BAD})

    def test_runtimes(self):
        version = subprocess.run([self.node, '--version'], text=True,
                                 capture_output=True).stdout.strip()[1:]
        for language, number, is_checked in (
                ('nodejs', version, True), ('nodejs', '3.2.1', False),
                ('python', version, False), ('nodejs', None, False)):
            self.assertEqual(is_checked, javascript_syntax.is_checkable(
                language, number), (language, number))

    def test_hosts_without_node(self):
        self.patch(javascript_syntax, 'EXECUTABLES', ('no-such-program',))
        self.assertFalse(javascript_syntax.is_checkable('nodejs', '20.1.0'))
        self.check({'main.js': BAD})

    def test_uploads(self):
        row = self.create()
        version = subprocess.run([self.node, '--version'], text=True,
                                 capture_output=True).stdout.strip()[1:]
        self.core.db.write(lambda tx: crud.update(
            tx, models.Runtime, row.runtime_id,
            {'language': 'nodejs', 'language_version': version}))
        fields = {'package': fixtures.archive({'main.js': BAD}),
                  'runtime_id': row.runtime_id}
        self.assertIn('main.js has a syntax error in line 3', str(
            self.assertRaises(exception.Invalid, self.create, **fields)))
        self.core.conf.set_override('check_syntax', False, 'sources')
        self.create(**fields)
