# SPDX-License-Identifier: Apache-2.0
"""Code in Swift: what is fetched, and what is kept of it."""

import contextlib
import os
import types

from oslotest import base

from qinling import exception
from qinling.sources import cache
from qinling.sources import swift
from qinling.tests import fixtures


class FakeSwift:
    """Objects in a dict: URL -> bytes; ``sent`` has what was fetched."""

    def __init__(self):
        self.objects = {'me/c/o': b'one'}
        self.sent = []
        self.short = False

    def build_url(self, auth, container, name):
        return f'{auth}/{container}/{name}'

    def head(self, auth, url):
        if url not in self.objects:
            raise FileNotFoundError(url)
        data = self.objects[url]
        return types.SimpleNamespace(etag=str(hash(data)), size=len(data))

    @contextlib.contextmanager
    def get(self, auth, url, etag=None):
        found = self.head(auth, url)
        if found.etag == etag:
            yield None
            return
        self.sent.append(url)
        yield found, [self.objects[url][:-1 if self.short else None]]


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
        given = dict(self.code(), md5sum='ignored')
        self.assertEqual((self.code(), None),
                         self.driver.create(given, None, 'me'))

    def refused(self, sentence, code, auth='me', driver=None):
        e = self.assertRaises(exception.Invalid, (
            driver or self.driver).create, code, None, auth)
        self.assertIn(sentence, str(e))

    def test_create_of_what_is_refused(self):
        both = 'Both container and object must be provided'
        for where in (None, {}, {'container': 'c'}, {'object': 'o'},
                      {'container': '', 'object': 'o'}):
            self.refused(both, {'source': 'swift', 'swift': where})
        for where in ({'container': 'a/b', 'object': 'o'},
                      {'container': 1, 'object': 'o'},
                      {'container': 'c', 'object': 'o' * 1025}):
            self.refused('cannot be the name',
                         {'source': 'swift', 'swift': where})
        self.refused('must be an object', {'source': 'swift', 'swift': 'c'})
        self.refused('Failed to validate object in Swift.',
                     self.code(object='none'))
        self.refused('not supported', self.code(), auth=None)
        self.refused('not supported', self.code(),
                     driver=swift.Driver(self.conf, None))
        self.make(max_object_size=2)
        self.refused('at most 2', self.code())

    def test_update(self):
        self.swift.objects['me/c/p'] = b'two'
        self.assertEqual(
            (self.code(object='p'), None), self.driver.update(
                self.code(), {'swift': {'object': 'p'}}, None, 'me'))
        self.assertIsNone(self.driver.update(self.code(), None, None, 'me'))
        for code in ({}, {'swift': {}}):
            self.assertRaises(exception.Invalid, self.driver.update,
                              self.code(), code, None, 'me')

    def test_what_has_not_changed_is_not_sent_again(self):
        self.assertEqual([b'one'] * 3, [self.read() for _ in range(3)])
        self.assertEqual(['me/c/o'], self.swift.sent)
        self.swift.objects['me/c/o'] = b'another'
        self.assertEqual(b'another', self.read())
        self.assertEqual(2, len(self.swift.sent))

    def test_nobody_gets_what_is_anothers(self):
        self.read()
        self.assertRaises(FileNotFoundError, self.read, auth='you')
        self.swift.objects['you/c/o'] = b'one'
        self.read(auth='you')
        self.assertEqual(['me/c/o', 'you/c/o'], self.swift.sent)

    def test_nobody_asks(self):
        self.assertRaises(exception.PermanentError, self.read, auth=None)

    def test_what_has_grown_too_large(self):
        self.make(max_object_size=5)
        self.swift.objects['me/c/o'] = b'123456'
        self.assertRaises(exception.PermanentError, self.read)

    def test_what_is_cut_short(self):
        self.swift.short = True
        self.assertRaises(exception.TemporaryError, self.read)
        self.swift.short = False
        self.assertEqual(b'one', self.read())


class TestCache(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.cache = cache.Cache(None, 10)

    def keep(self, name, data, etag='e'):
        self.cache.add(name, types.SimpleNamespace(
            etag=etag, size=len(data)), [data]).close()

    def kept(self, name):
        found = self.cache.find(name)
        if found is None:
            return None
        with found.file:
            return found.file.read()

    def test_the_oldest_goes_first(self):
        for name in ('a', 'b'):
            self.keep(name, b'1234')
        self.kept('a')
        self.keep('c', b'1234')
        self.assertEqual([b'1234', None, b'1234'],
                         [self.kept(name) for name in 'abc'])
        self.assertEqual(2, len(os.listdir(self.cache._directory.name)))

    def test_what_is_larger_than_all(self):
        self.keep('a', b'1' * 11)
        self.assertIsNone(self.kept('a'))
        self.assertEqual([], os.listdir(self.cache._directory.name))

    def test_another_under_the_same_name(self):
        self.keep('a', b'1')
        self.keep('a', b'2')
        self.assertEqual(b'2', self.kept('a'))
        self.assertEqual(1, len(os.listdir(self.cache._directory.name)))

    def test_who_reads_is_not_disturbed(self):
        self.keep('a', b'1')
        found = self.cache.find('a')
        self.keep('b', b'1' * 10)
        with found.file:
            self.assertEqual(b'1', found.file.read())

    def test_faults_leave_nothing(self):
        def pieces():
            yield b'1'
            raise exception.TemporaryError('the line is dead')
        self.assertRaises(
            exception.TemporaryError, self.cache.add, 'a',
            types.SimpleNamespace(etag='e', size=2), pieces())
        self.assertEqual([], os.listdir(self.cache._directory.name))
