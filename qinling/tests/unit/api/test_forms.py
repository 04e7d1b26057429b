# SPDX-License-Identifier: Apache-2.0
"""Multipart, urlencoded and JSON forms."""

import hashlib
import json

from qinling.api import body as body_module
from qinling.db import models
from qinling.tests import fixtures
from qinling.tests.unit.api import cases
from qinling.tests.unit.api import test_functions

ALL = test_functions.ALL
OTHER = test_functions.OTHER
MD5 = hashlib.md5(fixtures.PACKAGE).hexdigest()


class TestShapes(test_functions.FunctionTest):
    """Fields in each of the three content types."""

    def test_create_by_the_old_client(self):
        body, kind = cases.multipart({
            'runtime_id': self.api.runtime(),
            'code': json.dumps({'source': 'package', 'md5sum': MD5}),
            'name': 'n', 'entry': 'main.main', 'cpu': '100',
            'memory_size': '33554432', 'timeout': '5'}, fixtures.PACKAGE)
        row = self.call('POST', ALL, body, 201, kind=kind)
        self.assertEqual(('n', MD5, 5),
                         (row['name'], row['code']['md5sum'],
                          row['timeout']))

    def test_parts_may_have_any_order(self):
        runtime = self.api.runtime()
        body, kind = cases.form_data([
            ('name="package"; filename="x.zip"', fixtures.PACKAGE),
            ('name="code"', b'{"source": "package"}'),
            ('name="runtime_id"', runtime.encode())])
        self.call('POST', ALL, body, 201, kind=kind)

    def test_part_headers_of_other_clients(self):
        runtime = self.api.runtime().encode()
        disposition = 'Content-Disposition: form-data; '
        for head in (
                'name="package"; filename="a \\"b\\".zip"',
                'name=package; filename=x.zip',
                f'{disposition}name="package"; filename="x.zip"\r\n'
                'Content-Type: application/zip',
                f'Content-Type: application/octet-stream\r\n{disposition}'
                'name="package"; filename=""',
                f'{disposition}name="package"; filename="x"\r\n'
                'Content-Transfer-Encoding: binary'):
            body, kind = cases.form_data([
                ('name="runtime_id"', runtime),
                (f'{disposition}name="code"\r\n'
                 'Content-Type: text/plain; charset=utf-8',
                 b'{"source": "package"}'), (head, fixtures.PACKAGE)])
            self.call('POST', ALL, body, 201, kind=kind)

    def test_texts_are_no_files_and_files_no_texts(self):
        runtime = self.api.runtime().encode()
        good = [('name="runtime_id"', runtime),
                ('name="code"', b'{"source": "package"}'),
                ('name="package"; filename="x.zip"', fixtures.PACKAGE)]
        long = b'x' * (body_module.MAX_PART_MEMORY_BYTES + 1)
        for parts, words in (
                ([('name="description"', long)], 'description must be a text'),
                ([('name="description"; filename="d"', b'd')],
                 'description must be a text of at most'),
                ([('name="input_schema"', long)], 'input_schema must be'),
                ([('name="other"; filename="o"', b'o')],
                 'Unknown attribute')):
            data, kind = cases.form_data([*good, *parts])
            self.fault(400, words, 'POST', ALL, data, kind=kind)

    def test_flags(self):
        for value in ('maybe', '1e3', ''):
            data, kind = cases.multipart({
                'runtime_id': self.api.runtime(), 'trust': value,
                'code': '{"source": "package"}'}, fixtures.PACKAGE)
            self.fault(400, 'is not a boolean; use true or false', 'POST',
                       ALL, data, kind=kind)

    def test_unknown_fields_are_refused(self):
        self.multipart_fault(
            400, 'Unknown attribute for argument body: memory, nonsense. Did '
            'you mean: memory_size', 'POST', ALL,
            {'code': '{"source": "package"}', 'memory': '5', 'nonsense': ''},
            fixtures.PACKAGE)
        body, kind = cases.form_data([
            ('name="code"', b'{"source": "package"}'),
            ('name="archive"; filename="x.zip"', fixtures.PACKAGE)])
        self.fault(400, 'argument body: archive', 'POST', ALL, body,
                   kind=kind)

    def test_repeats_are_refused(self):
        code = ('name="code"', b'{"source": "package"}')
        package = ('name="package"; filename="x.zip"', fixtures.PACKAGE)
        for name, parts in (('code', [code, code, package]),
                            ('package', [code, package, package])):
            body, kind = cases.form_data(parts)
            self.fault(400, f'{name} must occur only once in the form.',
                       'POST', ALL, body, kind=kind)
        kind = 'application/x-www-form-urlencoded'
        row = self.create()
        self.fault(400, 'timeout must occur only once', 'PUT',
                   f'{ALL}/{row["id"]}', b'timeout=1&timeout=2', kind=kind)
        # A bug of the old client.
        self.call('PUT', f'{ALL}/{row["id"]}',
                  b'source=swift&swift=container&swift=object', kind=kind)

    def test_fields_of_old_clients_are_ignored(self):
        row = self.create(source='package', swift='container', count='7',
                          project_id='other', id=cases.UNKNOWN_ID,
                          package='text')
        self.assertEqual((0, 'default', 33554432), (
            row['count'], row['project_id'], row['memory_size']))
        self.assertNotEqual(cases.UNKNOWN_ID, row['id'])

    def test_packages_as_text_are_refused(self):
        self.multipart_fault(400, 'Package is required', 'POST', ALL, {
            'code': '{"source": "package"}', 'package': 'text',
            'runtime_id': self.api.runtime()})

    def test_urlencoded(self):
        fields = {'code': '{"source": "package"}',
                  'runtime_id': self.api.runtime()}
        body, kind = cases.urlencoded(fields)
        for content_type in (kind, kind + '; charset=utf-8', kind.upper()):
            self.fault(400, 'Package is required', 'POST', ALL, body,
                       kind=content_type)

    def test_json(self):
        id = self.create()['id']
        for code in ('{"source": "package"}', {'source': 'package'}):
            self.fault(400, 'Package is required', 'POST', ALL, {
                'code': code, 'runtime_id': self.api.runtime(),
                'timeout': 5, 'name': None})
        row = self.call('PUT', self.url(id), {
            'name': 'n', 'timeout': 7, 'description': None})
        self.assertEqual(('n', 7), (row['name'], row['timeout']))
        for body in (b'[]', b'"x"', b'5', b'{', b'\xff'):
            self.fault(400, 'JSON', 'PUT', self.url(id), body)
        for name in ('name', 'description', 'entry'):
            for value in (5, ['x'], {}, True):
                self.fault(400, f'{name} must be text', 'PUT', self.url(id),
                           {name: value})
        for value in (True, 5.0, [], {}):
            self.fault(400, 'An integer is required', 'PUT', self.url(id),
                       {'timeout': value})

    def test_other_content_types_return_415(self):
        for kind in ('text/plain', 'application/xml', '', 'multipart/mixed',
                     'application/zip'):
            self.fault(415, 'is not supported here', 'POST', ALL, b'x',
                       kind=kind)

    def test_encoded_bodies_return_415(self):
        for kind in ('multipart/form-data; boundary=a', 'application/json',
                     'application/x-www-form-urlencoded'):
            self.fault(415, 'send the body unencoded', 'POST', ALL, b'x',
                       kind=kind, Content_Encoding='gzip')

    def test_empty_bodies(self):
        id = self.create()
        for kind in ('application/json', 'text/plain', ''):
            self.fault(400, 'Required param is missing: code', 'POST', ALL,
                       b'', kind=kind)
            self.assertEqual(id, self.call('PUT', self.url(id['id']), b'',
                                           kind=kind))

    def test_broken_multipart(self):
        body, kind = cases.multipart({'name': 'n'}, fixtures.PACKAGE)
        broken = [
            (body, 'multipart/form-data'),
            (body, 'multipart/form-data; boundary='),
            (body, 'multipart/form-data; boundary="a\nb"'),
            (body, 'multipart/form-data; boundary=other'),
            (body[:-10], kind), (body[:len(body) // 2], kind), (b'', kind),
            (b'nothing', kind), (body.replace(b'\r\n', b'\n'), kind),
            cases.form_data([('no-name="x"', b'x')]),
            cases.form_data([('name="name"', b'\xff')]),
            cases.form_data([('Content-Type: text/plain', b'x')]),
            cases.form_data([(
                'Content-Disposition: form-data; name="name"\r\n'
                'Content-Type: text/plain; charset=nonsense', b'x')]),
            cases.form_data([('name="x"', b'x')] * 200),
            cases.form_data([('\r\n'.join(
                ['Content-Disposition: form-data; name="x"']
                + [f'X-{number}: x' for number in range(50)]), b'x')])]
        for body, kind in broken:
            answer = self.api.request('POST', ALL, body, kind=kind)
            self.assertIn(answer.status_int, (400, 413), body[:300])
            self.check_fault(answer)

    def test_broken_urlencoded(self):
        for body in (b'name=%FF', b'name=\xff', b'&'.join([b'a=b'] * 200)):
            self.fault(400, 'The form is not valid.', 'POST', ALL, body,
                       kind=cases.FORM)


class TestUpdate(test_functions.FunctionTest):
    """``PUT /v1/functions/{id}``."""

    def setUp(self):
        super().setUp()
        self.row = self.create(name='n', description='d')
        self.path = self.url(self.row['id'])

    def put(self, fields, package=None, status=200):
        return self.form('PUT', self.path, fields, package, status)

    def check_refused(self, status, words, fields, package=None):
        self.multipart_fault(status, words, 'PUT', self.path, fields, package)
        self.assertEqual(self.row, self.call('GET', self.path))
        self.assertEqual([], self.engine.calls)

    def test_update_without_changes(self):
        for fields in (
                {}, {'runtime_id': cases.UNKNOWN_ID}, {'runtime_id': 'x'},
                {'source': 'swift', 'swift': 'object'},
                {'code': '{"source": "package"}'}, {'package': 'text'}):
            self.assertEqual(self.row, self.put(fields), fields)
        self.assertEqual([], self.engine.calls)

    def test_update_of_texts(self):
        row = self.put({'name': '', 'description': 'naïve 😀',
                        'timeout': '7'})
        self.assertEqual(('', 'naïve 😀', 7), (
            row['name'], row['description'], row['timeout']))
        self.assertIsNotNone(row['updated_at'])
        self.assertEqual([], self.engine.calls)

    def test_new_entry_or_limits_detach_workers(self):
        row = self.put({'entry': 'a.b', 'cpu': '200',
                        'memory_size': '67108864'})
        self.assertEqual(('a.b', 200, 67108864), (
            row['entry'], row['cpu'], row['memory_size']))
        self.assertEqual([('detach', self.row['id'], 0)], self.engine.calls)

    def test_package_update_by_the_old_client(self):
        row = self.put({'source': 'package', 'name': 'new'}, OTHER)
        self.assertEqual(('new', hashlib.md5(OTHER).hexdigest()),
                         (row['name'], row['code']['md5sum']))
        self.assertEqual(OTHER, self.api.request(
            'GET', self.path + '?download=true').body)
        self.assertEqual([('detach', self.row['id'], 0)], self.engine.calls)

    def test_unchanged_package(self):
        row = self.put({}, fixtures.PACKAGE)
        self.assertEqual(self.row, row)
        self.multipart_fault(
            400, 'The function code checksum is not changed.', 'PUT',
            self.path, {'code': json.dumps({'md5sum': MD5})}, fixtures.PACKAGE)

    def test_invalid_updates_are_refused(self):
        for fields, words in (
                ({'code': 'x'}, 'code is not in valid JSON format'),
                ({'code': '[]'}, 'code must be a JSON object'),
                ({'code': '{"source": "image"}'},
                 'The function code type can not be changed.'),
                ({'timeout': '0'}, 'timeout resource limitation not within'),
                ({'timeout': ''}, 'Invalid timeout resource specified'),
                ({'cpu': '301'}, 'cpu resource limitation not within'),
                ({'memory_size': 'x'}, 'Invalid memory resource specified'),
                ({'name': 'x' * 256}, 'name is too long')):
            self.check_refused(400, words, fields)
        for package, words in ((b'x', 'not a valid ZIP package'),
                               (b'', 'not a valid ZIP package')):
            self.check_refused(400, words, {}, package)
        self.check_refused(400, 'Package md5 mismatch.',
                           {'code': '{"md5sum": "x"}'}, OTHER)
        self.assertEqual(1, len(self.api.packages()))

    def test_zero_timeout_is_refused(self):
        self.fault(400, 'timeout resource limitation', 'PUT', self.path,
                   {'timeout': 0})

    def test_new_code_despite_jobs(self):
        self.api.insert(models.Job, function_id=self.row['id'])
        self.assertEqual('x', self.put({'entry': 'x'})['entry'])
        new = self.put({}, OTHER)
        self.assertNotEqual(self.row['code'], new['code'])

    def test_if_match(self):
        body, kind = cases.urlencoded({'name': 'x'})
        self.fault(412, 'its ETag is now "1"', 'PUT', self.path, body,
                   kind=kind, If_Match='"2"')
        answer = self.api.request('PUT', self.path, body, kind=kind,
                                  If_Match='"1"')
        self.assertEqual('"2"', answer.headers['ETag'])
