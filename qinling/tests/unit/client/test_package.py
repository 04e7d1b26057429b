# SPDX-License-Identifier: Apache-2.0
"""Tests of packages from files and directories."""

import io
import os
import pathlib
import stat
import zipfile

import fixtures
from oslotest import base

from qinling.client import exceptions
from qinling.client import package
from qinling.runtimes import agent_archive


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

    def test_link_inside(self):
        self.write(lib__a_py='1')
        (self.root / 'main.py').symlink_to('lib/a.py')
        (self.root / 'lib' / 'up').symlink_to('..')
        (self.root / 'store').symlink_to('lib')
        data = package.create_archive([self.root])
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            self.assertEqual(
                {'lib/a.py': b'1', 'lib/up': b'..', 'main.py': b'1',
                 'store': b'lib'},
                {name: archive.read(name) for name in archive.namelist()})
            modes = {info.filename: info.external_attr >> 16
                     for info in archive.infolist()}
        self.assertTrue(stat.S_ISLNK(modes['store']))
        self.assertTrue(stat.S_ISREG(modes['main.py']))
        limits = agent_archive.Limits(9, 9, None)
        self.assertEqual('lib', agent_archive.Archive(
            io.BytesIO(data), limits).tree['store'].target)

    def test_absolute_link_inside(self):
        self.write(lib__a_py='1')
        (self.root / 'link').symlink_to(self.root / 'lib')
        self.assertEqual(b'lib', self.read('link', self.root))

    def read(self, name, *paths, report=None):
        """Return the content of a file in a package."""
        data = package.create_archive(paths, report)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return archive.read(name)

    def test_links_out(self):
        self.write(lib__a_py='1')
        (self.root / 'link').symlink_to('..')
        self.assertIn('outside the package', self.create_error(self.root))

    def test_link_to_a_file_outside(self):
        self.write(lib__a_py='1', app__main_py='2')
        (self.root / 'app' / 'a.py').symlink_to('../lib/a.py')
        sentences = []
        self.assertEqual(b'1', self.read('a.py', self.root / 'app',
                                         report=sentences.append))
        sentence, = sentences
        self.assertIn(f'a link to {self.root / "lib" / "a.py"}', sentence)

    def test_several_directories(self):
        self.write(lib__a_py='1', shared__deep__b_py='2', main_py='3')
        self.assertEqual(
            ['lib/a.py', 'main.py', 'shared/deep/b.py'],
            self.names(*(self.root / name
                         for name in ('lib', 'main.py', 'shared'))))

    def test_rules_of_several_directories(self):
        self.write(lib__a_py='1', lib__a_log='2', main_py='3')
        (self.root / 'lib' / package.IGNORE).write_text('*.log\n')
        self.assertEqual(['lib/a.py', 'main.py'], self.names(
            self.root / 'lib', self.root / 'main.py'))

    def test_link_to_another_directory(self):
        self.write(lib__a_py='1', app__main_py='2')
        (self.root / 'app' / 'shared').symlink_to(self.root / 'lib')
        paths = self.root / 'app', self.root / 'lib'
        self.assertEqual(b'../lib', self.read('app/shared', *paths))
        error = self.create_error(self.root / 'app')
        self.assertIn(f'--file {self.root / "lib"}', error)

    def test_names_that_no_package_can_contain(self):
        for name, words in ((b'a\\b', 'contains a backslash'),
                            (b'\xff', 'not text in UTF-8')):
            path = os.path.join(os.fsencode(self.root), name)
            with open(path, 'w'):
                pass
            self.assertIn(words, self.create_error(self.root))
            os.unlink(path)

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
