#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.


"""Virtual environments for what cannot live in that of the tests."""

import contextlib
import fcntl
import pathlib
import shutil
import subprocess
import sys
import unittest

import fixtures

CHECKOUT = pathlib.Path(__file__).parents[3]


class PackageIndex(fixtures.Fixture):
    """The package index of pip; skips the test where there is none."""

    def _setUp(self):
        directory = self.useFixture(fixtures.TempDir()).path
        tried = subprocess.run(
            [sys.executable, '-m', 'pip', 'download', '--quiet', '--no-deps',
             '--dest', directory, 'pbr'], capture_output=True, text=True)
        if tried.returncode:
            why = tried.stderr.strip().rpartition('\n')[2]
            raise unittest.SkipTest(
                f'The package index is out of reach: {why}')


class Environment(fixtures.Fixture):
    """A virtual environment, ``path``, that is made once and kept for the
    runs that follow.

    :param name: it is ``.venv-<name>`` in the checkout.
    :param requirements: what pip installs into it.
    :param prepare: called with the path once all is installed, for what
        takes long and can be kept, too.
    """

    def __init__(self, name, requirements, prepare=lambda path: None):
        super().__init__()
        self.path = CHECKOUT / f'.venv-{name}'
        self._requirements = requirements
        self._prepare = prepare

    def _setUp(self):
        # The mark is written last: what was interrupted is made anew.
        mark = self.path / '.installed'
        wanted = f'{sys.version} {" ".join(self._requirements)}\n'
        with _locked(self.path.with_suffix('.lock')):
            if mark.is_file() and mark.read_text() == wanted:
                return
            self.useFixture(PackageIndex())
            shutil.rmtree(self.path, ignore_errors=True)
            run(sys.executable, '-m', 'venv', self.path)
            run(self.path / 'bin' / 'python', '-m', 'pip', 'install',
                '--quiet', *self._requirements)
            self._prepare(self.path)
            mark.write_text(wanted)


@contextlib.contextmanager
def _locked(path):
    """Nobody else is in here, in whatever process of this machine."""
    with path.open('a') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run(*words, env=None):
    """What a program prints.

    :raises AssertionError: it does not end with 0.
    """
    ran = subprocess.run([str(word) for word in words], env=env, text=True,
                         capture_output=True, stdin=subprocess.DEVNULL)
    if ran.returncode:
        raise AssertionError(
            f'{words} ended with {ran.returncode}: {ran.stdout}{ran.stderr}')
    return ran.stdout
