# SPDX-License-Identifier: Apache-2.0
"""Packages on their way: bounded, and never in memory as a whole."""

import hashlib
import io
import random
import re
import tracemalloc
import zipfile

from qinling.tests import fixtures
from qinling.tests.unit.api import cases

MIB = 1024 * 1024
ALL = '/v1/functions'


class Counted(io.BytesIO):
    """A stream that says how it was read."""

    largest = 0
    total = 0

    def read(self, size=-1):
        if size is None or size < 0:
            raise AssertionError('The stream is read whole.')
        self.largest = max(self.largest, size)
        data = super().read(size)
        self.total += len(data)
        return data


def large(size):
    """A package of about that size."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w') as made:
        made.writestr('data', random.Random(1).randbytes(size))
    return buffer.getvalue()


class UploadTest(cases.ApiTest):
    def form(self, package, **fields):
        return cases.multipart({
            'code': '{"source": "package"}',
            'runtime_id': self.api.runtime(), **fields}, package)

    def send(self, request, status=201):
        return self.decode(request.get_response(self.api.app), status)

    def refused(self, request, *most):
        """It is too large; the sentence says how large it may be."""
        found = self.send(request, 413)['faultstring']
        self.assertIn(int(re.search('at most ([0-9]+) ', found)[1]), most)
        self.assertEqual([], self.api.packages())


class TestMemory(UploadTest):
    """A package costs the API no memory."""

    SIZE = 24 * MIB
    MOST = 8 * MIB

    def measure(self, action):
        """What the action returns, having used little memory."""
        tracemalloc.start()
        try:
            found = action()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        self.assertLess(peak, self.MOST)
        return found

    def test_there_and_back(self):
        package = large(self.SIZE)
        body, kind = self.form(package)
        for make in (cases.chunked, lambda *args: cases.sized(
                *args, len(body))):
            stream = Counted(body)
            row = self.measure(lambda: self.send(
                make(ALL, 'POST', kind, stream)))
            self.assertLessEqual(stream.largest, MIB)
            self.assertEqual(len(body), stream.total)
            self.assertEqual(hashlib.sha256(package).hexdigest(),
                             row['code']['sha256'])
        self.measure(lambda: self.download(row['id'], package))

    def download(self, id, package):
        answer = self.api.request('GET', f'{ALL}/{id}?download=true')
        self.assertEqual(len(package), answer.content_length)
        digest = hashlib.sha256()
        for piece in answer.app_iter:
            self.assertLessEqual(len(piece), MIB)
            digest.update(piece)
        self.assertEqual(hashlib.sha256(package).hexdigest(),
                         digest.hexdigest())


class TestSizes(UploadTest):
    """How large packages and forms may be."""

    PACKAGE = 64 * 1024
    BODY = 8 * 1024
    GROUPS = {'api': {'max_body_size': BODY},
              'resource_limits': {'max_package_size': PACKAGE}}

    def test_what_fits(self):
        overhead = len(large(0))
        package = large(self.PACKAGE - overhead)
        self.assertEqual(self.PACKAGE, len(package))
        body, kind = self.form(package)
        self.send(cases.chunked(ALL, 'POST', kind, body))
        self.send(cases.sized(ALL, 'POST', kind, io.BytesIO(body),
                              len(body)))

    def test_a_package_that_is_too_large(self):
        id = self.api.function().id
        self.api.backends.packages._storage.delete(self.api.packages()[0])
        for size in (self.PACKAGE + 1, self.PACKAGE + self.BODY,
                     2 * self.PACKAGE, 10 * self.PACKAGE):
            body, kind = self.form(b'x' * size)
            for method, path in (('POST', ALL), ('PUT', f'{ALL}/{id}')):
                whole = self.PACKAGE + self.BODY
                self.refused(cases.chunked(path, method, kind, body),
                             self.PACKAGE, whole)
                self.refused(cases.sized(path, method, kind, body,
                                         len(body)), self.PACKAGE, whole)

    def test_many_files(self):
        body, kind = cases.form_data(
            [('name="x"; filename="x"', b'x' * self.PACKAGE)] * 10)
        self.refused(cases.chunked(ALL, 'POST', kind, body),
                     self.PACKAGE + self.BODY)

    def test_fields_that_are_too_large(self):
        body, kind = self.form(fixtures.PACKAGE, description='x' * self.BODY)
        self.refused(cases.chunked(ALL, 'POST', kind, body), self.PACKAGE)
        for method, path in (('POST', ALL), ('PUT', f'{ALL}/x')):
            for kind in (cases.FORM, 'application/json'):
                body = b'name=' + b'x' * self.BODY
                self.refused(cases.chunked(path, method, kind, body),
                             self.BODY)
                self.refused(cases.sized(path, method, kind, body,
                                         len(body)), self.BODY)

    def test_what_is_too_large_is_read_if_it_is_not_wild(self):
        most = self.PACKAGE + self.BODY
        for size, read in ((2 * most, 2 * most), (5 * most, 0)):
            stream = Counted(b'x' * size)
            self.refused(cases.sized(
                ALL, 'POST', 'multipart/form-data; boundary=x', stream,
                size), most)
            self.assertEqual(read, stream.total)

    def test_a_form_that_breaks_off(self):
        body, kind = self.form(fixtures.PACKAGE)
        for size in (10, len(body) // 2, len(body) - 1):
            found = self.send(cases.sized(
                ALL, 'POST', kind, body[:size], len(body)), 400)
            self.assertIn('shorter than its Content-Length',
                          found['faultstring'])
        self.assertEqual([], self.api.packages())

    def test_what_follows_is_not_read(self):
        body, kind = self.form(fixtures.PACKAGE)
        stream = Counted(body + b'the next request')
        self.send(cases.sized(ALL, 'POST', kind, stream, len(body)))
        self.assertEqual(len(body), stream.tell())
