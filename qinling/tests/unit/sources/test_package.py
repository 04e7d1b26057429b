# SPDX-License-Identifier: Apache-2.0
"""Tests of accepted packages, and of the traces of rejected packages."""

import hashlib
import io
import random
import struct
import zipfile

from oslotest import base

from qinling import exception
from qinling.sources import package
from qinling.storage import base as storage_base
from qinling.tests import fixtures
from qinling.tests.unit.sources import archives

MIB = 1024 * 1024


class Storage(storage_base.Storage):
    """Packages in memory, by the order of arrival."""

    def __init__(self):
        self.kept = {}
        self.puts = 0

    def put(self, stream):
        data = stream.read()
        self.puts += 1
        key = f'key {self.puts}'
        self.kept[key] = data
        return storage_base.StoredPackage(
            key, hashlib.sha256(data).hexdigest(),
            hashlib.md5(data).hexdigest(), len(data))

    def open(self, key):
        return io.BytesIO(self.kept[key])

    def delete(self, key):
        self.kept.pop(key, None)

    def list_keys(self, older_than):
        return list(self.kept)


class PackageTest(base.BaseTestCase):
    LIMITS = {}

    def setUp(self):
        super().setUp()
        conf = self.useFixture(fixtures.Conf(resource_limits=self.LIMITS))
        self.storage = Storage()
        self.driver = package.Driver(conf.conf, self.storage)

    def create(self, data, **code):
        return self.driver.create(
            {'source': 'package', **code}, io.BytesIO(data))

    def refused(self, data, sentence='not a valid ZIP package',
                kind=exception.Invalid, **code):
        before = set(self.storage.kept)
        error = self.assertRaises(kind, self.create, data, **code)
        self.assertIn(sentence, str(error))
        self.assertEqual(before, set(self.storage.kept))
        return error


class TestKeeping(PackageTest):
    """Storage of packages."""

    def test_package_is_stored_with_its_checksums(self):
        code, key = self.create(fixtures.PACKAGE)
        self.assertEqual({
            'source': 'package',
            'md5sum': hashlib.md5(fixtures.PACKAGE).hexdigest(),
            'sha256': hashlib.sha256(fixtures.PACKAGE).hexdigest()}, code)
        self.assertEqual({key: fixtures.PACKAGE}, self.storage.kept)
        self.assertEqual(fixtures.PACKAGE,
                         self.driver.open(code, key).read())

    def test_matching_md5(self):
        md5 = hashlib.md5(fixtures.PACKAGE).hexdigest()
        code, _ = self.create(fixtures.PACKAGE, md5sum=md5)
        self.assertEqual(md5, code['md5sum'])
        for nothing in ('', None):
            self.create(fixtures.PACKAGE, md5sum=nothing)

    def test_wrong_md5_leaves_no_package(self):
        for md5 in ('0' * 32, 'x', 5, ['x'], {'a': 1}):
            self.refused(fixtures.PACKAGE, 'Package md5 mismatch.',
                         md5sum=md5)

    def test_no_package(self):
        error = self.assertRaises(exception.Invalid, self.driver.create,
                                  {'source': 'package'}, None)
        self.assertIn('Package is required', str(error))

    def test_an_update(self):
        present, _ = self.create(fixtures.PACKAGE)
        new_package = fixtures.archive({'main.py': 'other'})
        code, key = self.driver.update(present, None, io.BytesIO(new_package))
        self.assertEqual(new_package, self.storage.kept[key])
        self.assertEqual(hashlib.md5(new_package).hexdigest(), code['md5sum'])

    def test_an_update_without_a_package_changes_nothing(self):
        present, _ = self.create(fixtures.PACKAGE)
        for code in (None, {'source': 'package'}, {'md5sum': 'x'}):
            self.assertIsNone(self.driver.update(present, code, None))

    def test_an_update_to_the_same(self):
        present, _ = self.create(fixtures.PACKAGE)

        def update(code):
            return self.driver.update(
                present, code, io.BytesIO(fixtures.PACKAGE))
        self.assertIsNone(update(None))
        error = self.assertRaises(
            exception.Invalid, update, {'md5sum': present['md5sum']})
        self.assertIn('checksum is not changed', str(error))
        error = self.assertRaises(
            exception.Invalid, update, {'md5sum': 'other'})
        self.assertIn('md5 mismatch', str(error))
        self.assertEqual(['key 1'], list(self.storage.kept))

    def test_packages_have_versions(self):
        self.assertTrue(package.Driver.versioned)
        self.assertTrue(package.Driver.needs_runtime)


class TestChecks(PackageTest):
    """Rejected packages."""

    LIMITS = {'max_package_files': 10, 'max_package_size': 3 * MIB,
              'max_unpacked_size': 4 * MIB, 'max_package_ratio': 100}

    def test_usual_packages(self):
        for data in (fixtures.PACKAGE,
                     archives.archive('a/', 'a/b.py', 'c..d', '.hidden'),
                     archives.archive('naïve 😀.py'),
                     archives.archive('x', method=zipfile.ZIP_STORED),
                     archives.archive('x', method=zipfile.ZIP_LZMA),
                     b'#!/bin/sh\n' + fixtures.PACKAGE,
                     archives.archive()):
            self.create(data)

    def test_no_archive(self):
        for data in (b'', b'abc', b'PK\3\4', b'\0' * 1000,
                     fixtures.PACKAGE[:-1], fixtures.PACKAGE[:40],
                     fixtures.PACKAGE + b'x' * 70000):
            self.refused(data)

    def test_names_that_lead_out(self):
        for name in ('../x', 'a/../../x', '/x', '//x', 'C:\\x', 'C:x',
                     '..\\x', 'a\\..\\..\\x', '\\x', '..', 'a/..'):
            self.refused(archives.archive('main.py', name),
                         'is outside the package')

    def test_truncated_name(self):
        data = archives.archive('main.pyXevil')
        self.refused(data.replace(b'main.pyX', b'main.py\0'),
                     'is outside the package')

    def test_special_files(self):
        for mode in (archives.SYMLINK, archives.DEVICE, archives.FIFO):
            self.refused(archives.archive(archives.member('x', mode)),
                         'link or a special file')

    def test_a_name_twice(self):
        with self.assertWarns(UserWarning):
            data = archives.archive('a', 'b', 'a')
        self.refused(data, 'more than once')

    def test_encryption(self):
        self.refused(archives.encrypted(fixtures.PACKAGE), 'encrypted')

    def test_archive_is_too_large(self):
        error = self.refused(
            b'x' * (3 * MIB + 1), 'too large', exception.TooLarge)
        self.assertEqual(413, error.http_code)

    def test_content_is_too_large(self):
        noise = random.Random(1).randbytes(MIB)
        self.create(archives.archive('a', data=noise + b'\0' * 3 * MIB))
        self.refused(archives.archive('a', data=noise + b'\0' * 3 * MIB
                                      + b'\0'),
                     'unpacks to', exception.TooLarge)
        self.refused(archives.archive('a', 'b', data=noise
                                      + b'\0' * (MIB + 1)),
                     'unpacks to', exception.TooLarge)

    def test_compression_is_too_dense(self):
        # The ratio is unchecked below 1 MiB.
        self.create(archives.archive('a', data=b'\0' * MIB))
        self.refused(archives.archive('a', data=b'\0' * (MIB + 1)),
                     'more than 100 times its size')

    def test_too_many_files(self):
        names = [f'{number}' for number in range(11)]
        self.create(archives.archive(*names[:10]))
        self.refused(archives.archive(*names), 'holds 11 files')

    def test_far_too_many_files(self):
        self.refused(archives.entries_only(50000), 'directory')

    def test_wrong_size_in_the_directory(self):
        noise = random.Random(1).randbytes(2 * MIB)
        data = archives.archive('a', data=noise)
        self.refused(archives.lying(data, 5 * MIB), 'unpacks to',
                     exception.TooLarge)
        # Too small a size is nothing to fear: who unpacks gets no more than
        # the directory says, and an error.
        self.create(archives.lying(data, 10))
        with zipfile.ZipFile(io.BytesIO(archives.lying(data, 10))) as opened:
            self.assertRaises(zipfile.BadZipFile, opened.read, 'a')

    def test_large_numbers(self):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, 'w') as target:
            with target.open('a', 'w', force_zip64=True) as member:
                member.write(b'data')
        self.create(buffer.getvalue())

    def test_sizes_beyond_32_bits(self):
        data = archives.archive('a')
        start, end = data.index(b'PK\1\2'), data.index(b'PK\5\6')
        extra = struct.pack('<HHQ', 1, 8, 2 ** 40)
        entry = bytearray(data[start:end])
        entry[24:28] = b'\xff' * 4
        entry[30:32] = len(extra).to_bytes(2, 'little')
        tail = bytearray(data[end:])
        tail[12:16] = (len(entry) + len(extra)).to_bytes(4, 'little')
        self.refused(data[:start] + bytes(entry) + extra + bytes(tail),
                     'unpacks to', exception.TooLarge)

    def test_broken_packages_raise_only_user_errors(self):
        """Accept broken packages, or reject them with an error for users."""
        source = random.Random(7)
        whole = archives.archive('a', 'b/', archives.member('c', 0o100644))
        accepted = 0
        for _ in range(2000):
            data = bytearray(whole)
            for _ in range(source.randint(1, 4)):
                data[source.randrange(len(data))] = source.randrange(256)
            try:
                self.create(bytes(data))
                accepted += 1
            except (exception.Invalid, exception.TooLarge):
                continue
        self.assertIn(accepted, range(1, 2000))
