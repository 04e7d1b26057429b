# SPDX-License-Identifier: Apache-2.0
"""Access to the state directory."""

import io
import os
import pathlib
import stat
from unittest import mock

import fixtures
from oslotest import base

from qinling.cmd import process
from qinling.cmd import state_directory

PACKAGE = 'packages/ab/abcdef'


def modes(directory):
    """Return path -> mode for a directory and everything in it."""
    paths = [directory, *sorted(directory.rglob('*'))]
    return {str(path.relative_to(directory)): stat.S_IMODE(
        path.lstat().st_mode) for path in paths if not path.is_symlink()}


class StateDirectoryTest(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.addCleanup(os.umask, os.umask(0))
        self.parent = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.path = self.parent / 'state'

    def prepare(self):
        state_directory.prepare(self.path).close()

    def create(self, *names):
        """Create files that everyone can read."""
        for name in names:
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
        os.chmod(self.path, 0o755)

    def test_new_directories(self):
        self.path = self.path / 'new'
        self.prepare()
        state_directory.ensure_key(self.path)
        state_directory.write_file(self.path / 'endpoint', 'url\n')
        self.assertEqual(
            {'.': 0o700, 'lock': 0o600, 'secret.key': 0o600,
             'endpoint': 0o600},
            {name: mode & 0o777 for name, mode in modes(self.path).items()})

    def test_existing_modes_are_repaired(self):
        self.create('qinling.db', 'qinling.db-wal', 'secret.key', 'lock',
                    PACKAGE, 'workers/w/code/main', 'notes')
        log = self.useFixture(fixtures.FakeLogger())
        self.prepare()
        result = modes(self.path)
        self.assertEqual(
            {'.': 0o700, 'qinling.db': 0o600, 'qinling.db-wal': 0o600,
             'secret.key': 0o600, 'lock': 0o600, 'packages': 0o700,
             'packages/ab': 0o700, PACKAGE: 0o600, 'workers': 0o700},
            {name: mode for name, mode in result.items()
             if not name.startswith(('workers/', 'notes'))})
        # Nothing but the server's own files is changed.
        self.assertEqual(0o666, result['notes'])
        self.assertIn('access of other users to 8 files', log.output)
        self.prepare()

    def test_links_are_not_followed(self):
        self.create('qinling.db')
        target = self.parent / 'target'
        target.write_text('')
        os.chmod(target, 0o644)
        (self.path / 'packages').mkdir()
        for name in ('secret.key', 'packages/link'):
            (self.path / name).symlink_to(target)
        self.prepare()
        self.assertEqual(0o644, stat.S_IMODE(target.stat().st_mode))

    def test_directories_of_others_are_refused(self):
        self.create('report.pdf')
        for mode in (0o755, 0o1777):
            os.chmod(self.path, mode)
            with mock.patch('sys.stderr', io.StringIO()) as stderr:
                self.assertRaises(SystemExit, self.prepare)
            self.assertIn('empty directory with --state-dir',
                          stderr.getvalue())
            self.assertEqual(mode, stat.S_IMODE(self.path.stat().st_mode))
        os.chmod(self.path, 0o700)
        self.prepare()

    def test_empty_directories_with_open_modes(self):
        for mode in (0o755, 0o777):
            self.path = self.parent / f'{mode:o}'
            self.path.mkdir()
            os.chmod(self.path, mode)
            self.prepare()
            self.assertEqual(0o700, modes(self.path)['.'])

    def test_programs_set_the_umask(self):
        path = self.create_tempfiles([('qinling', '[api]\n')], '.conf')[0]
        with mock.patch('oslo_log.log.setup'):
            process.configure(['--config-file', path], 'qinling-api', '')
        self.assertEqual(0o077, os.umask(0o022))
