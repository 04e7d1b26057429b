# SPDX-License-Identifier: Apache-2.0
"""Tests of the installation by the scripts, with stubs of pip and uv."""

import contextlib
import os
import pathlib
import pty
import subprocess

import fixtures
from oslotest import base

CHECKOUT = pathlib.Path(__file__).parents[4]
#: Interpreter that creates stubs of environments, and acts as pip.
PYTHON = '''#!/bin/bash
echo "$*" >>"$CALLS"
case "$*" in
    '-m venv '*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
    *'pip install'*' uv')
        [ -n "$HAS_UV" ] && cp "$HAS_UV" "${0%/*}/uv" ;;
    *'pip install'*)
        [ -z "$FAILING" ] || { echo 'WARNING: slow'; echo 'ERROR: no disk'
                               exit 1; } >&2
        echo 'Collecting one'; echo 'Collecting two==2'
        echo 'Installing collected packages: one, two' ;;
esac
'''
UV = '#!/bin/bash\necho "uv $*" >>"$CALLS"\n[ -z "$UV_FAILS" ]\n'


class InstallIntoTest(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.venv = directory / 'venv'
        self.programs = directory / 'bin'
        self.programs.mkdir()
        self.calls = directory / 'calls'
        self.environ = dict(
            os.environ, CALLS=str(self.calls), FAILING='', UV_FAILS='',
            HAS_UV='',
            PYTHON=self.add('python', PYTHON),
            PATH=f'{self.programs}:/usr/bin:/bin')

    def add(self, name, code):
        """Add a program to the path."""
        path = self.programs / name
        path.write_text(code)
        path.chmod(0o755)
        return str(path)

    def install(self, code=0, words='-e ".[cli]"', **streams):
        """Install, check the exit code, and return the process."""
        ran = subprocess.run(
            ['bash', '-uc', 'source tools/python_env.sh; '
             f'install_into {self.venv} {words}'], cwd=CHECKOUT,
            env=self.environ, text=True, stdin=subprocess.DEVNULL,
            **streams or {'capture_output': True})
        self.assertEqual(code, ran.returncode, ran)
        return ran

    def read_installations(self):
        """Return the calls of pip and uv."""
        return [line for line in self.calls.read_text().splitlines()
                if 'pip install' in line and not line.endswith(' uv')]

    def test_pip(self):
        printed = self.install().stdout
        self.assertEqual(
            [f'Creating the virtual environment {self.venv} ...',
             'Installing Qinling and its requirements with pip '
             '(a minute or two) ...'], printed.splitlines())
        call, = self.read_installations()
        self.assertTrue(call.endswith('-e .[cli]'), call)

    def test_second_call(self):
        self.install()
        self.assertEqual('', self.install().stdout)

    def test_counter_on_a_terminal(self):
        reader, writer = pty.openpty()
        self.addCleanup(os.close, reader)
        self.install(stdout=writer)
        os.close(writer)
        parts = []
        with contextlib.suppress(OSError):  # the end of a terminal
            while True:
                parts.append(os.read(reader, 10000))
        printed = b''.join(parts).decode()
        self.assertRegex(
            printed, r'\r  1 packages found, \d+ s\r  2 packages')
        self.assertIn('2 packages found; writing files', printed)

    def test_failure_of_pip(self):
        self.environ['FAILING'] = 'yes'
        ran = self.install(code=1)
        self.assertEqual('ERROR: no disk\n', ran.stderr)
        self.assertEqual('', (self.venv / '.installed').read_text())

    def test_uv(self):
        self.add('uv', UV)
        self.assertIn('with uv ...', self.install().stdout)
        self.assertEqual(
            [f'uv pip install --quiet --python {self.venv}/bin/python '
             '-e .[cli]'], self.read_installations())

    def test_uv_of_the_index(self):
        self.environ['HAS_UV'] = self.add('new-uv', UV)
        self.assertIn('with uv ...', self.install().stdout)
        self.assertEqual(
            [f'uv pip install --quiet --python {self.venv}/bin/python '
             '-e .[cli]'], self.read_installations())

    def test_lock_file(self):
        self.install(words='--lock requirements.lock -e .')
        locked, project = self.read_installations()
        self.assertTrue(locked.endswith('-r requirements.lock'), locked)
        self.assertTrue(project.endswith('--no-deps -e .'), project)

    def test_failure_of_uv(self):
        self.add('uv', UV)
        self.environ['UV_FAILS'] = 'yes'
        self.assertIn('uv failed; trying pip.\n', self.install().stdout)
        self.assertEqual(2, len(self.read_installations()))
