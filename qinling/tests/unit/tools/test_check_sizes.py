# SPDX-License-Identifier: Apache-2.0
"""Every rule of the size check fires, and only where it should."""

import importlib.util
import pathlib
import subprocess
import sys

import fixtures
from oslotest import base

TOOL = pathlib.Path(__file__).parents[4] / 'tools' / 'check_sizes.py'


def _load():
    spec = importlib.util.spec_from_file_location('check_sizes', TOOL)
    module = importlib.util.module_from_spec(spec)
    # Data classes look their module up by its name.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


check_sizes = _load()
HEADER = f'# {check_sizes.LICENCE}\n'
HEAD = HEADER.count('\n')


def _function(lines, name='long', head=''):
    """A function of so many lines, ``head`` not counted."""
    return f'{head}def {name}():\n' + '    pass\n' * (lines - 1)


def _contract(methods):
    return 'class Driver:\n' + ''.join(
        f'    @abc.abstractmethod\n    def method{number}(self):\n'
        f'        pass\n\n' for number in range(methods))


class CheckSizesTest(base.BaseTestCase):

    def tree(self, files, header=HEADER):
        """A directory with these files."""
        root = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        for path, text in files.items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(header + text)
        return root

    def check(self, files, header=HEADER):
        """What is found in a tree of these files."""
        return list(check_sizes.check(self.tree(files, header)))

    def check_finding(self, path, line, words, text, header=HEADER):
        """Fail unless a file breaks one rule, in this line."""
        lines = self.check({path: text}, header)
        self.assertEqual(1, len(lines), lines)
        self.assertTrue(lines[0].startswith(f'{path}:{line}: '), lines)
        self.assertIn(words, lines[0])
        self.assertTrue(lines[0].endswith('.'), lines)

    def check_clean(self, path, text='', header=HEADER):
        self.assertEqual([], self.check({path: text}, header))

    def test_licence(self):
        sentence = 'SPDX-License-Identifier: Apache-2.0'
        self.check_finding('qinling/a.py', 1, sentence, 'x = 1\n', header='')
        self.check_finding('tools/a.sh', 1, sentence, 'true\n',
                           header='#!/bin/sh\n')

    def test_licence_is_the_whole_line(self):
        self.check_finding('qinling/a.py', 1, 'SPDX', 'x = 1\n',
                           header=HEADER.replace('2.0', '2.0 OR MIT'))

    def test_licence_in_other_languages(self):
        self.check_clean('tools/a.sh', 'true\n', '#!/bin/bash\n' + HEADER)
        self.check_clean('.ci/run', 'true\n', '#!/bin/bash\n' + HEADER)
        self.check_clean('qinling/runtimes/a.js', '',
                         HEADER.replace('#', '//'))

    def test_ci_script_is_read(self):
        self.check_finding('.ci/run', 1, 'SPDX', 'true\n', header='')

    def test_notes_about_future_work(self):
        for word in ('TO' 'DO', 'FIX' 'ME'):
            self.check_finding('qinling/a.py', HEAD + 2, word,
                               f'x = 1\ny = 2  # {word}: do it\n')
            self.check_finding('tools/a.sh', HEAD + 1, word, f'# {word}\n')

    def test_vague_name(self):
        for name in ('utils', 'common', 'helpers'):
            self.check_finding(f'qinling/{name}.py', 1, repr(name), 'x = 1\n')
        self.check_finding('qinling/utils/a.py', 1, "'utils'", 'x = 1\n')

    def test_package_docstring(self):
        self.check_finding('qinling/api/__init__.py', 1, 'what lives there',
                           'x = 1\n')
        self.check_clean('qinling/api/__init__.py', '"""The API."""\n')

    def test_module_lines(self):
        self.patch(check_sizes, 'MEDIAN', 1000)
        for path, most in (('qinling/core/a.py', 300),
                           ('tools/a.py', 300),
                           ('qinling/db/models.py', 400),
                           ('qinling/storage/a.py', 400),
                           ('qinling/tests/unit/a.py', 400)):
            text = 'x = 1\n' * (most - HEAD)
            self.check_clean(path, text)
            self.check_finding(path, most + 1, f'has {most + 1} lines',
                               text + 'x = 1\n')

    def test_module_median(self):
        small = {f'qinling/{name}.py': 'x = 1\n' for name in 'ab'}
        large = {f'qinling/{name}.py': 'x = 1\n' * 200 for name in 'cd'}
        self.assertEqual([], self.check(small | large))
        lines = self.check(small | large | {'qinling/e.py': 'x = 1\n' * 200})
        self.assertEqual(1, len(lines), lines)
        self.assertIn('half of the modules', lines[0])

    def test_tests_do_not_count_for_the_median(self):
        self.check_clean('qinling/tests/unit/a.py', 'x = 1\n' * 200)

    def test_function_lines(self):
        self.check_clean('qinling/a.py', _function(40))
        self.check_finding('qinling/a.py', HEAD + 1,
                           'function long has 41 lines', _function(41))
        self.check_finding('qinling/a.py', HEAD + 1,
                           'function long has 41 lines',
                           _function(41, head='async '))

    def test_docstring_is_not_counted(self):
        self.check_clean('qinling/a.py',
                         'def long():\n    """One.\n\n    Two.\n'
                         '    """\n' + '    pass\n' * 39)

    def test_method_within_a_class(self):
        method = _function(41).replace('\n', '\n    ').rstrip()
        self.check_finding('qinling/a.py', HEAD + 2,
                           'function long has 41 lines',
                           f'class A:\n    {method}\n')

    def test_migrations_are_as_long_as_their_tables(self):
        self.check_clean('alembic_migrations/versions/001_a.py',
                         _function(400))

    def test_controller_method(self):
        path = 'qinling/api/controllers/v1/a.py'
        door = "@route('GET', '/v1', policy='a')\n"
        self.check_clean(path, _function(15, head=door))
        self.check_finding(path, HEAD + 2,
                           'controller method long has 16 lines',
                           _function(16, head=door))
        self.check_clean(path, _function(16))

    def test_parameters(self):
        self.check_clean('qinling/a.py', 'def f(a, b, c, /, d, *, e, f):\n'
                         '    pass\n')
        self.check_finding('qinling/a.py', HEAD + 1,
                           'function f has 7 parameters',
                           'def f(a, b, c, /, d, *, e, f, g):\n    pass\n')

    def test_self_is_no_parameter(self):
        for name in ('self', 'cls'):
            self.check_clean('qinling/a.py',
                             f'def f({name}, a, b, c, d, e, f):\n'
                             '    pass\n')

    def test_driver_contract(self):
        path = 'qinling/storage/base.py'
        self.check_clean(path, _contract(8))
        self.check_finding(path, HEAD + 1,
                           'contract Driver has 9 abstract methods',
                           _contract(9))

    def test_global_statement(self):
        self.check_finding('qinling/a.py', HEAD + 3, '"global"',
                           'x = 1\ndef f():\n    global x\n    x = 2\n')

    def test_eventlet(self):
        for text in ('import eventlet', 'import os, eventlet.wsgi',
                     'from eventlet import wsgi', 'from eventlet.a import b',
                     'if True:\n    import eventlet'):
            line = HEAD + text.count('\n') + 1
            self.check_finding('qinling/a.py', line, 'eventlet', f'{text}\n')
        self.check_clean('qinling/a.py',
                         "import sys\nsys.modules['eventlet'] = 0\n")

    def test_worker_imports(self):
        path = 'qinling/runtimes/a.py'
        self.check_clean(path, 'import json\nimport agent_http\n')
        for module in ('requests', 'qinling.exception'):
            self.check_finding(path, HEAD + 1, 'standard library',
                               f'import {module}\n')

    def test_samples_are_left_alone(self):
        self.check_clean('qinling/tests/functions/a.py',
                         'global oops\nimport eventlet\n')
        self.check_finding('qinling/tests/functions/a.py', 1, 'SPDX',
                           'x = 1\n', header='')

    def test_other_files_are_not_read(self):
        for path in ('.venv/a.py', 'build/lib/a.py', 'doc/build/a.py',
                     'a/__pycache__/a.py', 'README.rst'):
            self.check_clean(path, 'x = 1\n', header='')

    def test_command(self):
        self.assertEqual((0, 'Sizes and words are as agreed.\n'),
                         self.run_tool('x = 1\n'))
        self.assertEqual(
            (1, f'qinling/a.py:{HEAD + 1}: eventlet is not used here.\n'),
            self.run_tool('import eventlet\n'))

    def run_tool(self, text):
        """(exit code, what was printed) of the command for a file."""
        root = self.tree({'qinling/a.py': text})
        ran = subprocess.run([sys.executable, str(TOOL), str(root)],
                             capture_output=True, text=True)
        self.assertEqual('', ran.stderr)
        return ran.returncode, ran.stdout
