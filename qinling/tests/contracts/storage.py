# SPDX-License-Identifier: Apache-2.0
"""Contract of the storage drivers.

A driver's tests mix :class:`StorageContract` into a test case with a factory
of drivers; the module itself contains no tests to run.
"""

import hashlib
import io

from qinling.tests.contracts import database


class Stream:
    """Binary stream of many bytes, generated while reading.

    ``largest`` is the largest requested size.

    :param fails_at: byte at which reading raises ``OSError``.
    """

    def __init__(self, size, fails_at=None):
        self._remaining = size
        self._bytes_until_fault = size + 1 if fails_at is None else fails_at
        self.largest = 0

    def read(self, size=-1):
        if size < 0:
            raise AssertionError('The whole stream is read.')
        self.largest = max(self.largest, size)
        if self._bytes_until_fault <= 0:
            raise OSError('The line is dead.')
        size = min(size, self._remaining)
        self._remaining -= size
        self._bytes_until_fault -= size
        return b'\5' * size


class StorageContract:
    """Contract of the storage drivers.

    The test case provides ``make_driver()``, with a new driver over the same
    place for each call.
    """

    LARGE = 20 * 1024 * 1024
    #: Maximum of bytes per read.
    PIECE = 4 * 1024 * 1024

    def setUp(self):
        super().setUp()
        self.driver = self.make_driver()

    def put(self, data=b'bytes'):
        return self.driver.put(io.BytesIO(data))

    def read(self, key, driver=None):
        with (driver or self.driver).open(key) as stream:
            return stream.read()

    def keys(self, older_than=0):
        return set(self.driver.list_keys(older_than))

    def test_stored_packages_can_be_read(self):
        for data in (b'', b'bytes', bytes(range(256)) * 1000):
            stored = self.put(data)
            self.assertEqual(
                (hashlib.sha256(data).hexdigest(),
                 hashlib.md5(data).hexdigest(), len(data)),
                (stored.sha256, stored.md5, stored.size))
            self.assertEqual(data, self.read(stored.key))
            self.assertEqual(data, self.read(stored.key, self.make_driver()))

    def test_streams_can_seek(self):
        with self.driver.open(self.put(b'0123456789').key) as stream:
            self.assertEqual(10, stream.seek(0, 2))
            stream.seek(4)
            self.assertEqual(b'45', stream.read(2))

    def test_put_reads_from_the_current_position(self):
        stream = io.BytesIO(b'0123456789')
        stream.seek(8)
        self.assertEqual(b'89', self.read(self.driver.put(stream).key))

    def test_each_put_has_a_separate_key(self):
        first, second = self.put(), self.put()
        self.assertNotEqual(first.key, second.key)
        for package in (first, second):
            self.assertTrue(package.key.startswith(package.sha256))
            self.assertLessEqual(len(package.key), 128)
        self.driver.delete(first.key)
        self.assertEqual(b'bytes', self.read(second.key))

    def test_delete(self):
        stored = self.put()
        self.driver.delete(stored.key)
        self.assertRaises(FileNotFoundError, self.driver.open, stored.key)
        self.driver.delete(stored.key)
        self.assertEqual(set(), self.keys())

    def test_unknown_keys(self):
        key = self.put().key
        for unknown in (key[:-1] + ('0' if key[-1] != '0' else '1'),
                        key[:-1], key[:64], '0' * 64, 'x'):
            self.assertRaises(FileNotFoundError, self.driver.open, unknown)
            self.driver.delete(unknown)
        self.assertEqual(b'bytes', self.read(key))

    def test_open_streams_outlive_deleted_packages(self):
        data = bytes(range(256)) * 8000
        stored = self.put(data)
        with self.driver.open(stored.key) as stream:
            first_bytes = stream.read(10)
            self.driver.delete(stored.key)
            self.assertEqual(data, first_bytes + stream.read())

    def test_keys_older_than_an_age(self):
        keys = {self.put().key, self.put().key, self.put(b'other').key}
        self.assertEqual(keys, self.keys())
        self.assertEqual(set(), self.keys(older_than=3600))

    def test_interrupted_puts_leave_no_data(self):
        for fails_at in (0, 1, self.PIECE):
            self.assertRaises(
                OSError, self.driver.put, Stream(2 * self.PIECE, fails_at))
        self.assertEqual(set(), self.keys())

    def test_large_packages_are_streamed(self):
        stream = Stream(self.LARGE)
        stored = self.driver.put(stream)
        self.assertEqual(self.LARGE, stored.size)
        self.assertLessEqual(stream.largest, self.PIECE)
        with self.driver.open(stored.key) as source:
            self.assertEqual(self.LARGE, source.seek(0, 2))

    def test_concurrent_puts(self):
        data = [b'%d' % (number // 2) for number in range(8)]
        stored = database.run_together(*[
            lambda item=item: self.make_driver().put(io.BytesIO(item))
            for item in data])
        self.assertEqual(data, [self.read(item.key) for item in stored])
        self.assertEqual({item.key for item in stored}, self.keys())
