# SPDX-License-Identifier: Apache-2.0
"""Backups of a standalone server that works, and their restoration."""

import contextlib
import pathlib
import subprocess
import tarfile
import threading

import fixtures
from oslotest import base

from qinling.tests.functional import base as servers
from qinling.tests.functional import terminal

SOURCE = ('import os\n\n\ndef main():\n'
          '    return [{number}, os.environ.get("TOKEN")]\n')
#: Publications beside the backup, each with a package of its own.
MIN_PUBLICATIONS = 10


def run(*words, code=0):
    """Return both outputs of ``qinling-standalone`` with a command."""
    process = subprocess.run(
        [terminal.BIN / 'qinling-standalone', *map(str, words)],
        capture_output=True, text=True, timeout=servers.PATIENCE)
    assert process.returncode == code, (words, process.stdout, process.stderr)
    return process.stdout + process.stderr


class TestBackup(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.place = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.file = self.place / 'qinling.tgz'

    def backup(self, server):
        return run('backup', self.file, '--state-dir', server.state)

    def restore(self):
        """Return a server with the restored state."""
        state = self.place / 'restored'
        out = run('restore', self.file, '--state-dir', state)
        self.assertIn(f'qinling-standalone --state-dir {state}', out)
        self.assertEqual(0, state.stat().st_mode & 0o077)
        self.assertEqual([], [path for path in state.rglob('*')
                              if path.stat().st_mode & 0o077])
        server = servers.Standalone()
        server.state = state
        return self.useFixture(server)

    def test_backup_of_a_busy_server(self):
        server = self.useFixture(servers.Standalone())
        client = server.client
        function = client.create(
            SOURCE.format(number=1), secrets='{"TOKEN": "a-secret"}')['id']
        path = f'/v1/functions/{function}/versions'
        stopped, published = threading.Event(), []

        def publish():
            """Change and publish the code, and delete the former version."""
            while not stopped.is_set():
                number = len(published) + 2
                client.form('PUT', f'/v1/functions/{function}', {},
                            servers.package(SOURCE.format(number=number)))
                _, version = client.call('POST', path, {})
                published.append(version['version_number'])
                if len(published) > 1:
                    client.call('DELETE', f'{path}/{published[-2]}')
        thread = threading.Thread(target=publish)
        thread.start()
        with contextlib.ExitStack() as stack:
            stack.callback(thread.join)
            stack.callback(stopped.set)
            servers.wait_for(lambda: len(published) > 3, 'publications')
            before = published[-1]
            out = self.backup(server)
            servers.wait_for(lambda: len(published) > MIN_PUBLICATIONS,
                             'more publications')
        self.assertRegex(out, r'Wrote .*: \d+ packages, [\d,]+ bytes\.')
        self.assertEqual(0o600, self.file.stat().st_mode & 0o777)
        restored = self.restore().client
        versions = restored.get(path)['function_versions']
        self.assertGreaterEqual(max(row['version_number']
                                    for row in versions), before)
        for row in versions:
            # Version n has the number n + 1.
            number = row['version_number']
            self.assertEqual([number + 1, 'a-secret'], servers.output(
                restored.run(function, function_version=number)))

    def test_what_cannot_be_restored(self):
        server = self.useFixture(servers.Standalone())
        self.backup(server)
        self.assertIn('is not empty', run(
            'restore', self.file, '--state-dir', server.state, code=1))
        with tarfile.open(self.place / 'other.tgz', 'w:gz') as archive:
            archive.add(__file__, 'file')
        link = tarfile.TarInfo('link')
        link.type, link.linkname = tarfile.SYMTYPE, '/etc/passwd'
        for member in (tarfile.TarInfo('../outside'), link):
            with tarfile.open(self.place / 'hostile.tgz', 'w:gz') as archive:
                archive.addfile(member)
            self.assertIn(f'{member.name} is not expected', run(
                'restore', self.place / 'hostile.tgz', '--state-dir',
                self.place / 'new', code=1))
        (self.place / 'hostile.tgz').unlink()
        for name, sentence in (('none.tgz', 'No such file'),
                               ('other.tgz', 'is no backup')):
            self.assertIn(sentence, run(
                'restore', self.place / name, '--state-dir',
                self.place / 'new', code=1))
            self.assertFalse((self.place / 'new').exists())
        damaged = self.file.read_bytes()
        self.file.write_bytes(damaged[:len(damaged) // 2])
        self.assertIn('The restore failed: ', run(
            'restore', self.file, '--state-dir', self.place / 'new', code=1))
        self.assertEqual({'other.tgz', 'qinling.tgz'}, {
            path.name for path in self.place.iterdir()})

    def test_directory_without_a_server(self):
        self.assertIn('is no state directory', run(
            'backup', self.file, '--state-dir', self.place, code=1))
        self.assertFalse(self.file.exists())
