# SPDX-License-Identifier: Apache-2.0
"""Tests of the warning about the entry of a package."""

import io
import zipfile

from oslotest import base

from qinling.client import entries


def pack(*names):
    """Return a package of empty files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, 'w') as archive:
        for name in names:
            archive.writestr(name, '')
    return packed.getvalue()


class TestEntries(base.BaseTestCase):
    def explain(self, runtime, entry, *names):
        return entries.explain_misfit(pack(*names), entry, runtime)

    def test_entries_with_a_file(self):
        for runtime, entry, name in (
                ('python3', 'hello.main', 'hello.py'),
                ('my-python-3.12', 'app.web.get', 'app/web.py'),
                ('python3', 'pages.main', 'pages/__init__.py'),
                ('python3', 'fast.main',
                 'fast.cpython-311-x86_64-linux-gnu.so'),
                ('nodejs', 'lib/index.main', 'lib/index.mjs'),
                ('nodejs', 'lib.main', 'lib/index.js'),
                ('command', 'run.sh', 'run.sh'),
                ('command', 'main.main', 'main'),
                ('ruby', 'main.main', 'main.rb'),
                (None, 'hello', 'hello.pl')):
            self.assertIsNone(self.explain(runtime, entry, name), entry)
        self.assertIsNone(entries.explain_misfit(b'', 'a.b', 'python3'))

    def test_advice_for_a_language(self):
        for runtime, advice in (
                ('python3', 'hello.main for the function main in hello.py.'),
                ('nodejs', 'hello.main for the function main in hello.js.'),
                ('command', 'the path of the program, such as hello.py.'),
                (None, 'hello.main for the function main in hello.py.')):
            warning = self.explain(runtime, 'main.main', 'hello.py')
            self.assertIn('no file of the package fits the entry main.main',
                          warning)
            self.assertTrue(warning.endswith(advice), warning)
        self.assertTrue(self.explain('nodejs', 'main.main', 'a.mjs').endswith(
            'a.main for the function main in a.mjs.'))

    def test_malformed_entry(self):
        for runtime in ('python3', 'nodejs'):
            self.assertIn('MODULE.FUNCTION, such as hello.main',
                          self.explain(runtime, 'hello', 'hello.py'))

    def test_code_in_a_directory(self):
        self.assertIn('the package has dep/main.py, but main.py must be at '
                      'the top', self.explain('python3', 'main.main',
                                              'dep/main.py'))
        self.assertIn('the package has dep/main, but main must be',
                      self.explain('command', 'main', 'dep/main'))

    def test_other_modules(self):
        for entry in ('hallo.main', 'web.get', 'app.site.get'):
            self.assertIsNotNone(self.explain(
                'python3', entry, 'hello.py', 'app/web.py'), entry)
