# SPDX-License-Identifier: Apache-2.0
"""Tests of code in Swift: downloads and the cache."""

import contextlib
import os
import types

from oslotest import base

from qinling import exception
from qinling.sources import cache
from qinling.sources import swift
from qinling.tests import fixtures


class FakeSwift:
    """Objects in a dict: URL -> bytes; ``sent`` lists the downloads."""

    def __init__(self):
        self.objects = {'me/c/o': b'one'}
        self.sent = []
        self.truncates = False

    def build_url(self, auth, container, name):
        return f'{auth}/{container}/{name}'

    def head(self, auth, url):
        if url not in self.objects:
            raise FileNotFoundError(url)
        data = self.objects[url]
        return types.SimpleNamespace(etag=str(hash(data)), size=len(data))

    @contextlib.contextmanager
    def get(self, auth, url, etag=None):
        head = self.head(auth, url)
        if head.etag == etag:
            yield None
            return
        self.sent.append(url)
        yield head, [self.objects[url][:-1 if self.truncates else None]]


class TestSwift(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.conf = self.useFixture(fixtures.Conf()).conf
        self.swift = FakeSwift()
        self.make()

    def make(self, **options):
        for name, value in options.items():
            self.conf.set_override(name, value, group='swift')
        self.driver = swift.Driver(self.conf, self.swift)

    def code(self, container='c', object='o'):
        return {'source': 'swift',
                'swift': {'container': container, 'object': object}}

    def read(self, object='o', auth='me'):
        with self.driver.open(self.code(object=object), None, auth) as file:
            size = file.seek(0, 2)
            file.seek(0)
            data = file.read()
        self.assertEqual(size, len(data))
        return data

    def test_create(self):
        code = dict(self.code(), md5sum='ignored')
        self.assertEqual((self.code(), None),
                         self.driver.create(code, None, 'me'))

    def check_refused(self, sentence, code, auth='me', driver=None):
        e = self.assertRaises(exception.Invalid, (
            driver or self.driver).create, code, None, auth)
        self.assertIn(sentence, str(e))

    def test_create_of_a_malformed_location(self):
        sentence = 'Both container and object must be provided'
        for where in (None, {}, {'container': 'c'}, {'object': 'o'},
                      {'container': '', 'object': 'o'}):
            self.check_refused(sentence, {'source': 'swift', 'swift': where})
        for where in ({'container': 'a/b', 'object': 'o'},
                      {'container': 1, 'object': 'o'},
                      {'container': 'c', 'object': 'o' * 1025}):
            self.check_refused('cannot be the name',
                               {'source': 'swift', 'swift': where})
        self.check_refused('must be an object',
                           {'source': 'swift', 'swift': 'c'})
        self.check_refused('Failed to validate object in Swift.',
                           self.code(object='none'))
        self.check_refused('not supported', self.code(), auth=None)
        self.check_refused('not supported', self.code(),
                           driver=swift.Driver(self.conf, None))
        self.make(max_object_size=2)
        self.check_refused('at most 2', self.code())

    def test_update(self):
        self.swift.objects['me/c/p'] = b'two'
        self.assertEqual(
            (self.code(object='p'), None), self.driver.update(
                self.code(), {'swift': {'object': 'p'}}, None, 'me'))
        self.assertIsNone(self.driver.update(self.code(), None, None, 'me'))
        for code in ({}, {'swift': {}}):
            self.assertRaises(exception.Invalid, self.driver.update,
                              self.code(), code, None, 'me')

    def test_unchanged_object_is_not_downloaded_again(self):
        self.assertEqual([b'one'] * 3, [self.read() for _ in range(3)])
        self.assertEqual(['me/c/o'], self.swift.sent)
        self.swift.objects['me/c/o'] = b'another'
        self.assertEqual(b'another', self.read())
        self.assertEqual(2, len(self.swift.sent))

    def test_object_of_another_project_is_rejected(self):
        self.read()
        self.assertRaises(FileNotFoundError, self.read, auth='you')
        self.swift.objects['you/c/o'] = b'one'
        self.read(auth='you')
        self.assertEqual(['me/c/o', 'you/c/o'], self.swift.sent)

    def test_function_without_a_trust(self):
        self.assertRaises(exception.PermanentError, self.read, auth=None)

    def test_object_has_grown_too_large(self):
        self.make(max_object_size=5)
        self.swift.objects['me/c/o'] = b'123456'
        self.assertRaises(exception.PermanentError, self.read)

    def test_download_is_cut_short(self):
        self.swift.truncates = True
        self.assertRaises(exception.TemporaryError, self.read)
        self.swift.truncates = False
        self.assertEqual(b'one', self.read())


class TestCache(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.cache = cache.Cache(None, 10)

    def add(self, name, data, etag='e'):
        self.cache.add(name, types.SimpleNamespace(
            etag=etag, size=len(data)), [data]).close()

    def read(self, name):
        entry = self.cache.find(name)
        if entry is None:
            return None
        with entry.file:
            return entry.file.read()

    def test_oldest_object_is_evicted_first(self):
        for name in ('a', 'b'):
            self.add(name, b'1234')
        self.read('a')
        self.add('c', b'1234')
        self.assertEqual([b'1234', None, b'1234'],
                         [self.read(name) for name in 'abc'])
        self.assertEqual(2, len(os.listdir(self.cache._directory.name)))

    def test_object_larger_than_the_cache(self):
        self.add('a', b'1' * 11)
        self.assertIsNone(self.read('a'))
        self.assertEqual([], os.listdir(self.cache._directory.name))

    def test_object_is_replaced_under_its_name(self):
        self.add('a', b'1')
        self.add('a', b'2')
        self.assertEqual(b'2', self.read('a'))
        self.assertEqual(1, len(os.listdir(self.cache._directory.name)))

    def test_eviction_does_not_disturb_readers(self):
        self.add('a', b'1')
        entry = self.cache.find('a')
        self.add('b', b'1' * 10)
        with entry.file:
            self.assertEqual(b'1', entry.file.read())

    def test_failed_download_leaves_no_file(self):
        def pieces():
            yield b'1'
            raise exception.TemporaryError('the line is dead')
        self.assertRaises(
            exception.TemporaryError, self.cache.add, 'a',
            types.SimpleNamespace(etag='e', size=2), pieces())
        self.assertEqual([], os.listdir(self.cache._directory.name))
