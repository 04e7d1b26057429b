# SPDX-License-Identifier: Apache-2.0
"""Tests of packages from files and directories."""

import io
import os
import pathlib
import zipfile

import fixtures
from oslotest import base

from qinling.client import exceptions
from qinling.client import package


class TestCreateArchive(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.root = pathlib.Path(self.useFixture(fixtures.TempDir()).path)

    def write(self, **files):
        """Write files below the root; keywords stand for the paths."""
        for name, text in files.items():
            self.path(name).parent.mkdir(parents=True, exist_ok=True)
            self.path(name).write_text(text)

    def path(self, name):
        return self.root / name.replace('__', '/').replace('_', '.')

    def names(self, *paths):
        """Return the names in a package."""
        data = package.create_archive(paths)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return archive.namelist()

    def test_files(self):
        self.write(main_py='1', deep__words_py='2')
        self.assertEqual(['main.py', 'words.py'], self.names(
            self.root / 'main.py', self.root / 'deep' / 'words.py'))

    def test_files_with_the_same_name(self):
        self.write(main_py='1', deep__main_py='2')
        self.assertIn('have the same name', self.create_error(
            self.root / 'main.py', self.root / 'deep' / 'main.py'))

    def test_directory(self):
        self.write(main_py='1', deep__words_py='2',
                   deep____pycache____words_pyc='3', main_pyc='4')
        (self.root / '.git').mkdir()
        (self.root / '.git' / 'config').write_text('5')
        self.assertEqual(['deep/words.py', 'main.py'], self.names(self.root))

    def test_ignored(self):
        self.write(main_py='1', tests__main_py='2', deep__tests__a_py='3',
                   a_log='4', deep__b_log='5', keep_log='6')
        (self.root / package.IGNORE).write_text(
            '# What stays here\n/tests/\n*.log\n!keep.log\n')
        self.assertEqual(['deep/tests/a.py', 'keep.log', 'main.py'],
                         self.names(self.root))

    def test_same_files_make_same_bytes(self):
        self.write(main_py='1', words_py='2')
        first = package.create_archive([self.root])
        os.utime(self.root / 'main.py', (0, 0))
        self.assertEqual(first, package.create_archive([self.root]))
        (self.root / 'main.py').chmod(0o755)
        self.assertNotEqual(first, package.create_archive([self.root]))

    def create_error(self, *paths):
        """Return the error of a package that cannot be created."""
        return str(self.assertRaises(exceptions.ClientError,
                                     package.create_archive, paths))

    def test_missing_file(self):
        self.assertIn('No such file', self.create_error(self.root / 'main.py'))

    def test_link_to_a_directory(self):
        (self.root / 'link').symlink_to('/')
        self.assertIn('link to a directory', self.create_error(self.root))
        (self.root / package.IGNORE).write_text('link\n')
        self.write(main_py='1')
        self.assertEqual(['main.py'], self.names(self.root))

    def test_special_file(self):
        os.mkfifo(self.root / 'pipe')
        self.assertIn('pipe is not a file', self.create_error(self.root))

    def test_size_limit(self):
        self.useFixture(fixtures.MonkeyPatch(
            'qinling.client.package.MAX_SIZE_BYTES', 10))
        self.write(main_py='1' * 11)
        self.assertIn('more than 10 bytes', self.create_error(self.root))

    def test_unreadable_directory(self):
        def walk(root, onerror):
            onerror(PermissionError(13, 'Permission denied', str(root)))
        self.useFixture(fixtures.MonkeyPatch('os.walk', walk))
        self.assertIn('Permission denied', self.create_error(self.root))


class TestReadArchive(base.BaseTestCase):

    def test_invalid_package(self):
        root = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        (root / 'a.zip').write_text('text')
        for name, sentence in (('a.zip', 'not a valid ZIP'),
                               ('b.zip', 'No such file')):
            error = self.assertRaises(exceptions.ClientError,
                                      package.read_archive, root / name)
            self.assertIn(sentence, str(error))
