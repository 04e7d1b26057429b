# SPDX-License-Identifier: Apache-2.0
"""Packages from files and directories."""

import io
import os
import pathlib
import zipfile

import fixtures
from oslotest import base

from qinling.client import exceptions
from qinling.client import package


class TestBuild(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.root = pathlib.Path(self.useFixture(fixtures.TempDir()).path)

    def write(self, **files):
        """Files in the root, called after the words."""
        for name, text in files.items():
            self.path(name).parent.mkdir(parents=True, exist_ok=True)
            self.path(name).write_text(text)

    def path(self, name):
        return self.root / name.replace('__', '/').replace('_', '.')

    def names(self, *paths):
        """The names in a package."""
        with zipfile.ZipFile(io.BytesIO(package.build(paths))) as archive:
            return archive.namelist()

    def test_files(self):
        self.write(main_py='1', deep__words_py='2')
        self.assertEqual(['main.py', 'words.py'], self.names(
            self.root / 'main.py', self.root / 'deep' / 'words.py'))

    def test_files_of_one_name(self):
        self.write(main_py='1', deep__main_py='2')
        self.assertIn('have the same name', self.refused(
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

    def test_the_same_files_make_the_same_bytes(self):
        self.write(main_py='1', words_py='2')
        first = package.build([self.root])
        os.utime(self.root / 'main.py', (0, 0))
        self.assertEqual(first, package.build([self.root]))
        (self.root / 'main.py').chmod(0o755)
        self.assertNotEqual(first, package.build([self.root]))

    def refused(self, *paths):
        """Why a package cannot be made."""
        return str(self.assertRaises(exceptions.ClientError, package.build,
                                     paths))

    def test_nothing_there(self):
        self.assertIn('No such file', self.refused(self.root / 'main.py'))

    def test_link_to_a_directory(self):
        (self.root / 'link').symlink_to('/')
        self.assertIn('link to a directory', self.refused(self.root))
        (self.root / package.IGNORE).write_text('link\n')
        self.write(main_py='1')
        self.assertEqual(['main.py'], self.names(self.root))

    def test_no_file(self):
        os.mkfifo(self.root / 'pipe')
        self.assertIn('pipe is not a file', self.refused(self.root))

    def test_too_much(self):
        self.useFixture(fixtures.MonkeyPatch(
            'qinling.client.package.MOST', 10))
        self.write(main_py='1' * 11)
        self.assertIn('more than 10 bytes', self.refused(self.root))

    def test_directory_that_cannot_be_read(self):
        def walk(root, onerror):
            onerror(PermissionError(13, 'Permission denied', str(root)))
        self.useFixture(fixtures.MonkeyPatch('os.walk', walk))
        self.assertIn('Permission denied', self.refused(self.root))


class TestRead(base.BaseTestCase):

    def test_what_is_no_package(self):
        root = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        (root / 'a.zip').write_text('text')
        for name, sentence in (('a.zip', 'not a valid ZIP'),
                               ('b.zip', 'No such file')):
            error = self.assertRaises(exceptions.ClientError, package.read,
                                      root / name)
            self.assertIn(sentence, str(error))
