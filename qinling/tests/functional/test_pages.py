# SPDX-License-Identifier: Apache-2.0
"""Every command of the documents runs as written, in the order of the page.

Each page runs in a fresh directory with a home and a project of its own,
against one server. A page with tabs runs once for each alternative.
"""

import functools
import os
import pathlib
import re
import shutil
import signal
import subprocess

import bcrypt
import fixtures
from oslotest import base

from qinling.tests.functional import base as servers
from qinling.tests.functional import environments
from qinling.tests.functional import pages
from qinling.tests.functional import terminal

CHECKOUT = environments.CHECKOUT
SOURCE = CHECKOUT / 'doc' / 'source'
NAMES = ['README.rst', *sorted(
    path.relative_to(CHECKOUT).as_posix()
    for part in ('install', 'cli', 'user', 'admin')
    for path in (SOURCE / part).rglob('*.rst'))]
#: Number of blocks that cannot run, for each page with such blocks: a new
#: block of this kind needs a change of this table.
NOT_RUN = {
    'README.rst': 2,
    'doc/source/admin/authentication.rst': 3,
    'doc/source/admin/database.rst': 4,
    'doc/source/admin/deployment.rst': 6,
    'doc/source/admin/heat.rst': 2,
    'doc/source/admin/isolation.rst': 1,
    'doc/source/admin/helm.rst': 5,
    'doc/source/admin/kubernetes.rst': 9,
    'doc/source/admin/sizing.rst': 1,
    'doc/source/admin/storage.rst': 2,
    'doc/source/cli/guide.rst': 3,
    'doc/source/cli/python.rst': 2,
    'doc/source/install/install.rst': 1,
    'doc/source/install/quickstart.rst': 3,
    'doc/source/user/development.rst': 1,
    'doc/source/user/event-sources.rst': 1,
    'doc/source/user/functions.rst': 2,
    'doc/source/user/heat.rst': 1,
    'doc/source/user/openstack.rst': 2,
    'doc/source/user/recipes/aodh-alarm.rst': 1,
    'doc/source/user/recipes/mistral.rst': 1,
    'doc/source/user/runtimes.rst': 3,
}
#: Pages whose commands know no password.
OPEN = ('doc/source/cli/python.rst',)
#: Program -> package that the tests install for a page.
PACKAGES = {'ansible-playbook': 'ansible-core>=2.16'}
#: Programs of readers.
PROGRAMS = ('bash', 'curl', 'jq', 'zip')
PASSWORD = 'correct horse battery'
PAGE_TIMEOUT_SECONDS = 300
#: Address of the server in the documents.
ADDRESS = '127.0.0.1:7070'
SIGN = '\036'
#: Ends of the names of users, one for each alternative of a page.
SUFFIXES = ('', '-2', '-3', '-4')
TAB = re.compile(r':sync: (\w+)')


def user_of(name):
    """Return the user of a page, who has a project of the same name."""
    return name.removesuffix('.rst').replace('/', '-').lower()


def read_page(name):
    """Return the blocks of a page."""
    return pages.read_blocks((CHECKOUT / name).read_text('utf-8'))


def list_variants(name):
    """Return the names of the alternatives of a page, or None alone."""
    text = (CHECKOUT / name).read_text('utf-8')
    return list(dict.fromkeys(TAB.findall(text))) or [None]


def is_installed(program):
    """Return whether a program starts, and is not only a launcher."""
    return shutil.which(program) is not None and any(
        subprocess.run([program, word], stdin=subprocess.DEVNULL,
                       capture_output=True).returncode == 0
        for word in ('--version', 'version'))


class PageServer(servers.Standalone):
    """Server with all languages, and a project for each run of a page."""

    def _setUp(self):
        users = [user_of(name) + suffix for name in NAMES
                 for suffix in SUFFIXES]
        password = bcrypt.hashpw(PASSWORD.encode(),
                                 bcrypt.gensalt(4)).decode()
        path = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path) / 'htpasswd'
        path.write_text(''.join(f'{user}:{password}\n' for user in users))
        self.config |= {
            'DEFAULT': {'runtimes': 'python3,nodejs,command'},
            'cost': {'gb_second_price': 0.0000167, 'currency': 'EUR'},
            'api': {'auth_strategy': 'http_basic'},
            'http_basic': {'user_file': path, 'admins': ','.join(users),
                           'projects': ','.join(f'{user}:{user}'
                                                for user in users)}}
        super()._setUp()


class Session:
    """Shell of a reader of one page.

    :param directory: working directory.
    :param environ: environment of the commands.
    :param port: port of the server in place of 7070.
    """

    def __init__(self, directory, environ, port):
        self.directory = pathlib.Path(directory)
        self.environ = environ
        self.address = f'127.0.0.1:{port}'

    def run(self, blocks):
        """Run blocks; raise ``AssertionError`` at the first difference."""
        script, commands = ['set -o pipefail'], []
        for block in blocks:
            if block.caption:
                name = f'.block-{len(script)}'
                self.write(name, block.text)
                script.append(f'mkdir -p "$(dirname {block.caption})" && '
                              f'cp {self.directory}/{name} {block.caption}')
                continue
            parsed = pages.read_commands(block)
            for command in parsed:
                code = (block.marks.get('exit code', 0)
                        if command is parsed[-1] else 0)
                script.append(
                    f'{self.localise(command.text)}\n'
                    f'code=$?; printf "{SIGN}"; [ $code = {code} ] || '
                    '{ printf "exit code %s" $code; exit; }')
                commands.append(command)
        self.check(commands, self.execute('\n'.join(script)).split(SIGN))

    def write(self, name, text):
        """Write a file of a page."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.localise(text) + '\n')

    def localise(self, text):
        """Return a text with the address of the server of the tests."""
        return text.replace(ADDRESS, self.address).replace(
            'port 7070', f'port {self.address.rpartition(":")[2]}')

    def execute(self, script):
        """Return the output of a script, and end all its processes."""
        (self.directory / '.script').write_text(script)
        process = subprocess.Popen(
            ['bash', '.script'], cwd=self.directory, env=self.environ,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True, text=True,
            errors='replace')
        try:
            return process.communicate(timeout=PAGE_TIMEOUT_SECONDS)[0]
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return process.communicate()[0] + ' and no end'
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def check(self, commands, outputs):
        """Compare the outputs of commands."""
        *outputs, rest = outputs
        if rest.strip() or len(outputs) != len(commands):
            last = commands[max(len(outputs) - 1, 0)]
            raise AssertionError(
                f'line {last.line}: {last.text}\n{outputs[-1:]}\n{rest}')
        for command, output in zip(commands, outputs):
            expected = self.localise(command.output)
            if expected.strip() and not pages.matches(expected, output):
                raise AssertionError(
                    f'line {command.line}: {command.text}\nexpected:\n'
                    f'{expected}\noutput:\n{output}')


class Reader(servers.Shared, base.BaseTestCase):
    """Base of the tests that run pages."""

    def run_page(self, name, variant):
        blocks = [block for block in read_page(name)
                  if block.tab in (None, variant)
                  and 'not run' not in block.marks]
        programs = [program for block in blocks
                    for program in block.marks.get('needs', '').split()]
        for program in [*PROGRAMS, *programs]:
            if program not in PACKAGES and not is_installed(program):
                self.skipTest(f'{program} is not installed.')
        suffix = SUFFIXES[list_variants(name).index(variant)]
        session = self.session(user_of(name) + suffix)
        for program in PACKAGES.keys() & set(programs):
            environment = self.useFixture(environments.Environment(
                program, PACKAGES[program]))
            session.environ['PATH'] += f'{os.pathsep}{environment.bin}'
        session.run(blocks)

    def session(self, user):
        """Return the shell of a user, in an empty directory."""
        directory = self.useFixture(fixtures.TempDir()).path
        home = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        (home / '.curlrc').write_text(
            f'user = "{user}:{PASSWORD}"\nsilent\nshow-error\n'
            'fail-with-body\n')
        share = home / '.local' / 'share'
        share.mkdir(parents=True)
        # The default directory is that of the server on this machine.
        (share / 'qinling').symlink_to(self.server.state)
        url = self.client.url
        environ = dict(
            terminal.Terminal('', directory).environ, HOME=str(home),
            PATH=f'{terminal.BIN}:{os.environ["PATH"]}', LANG='C.UTF-8',
            COLUMNS='200', QINLING_URL=url, OS_AUTH_TYPE='http_basic',
            OS_USERNAME=user, OS_PASSWORD=PASSWORD)
        return Session(directory, environ, url.rpartition(':')[2])


class PagesTest(Reader):
    """Runs the pages whose reader has a server and a password."""

    make_server = PageServer


class OpenPagesTest(Reader):
    """Runs the pages whose reader has a server without authentication."""

    make_server = servers.Standalone


class BlocksTest(base.BaseTestCase):
    """The pages are understood, and no block is skipped silently."""

    def test_blocks_that_cannot_run(self):
        counts = {name: sum('not run' in block.marks
                            for block in read_page(name)) for name in NAMES}
        self.assertEqual(NOT_RUN, {name: count for name, count
                                   in counts.items() if count})

    def test_differences_are_seen(self):
        self.assertTrue(pages.matches('a ... c', 'a\n b\n  c\n'))
        self.assertTrue(pages.matches('+---+\n| a |', '+---+\n|  a |\n'))
        self.assertFalse(pages.matches('a', 'a b'))
        self.assertFalse(pages.matches('success', 'failed'))

    def test_blocks_without_a_reason(self):
        block = '.. code-block:: {}\n\n   {}\n'
        for text in (block.format('python', 'print(1)'),
                     '.. unknown::\n'):
            self.assertRaises(pages.BadPage, pages.read_blocks, text)
        for text in ('text', '$ echo "a'):
            page = pages.read_blocks(block.format('console', text))
            self.assertRaises(pages.BadPage, pages.read_commands, page[0])

    def test_commands_are_checked(self):
        session = Session(self.useFixture(fixtures.TempDir()).path,
                          dict(os.environ), 1)
        page = '.. exit code: {}\n\n.. code-block:: console\n\n   {}\n'
        session.run(pages.read_blocks(page.format(
            3, '$ cat <<END\n   > a\n   > b\n   > END\n   a\n   b\n'
            '   $ (exit 3)')))
        for code, text in ((0, '$ (exit 3)'), (3, '$ true'), (0, '$ exit'),
                           (0, '$ echo a\n   b')):
            self.assertRaises(AssertionError, session.run,
                              pages.read_blocks(page.format(code, text)))


def add_tests():
    """Add a test for each alternative of each page."""
    for name in NAMES:
        for variant in list_variants(name):
            test = functools.partialmethod(Reader.run_page, name, variant)
            title = f'test_{user_of(name)}_{variant or ""}'.strip('_')
            case = OpenPagesTest if name in OPEN else PagesTest
            setattr(case, title.replace('-', '_'), test)


add_tests()
