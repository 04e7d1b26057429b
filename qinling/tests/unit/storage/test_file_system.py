# SPDX-License-Identifier: Apache-2.0
"""Tests of the files of the driver."""

import io
import os
import pathlib
import stat
import time

import fixtures as fixtures_library
from oslotest import base

from qinling.storage import file_system
from qinling.tests import fixtures


class Dying(io.BytesIO):
    """Stream whose end kills the process, without a cleanup."""

    def read(self, size=-1):
        data = super().read(size)
        if not data:
            raise SystemExit
        return data


class TestFiles(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.root = pathlib.Path(
            self.useFixture(fixtures_library.TempDir()).path, 'a', 'b')
        self.conf = self.useFixture(fixtures.Conf(
            storage={'file_system_dir': str(self.root)})).conf
        self.driver = file_system.Driver(self.conf)

    def files(self):
        return [path.name for path in self.root.rglob('*') if path.is_file()]

    def test_directory_that_cannot_be_created(self):
        file, = self.create_tempfiles([('file', '')])
        conf = self.useFixture(fixtures.Conf(
            storage={'file_system_dir': f'{file}/packages'})).conf
        error = self.assertRaises(ValueError, file_system.Driver, conf)
        self.assertIn('[storage] file_system_dir: ', str(error))
        self.assertIn(f'{file}/packages', str(error))

    def test_files_are_private(self):
        self.driver.put(io.BytesIO(b'x'))
        for path in (self.root, *self.root.rglob('*')):
            self.assertEqual(0, stat.S_IMODE(path.stat().st_mode) & 0o077)

    def test_a_package_is_one_file(self):
        stored = self.driver.put(io.BytesIO(b'x'))
        self.assertEqual([stored.key], self.files())
        self.driver.delete(stored.key)
        self.assertEqual([], self.files())

    def test_an_interrupted_put_leaves_no_file(self):
        self.assertRaises(SystemExit, self.driver.put, Dying(b'x'))
        self.assertEqual([], self.files())

    def test_leftovers_of_a_dead_process_are_listed(self):
        with fixtures_library.MonkeyPatch(
                'pathlib.Path.unlink', lambda *args, **kwargs: None):
            self.assertRaises(SystemExit, self.driver.put, Dying(b'x'))
        name, = self.files()
        self.assertEqual([name], list(self.driver.list_keys(0)))
        self.driver.delete(name)
        self.assertEqual([], self.files())

    def test_disk_fails_at_the_end(self):
        def fail(_directory):
            raise OSError('no disk')
        self.useFixture(fixtures_library.MonkeyPatch(
            'qinling.storage.file_system._sync_directory', fail))
        error = self.assertRaises(
            OSError, self.driver.put, io.BytesIO(b'x'))
        self.assertEqual('no disk', str(error))
        self.assertEqual([], self.files())

    def test_age_is_that_of_the_file(self):
        old, new = (self.driver.put(io.BytesIO(b'x')).key for _ in range(2))
        path = next(self.root.rglob(old))
        os.utime(path, times=(0, time.time() - 100))
        self.assertEqual([old], list(self.driver.list_keys(50)))
        self.assertEqual({old, new}, set(self.driver.list_keys(0)))

    def test_package_is_deleted_during_a_listing(self):
        keys = {self.driver.put(io.BytesIO(b'x')).key for _ in range(3)}
        listed = self.driver.list_keys(0)
        first = next(listed)
        for key in keys - {first}:
            self.driver.delete(key)
        self.assertEqual([], list(listed))
