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
        self.packages = {}
        self.puts = 0

    def put(self, stream):
        data = stream.read()
        self.puts += 1
        key = f'key {self.puts}'
        self.packages[key] = data
        return storage_base.StoredPackage(
            key, hashlib.sha256(data).hexdigest(),
            hashlib.md5(data).hexdigest(), len(data))

    def open(self, key):
        return io.BytesIO(self.packages[key])

    def delete(self, key):
        self.packages.pop(key, None)

    def list_keys(self, older_than):
        return list(self.packages)


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

    def check_refused(self, data, sentence='not a valid ZIP package',
                      kind=exception.Invalid, **code):
        before = set(self.storage.packages)
        error = self.assertRaises(kind, self.create, data, **code)
        self.assertIn(sentence, str(error))
        self.assertEqual(before, set(self.storage.packages))
        return error


class TestKeeping(PackageTest):
    """Storage of packages."""

    def test_package_is_stored_with_its_checksums(self):
        code, key = self.create(fixtures.PACKAGE)
        self.assertEqual({
            'source': 'package',
            'md5sum': hashlib.md5(fixtures.PACKAGE).hexdigest(),
            'sha256': hashlib.sha256(fixtures.PACKAGE).hexdigest()}, code)
        self.assertEqual({key: fixtures.PACKAGE}, self.storage.packages)
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
            self.check_refused(fixtures.PACKAGE, 'Package md5 mismatch.',
                               md5sum=md5)

    def test_no_package(self):
        error = self.assertRaises(exception.Invalid, self.driver.create,
                                  {'source': 'package'}, None)
        self.assertIn('Package is required', str(error))

    def test_an_update(self):
        present, _ = self.create(fixtures.PACKAGE)
        new_package = fixtures.archive({'main.py': 'other'})
        code, key = self.driver.update(present, None, io.BytesIO(new_package))
        self.assertEqual(new_package, self.storage.packages[key])
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
        self.assertEqual(['key 1'], list(self.storage.packages))

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
                     archives.archive('./x', 'a\\b', 'A\\B'),
                     b'#!/bin/sh\n' + fixtures.PACKAGE,
                     archives.archive()):
            self.create(data)

    def test_no_archive(self):
        for data in (b'', b'abc', b'PK\3\4', b'\0' * 1000,
                     fixtures.PACKAGE[:-1], fixtures.PACKAGE[:40],
                     fixtures.PACKAGE + b'x' * 70000):
            self.check_refused(data)

    def test_names_that_lead_out(self):
        for name in ('../x', 'a/../../x', '/x', '//x', 'C:\\x', 'C:x',
                     '..\\x', 'a\\..\\..\\x', '\\x', '..', 'a/..'):
            self.check_refused(archives.archive('main.py', name),
                               'is outside the package')

    def test_truncated_name(self):
        data = archives.archive('main.pyXevil')
        self.check_refused(data.replace(b'main.pyX', b'main.py\0'),
                           "'main.py\\x00evil': a name cannot contain NUL")

    def test_special_files(self):
        for mode in (archives.DEVICE, archives.FIFO):
            self.check_refused(archives.archive(archives.member('x', mode)),
                               "'x' is a special file")

    def link(self, target, *names):
        """Return an archive with a link ``a/link``."""
        return archives.archive(archives.member('a/link', archives.SYMLINK),
                                *names, data=target)

    def test_links_inside(self):
        for target in (b'b', b'./b/c', b'../a/../b', b'..', b'missing/x',
                       b'..\\b'):
            self.create(self.link(target))

    def test_links_that_lead_out(self):
        for target in (b'/etc/passwd', b'../..', b'../../x', b'x/../../..',
                       b'C:/x', b'..\\..\\x'):
            self.check_refused(self.link(target),
                               "the link 'a/link' leads outside the package")

    def test_unusable_links(self):
        for target, words in ((b'', 'without a valid target'),
                              (b'a\0b', 'without a valid target'),
                              (b'\xff', 'without a valid target'),
                              (b'x' * 1025, 'too long'),
                              (b'x/' * 300 + b'y' * 500, 'too long'),
                              (b'link', 'in a circle')):
            self.check_refused(self.link(target), words)
        self.check_refused(self.link(b'b', 'a/link/file'),
                           "holds files below the link 'a/link'")

    def test_too_many_links(self):
        self.useFixture(fixtures.fixtures.MonkeyPatch(
            'qinling.runtimes.agent_paths.MAX_LINK_STEPS', 5))
        self.create(self.link(b'b'))
        self.check_refused(self.link(b'b/c/d/e/f/g'), 'too many links')

    def test_a_name_twice(self):
        with self.assertWarns(UserWarning):
            data = archives.archive('a', 'b', 'a')
        self.check_refused(data, 'more than once')
        for names in (('main.py', './main.py'), ('a/b', 'a\\b'),
                      ('a//b', 'a/b')):
            self.check_refused(archives.archive(*names),
                               f'{names[1].replace("./", "")!r} more than once'
                               .replace('\\\\', '/'))

    def test_file_that_is_a_directory(self):
        for names in (('a', 'a/b'), ('a/b', 'a'), ('a/', 'a'),
                      ('a', 'a/')):
            self.check_refused(archives.archive(*names),
                               "'a' as a file and as a directory")

    def test_names_that_no_worker_can_create(self):
        for name, words in (
                ('', 'a file without a name'), ('.', None), ('./', None),
                ('x' * 255, None), ('x' * 256, 'a name that is too long'),
                ('é' * 128, 'a name that is too long'),
                ('x/' * 512, 'a path that is too long'),
                ('/'.join(['x' * 200] * 6), 'a path that is too long'),
                ('x/' * 99 + 'x', None),
                ('x/' * 100 + 'x', 'a path that is too long')):
            data = archives.archive(name)
            if words:
                self.check_refused(data, words)

    def test_too_many_directories(self):
        # As many as files, and one path of the greatest depth.
        names = [f'{letter}/' * 55 + 'x' for letter in 'abc']
        self.create(archives.archive(*names[:2]))
        self.check_refused(archives.archive(*names),
                           'more than 110 directories')

    def test_methods(self):
        for method, name in ((zipfile.ZIP_BZIP2, 'bzip2'),
                             (zipfile.ZIP_LZMA, 'LZMA')):
            self.check_refused(archives.archive('x', method=method),
                               f"compresses 'x' by {name}")
        for method, name in ((93, 'Zstandard'), (99, 'AES encryption'),
                             (9, 'deflate64'), (97, 'method 97')):
            self.check_refused(archives.with_directory(
                fixtures.PACKAGE, 10, bytes([method, 0])),
                f"compresses 'main.py' by {name}")

    def test_encryption(self):
        self.check_refused(archives.encrypted(fixtures.PACKAGE), 'encrypted')

    def test_archive_is_too_large(self):
        error = self.check_refused(
            b'x' * (3 * MIB + 1), 'too large', exception.TooLarge)
        self.assertEqual(413, error.http_code)

    def test_content_is_too_large(self):
        noise = random.Random(1).randbytes(MIB)
        self.create(archives.archive('a', data=noise + b'\0' * 3 * MIB))
        self.check_refused(archives.archive('a', data=noise + b'\0' * 3 * MIB
                                            + b'\0'),
                           'unpacks to', exception.TooLarge)
        self.check_refused(archives.archive('a', 'b', data=noise
                                            + b'\0' * (MIB + 1)),
                           'unpacks to', exception.TooLarge)

    def test_compression_is_too_dense(self):
        # The ratio is unchecked below 1 MiB.
        self.create(archives.archive('a', data=b'\0' * MIB))
        self.check_refused(archives.archive('a', data=b'\0' * (MIB + 1)),
                           'more than 100 times its size')

    def test_too_many_files(self):
        names = [f'{number}' for number in range(11)]
        self.create(archives.archive(*names[:10]))
        self.check_refused(archives.archive(*names), 'holds 11 files')

    def test_far_too_many_files(self):
        self.check_refused(archives.entries_only(50000), 'directory')

    def test_wrong_size_in_the_directory(self):
        noise = random.Random(1).randbytes(2 * MIB)
        data = archives.archive('a', data=noise)
        self.check_refused(archives.with_wrong_size(data, 5 * MIB),
                           'unpacks to', exception.TooLarge)
        self.check_refused(archives.with_wrong_size(data, 10),
                           "'a' has two headers")

    def test_damaged_content(self):
        for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            data = bytearray(archives.archive('a', method=method))
            data[33] ^= 0xff
            self.check_refused(bytes(data), "'a' has")

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
        self.check_refused(data[:start] + bytes(entry) + extra + bytes(tail),
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
