# SPDX-License-Identifier: Apache-2.0
"""Streaming and size limits of uploads."""

import hashlib
import io
import os
import random
import re
import tempfile
import tracemalloc
from unittest import mock
import zipfile

from qinling.tests import fixtures
from qinling.tests.unit.api import cases

MIB = 1024 * 1024
ALL = '/v1/functions'


class CountingStream(io.BytesIO):
    """Stream that counts its reads."""

    largest = 0
    total = 0

    def read(self, size=-1):
        if size is None or size < 0:
            raise AssertionError('The whole stream is read.')
        self.largest = max(self.largest, size)
        data = super().read(size)
        self.total += len(data)
        return data


def create_package(size):
    """Return a package of about the size."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w') as zip_file:
        zip_file.writestr('data', random.Random(1).randbytes(size))
    return buffer.getvalue()


class UploadTest(cases.ApiTest):
    def form(self, package, **fields):
        return cases.multipart({
            'code': '{"source": "package"}',
            'runtime_id': self.api.runtime(), **fields}, package)

    def send(self, request, status=201):
        return self.decode(request.get_response(self.api.app), status)

    def check_refused(self, request, *limits):
        """Check for a 413 that names one of the limits."""
        sentence = self.send(request, 413)['faultstring']
        self.assertIn(int(re.search('at most ([0-9]+) ', sentence)[1]), limits)
        self.assertEqual([], self.api.packages())


class TestFullDisk(UploadTest):
    """Uploads to a store without space."""

    def test_upload_can_be_repeated(self):
        body, kind = self.form(create_package(1000))
        create = tempfile.mkstemp

        def create_full(**kwargs):
            descriptor, name = create(**kwargs)
            full = os.open('/dev/full', os.O_WRONLY)
            os.dup2(full, descriptor)
            os.close(full)
            return descriptor, name
        with mock.patch.object(tempfile, 'mkstemp', create_full):
            answer = cases.sized_request(
                ALL, 'POST', kind, io.BytesIO(body), len(body)
            ).get_response(self.api.app)
        self.assertIn('no disk space left',
                      self.decode(answer, 503)['faultstring'])
        self.assertEqual('1', answer.headers['Retry-After'])
        self.assertEqual([], self.api.packages())
        self.send(cases.sized_request(
            ALL, 'POST', kind, io.BytesIO(body), len(body)))


class TestMemory(UploadTest):
    """Packages are streamed, not kept in memory."""

    SIZE = 24 * MIB
    MAX_BYTES = 8 * MIB

    def check_memory(self, action):
        """Return the result of an action that uses little memory."""
        tracemalloc.start()
        try:
            result = action()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        self.assertLess(peak, self.MAX_BYTES)
        return result

    def test_upload_and_download(self):
        package = create_package(self.SIZE)
        body, kind = self.form(package)
        for create_request in (cases.chunked_request,
                               lambda *args: cases.sized_request(*args,
                                                                 len(body))):
            stream = CountingStream(body)
            row = self.check_memory(lambda: self.send(
                create_request(ALL, 'POST', kind, stream)))
            self.assertLessEqual(stream.largest, MIB)
            self.assertEqual(len(body), stream.total)
            self.assertEqual(hashlib.sha256(package).hexdigest(),
                             row['code']['sha256'])
        self.check_memory(lambda: self.download(row['id'], package))

    def download(self, id, package):
        answer = self.api.request('GET', f'{ALL}/{id}?download=true')
        self.assertEqual(len(package), answer.content_length)
        digest = hashlib.sha256()
        for chunk in answer.app_iter:
            self.assertLessEqual(len(chunk), MIB)
            digest.update(chunk)
        self.assertEqual(hashlib.sha256(package).hexdigest(),
                         digest.hexdigest())


class TestSizes(UploadTest):
    """Maximum sizes of packages and forms."""

    PACKAGE = 64 * 1024
    BODY = 8 * 1024
    GROUPS = {'api': {'max_body_size': BODY},
              'resource_limits': {'max_package_size': PACKAGE}}

    def test_packages_up_to_the_limit_are_accepted(self):
        overhead = len(create_package(0))
        package = create_package(self.PACKAGE - overhead)
        self.assertEqual(self.PACKAGE, len(package))
        body, kind = self.form(package)
        self.send(cases.chunked_request(ALL, 'POST', kind, body))
        self.send(cases.sized_request(ALL, 'POST', kind, io.BytesIO(body),
                                      len(body)))

    def test_large_packages_return_413(self):
        id = self.api.function().id
        self.api.backends.packages._storage.delete(self.api.packages()[0])
        for size in (self.PACKAGE + 1, self.PACKAGE + self.BODY,
                     2 * self.PACKAGE, 10 * self.PACKAGE):
            body, kind = self.form(b'x' * size)
            for method, path in (('POST', ALL), ('PUT', f'{ALL}/{id}')):
                whole = self.PACKAGE + self.BODY
                self.check_refused(cases.chunked_request(
                    path, method, kind, body), self.PACKAGE, whole)
                self.check_refused(cases.sized_request(
                    path, method, kind, body, len(body)), self.PACKAGE, whole)

    def test_many_files_return_413(self):
        body, kind = cases.form_data(
            [('name="x"; filename="x"', b'x' * self.PACKAGE)] * 10)
        self.check_refused(cases.chunked_request(ALL, 'POST', kind, body),
                           self.PACKAGE + self.BODY)

    def test_large_fields_return_413(self):
        body, kind = self.form(fixtures.PACKAGE, description='x' * self.BODY)
        self.check_refused(cases.chunked_request(ALL, 'POST', kind, body),
                           self.BODY)
        for names in ([f'name="a{number}"' for number in range(101)],
                      ['name="%s"' % ('a' * 10000)]):
            body, kind = cases.form_data([(name, b'x') for name in names])
            self.check_refused(
                cases.chunked_request(ALL, 'POST', kind, body), 100)
        for method, path in (('POST', ALL), ('PUT', f'{ALL}/x')):
            for kind in (cases.FORM, 'application/json'):
                body = b'name=' + b'x' * self.BODY
                self.check_refused(cases.chunked_request(path, method, kind,
                                                         body), self.BODY)
                self.check_refused(cases.sized_request(
                    path, method, kind, body, len(body)), self.BODY)

    def test_truncated_forms_are_refused(self):
        body, kind = self.form(fixtures.PACKAGE)
        for size in (10, len(body) // 2, len(body) - 1):
            fault = self.send(cases.sized_request(
                ALL, 'POST', kind, body[:size], len(body)), 400)
            self.assertIn('shorter than its Content-Length',
                          fault['faultstring'])
        self.assertEqual([], self.api.packages())

    def test_bytes_after_the_form_are_not_read(self):
        body, kind = self.form(fixtures.PACKAGE)
        stream = CountingStream(body + b'the next request')
        self.send(cases.sized_request(ALL, 'POST', kind, stream, len(body)))
        self.assertEqual(len(body), stream.tell())
