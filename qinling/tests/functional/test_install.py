# SPDX-License-Identifier: Apache-2.0
"""Tests of the wheel, installed with only the declared requirements."""

import json
import pathlib
import shutil
import signal
import subprocess
import sys
import zipfile

import fixtures
from oslotest import base
from testtools import content

from qinling.tests.functional import base as servers
from qinling.tests.functional import environments

CHECKOUT = pathlib.Path(__file__).parents[3]
SHIPPED = ('qinling/', 'qinling_tempest_plugin/', 'alembic_migrations/')


class InstallTest(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        if not (shutil.which('git') and (CHECKOUT / '.git').exists()):
            self.skipTest('This is not a git checkout, or there is no git.')
        self.useFixture(environments.PackageIndex())
        self.directory = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path)
        self.bin = self.directory / 'venv' / 'bin'

    def command(self, *words, cwd=None):
        """Run a command, check the exit code 0, and return the output."""
        ran = subprocess.run(
            words, cwd=cwd or self.directory, text=True, capture_output=True,
            env=environments.environment(), stdin=subprocess.DEVNULL)
        self.assertEqual(0, ran.returncode, ran.stdout + ran.stderr)
        return ran.stdout

    def clone(self):
        """Return the sources as in a fresh clone without a tag."""
        clone = self.directory / 'clone'
        listed = self.command('git', 'ls-files', '--cached', '--others',
                              '--exclude-standard', '-z', cwd=CHECKOUT)
        for name in listed.split('\0')[:-1]:
            # What is deleted and not yet committed is still listed.
            if (CHECKOUT / name).is_file():
                target = clone / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(CHECKOUT / name, target)
        self.command('git', 'init', '--quiet', cwd=clone)
        self.command('git', 'add', '--all', cwd=clone)
        self.command('git', '-c', 'user.name=a', '-c', 'user.email=a@b',
                     'commit', '--quiet', '--message=all', cwd=clone)
        return clone

    def build(self):
        """Return the wheel, built from the sdist as by a package index."""
        clone = self.clone()
        installer = 'uv' if environments.find_uv() else 'pip'
        self.command(sys.executable, '-m', 'build', '--installer', installer,
                     '--outdir', str(self.directory / 'dist'), str(clone))
        wheel, = (self.directory / 'dist').glob('*.whl')
        with zipfile.ZipFile(wheel) as archive:
            packed = set(archive.namelist())
        files = {path.relative_to(clone).as_posix()
                 for path in clone.rglob('*') if path.is_file()}
        missing = {name for name in files if name.startswith(SHIPPED)}
        self.assertEqual(set(), missing - packed)
        return wheel

    def test_main_job(self):
        wheel = self.build()
        self.command(sys.executable, '-m', 'venv', str(self.bin.parent))
        python = str(self.bin / 'python')
        # The requirements of the command line are installed with pip below.
        environments.install(python, wheel)
        self.command(python, '-m', 'pip', 'check')
        where = self.command(python, '-c',
                             'import qinling; print(qinling.__file__)')
        self.assertTrue(where.startswith(str(self.bin.parent)), where)
        self.serve()
        self.check_database()

    def serve(self):
        """Run the main job on a server of the installation."""
        state = self.directory / 'state'
        log = self.directory / 'log'
        with log.open('wb') as stream:
            server = subprocess.Popen(
                [str(self.bin / 'qinling-standalone'), '--state-dir',
                 str(state), '--port', '0'], cwd=self.directory,
                stdin=subprocess.DEVNULL, stdout=stream, stderr=stream,
                env=environments.environment())
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        self.addOnException(lambda _: self.addDetail(
            'log', content.text_content(log.read_text())))

        def serving():
            self.assertIsNone(server.poll(), 'The server ended.')
            return (state / 'endpoint').exists()
        servers.wait_for(serving, 'the server')
        client = servers.Client((state / 'endpoint').read_text())
        self.run_function(client)
        self.check_shell(client.url)
        server.send_signal(signal.SIGTERM)
        self.assertEqual(0, server.wait(servers.PATIENCE))

    def run_function(self, client):
        function = client.create({
            'main.py': 'import words\n\n\ndef main(name):\n'
                       '    print("greeting")\n'
                       '    return words.HELLO + name\n',
            'words.py': 'HELLO = "Hello, "\n'})
        row = client.run(function['id'], '{"name": "Ada"}', sync=True)
        self.assertEqual('success', row['status'], row)
        self.assertEqual('Hello, Ada',
                         json.loads(row['result'])['output'])
        self.assertIn('greeting\n', client.log(row['id']))

    def check_shell(self, url):
        """Check the command line first without, then with the requirements."""
        shell = str(self.bin / 'qinling')
        ran = subprocess.run(
            [shell, 'runtime', 'list'], capture_output=True, text=True,
            env=environments.environment(), cwd=self.directory)
        self.assertEqual(1, ran.returncode)
        self.assertIn("pip install '.[cli]'", ran.stderr)
        wheel, = (self.directory / 'dist').glob('*.whl')
        self.command(str(self.bin / 'python'), '-m', 'pip', 'install',
                     '--quiet', f'{wheel}[cli]')
        self.assertIn('python3', self.command(
            shell, '--qinling-url', url, 'runtime', 'list', '-f', 'value',
            '-c', 'Name').split())

    def check_database(self):
        """Check that the migrations are installed."""
        config = self.directory / 'qinling.conf'
        config.write_text('[database]\nconnection = sqlite:///'
                          f'{self.directory}/state/qinling.db\n')
        manage = str(self.bin / 'qinling-db-manage')
        self.command(manage, '--config-file', str(config), 'check')
        self.assertIn('001', self.command(
            manage, '--config-file', str(config), 'history'))
