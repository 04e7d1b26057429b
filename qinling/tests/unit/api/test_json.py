# SPDX-License-Identifier: Apache-2.0
"""JSON bodies of every route that accepts one."""

import datetime
import re

import webob
from wsme import types as wtypes

from qinling.api import root
from qinling.api import types
from qinling.tests.unit.api import cases

MAX_BYTES = 4096
#: Routes whose bodies may be empty.
OPTIONAL = {'/v1/functions/{id}/scale_up', '/v1/functions/{id}/scale_down',
            '/v1/functions/{id}/versions',
            '/v1/functions/{id}/versions/explain',
            '/v1/functions/{id}/versions/{version}/scale_up',
            '/v1/functions/{id}/versions/{version}/scale_down',
            '/v1/aliases/{name}/rollback', '/v1/executions/{id}/rerun',
            '/v1/webhooks/{id}/secret', '/v1/dead_letters/{id}/redrive',
            '/v1/webhooks/{id}/deliveries/replay',
            '/v1/webhooks/{id}/deliveries/{delivery_id}/replay'}


class JsonTest(cases.ApiTest):
    GROUPS = {'api': {'max_body_size': MAX_BYTES}}

    def setUp(self):
        super().setUp()
        self.routes = [
            (route.route.method, cases.path_of(route), route.route)
            for route in root.Root(self.api.services).routes
            if route.route.body is not None]

    def check_refused(self, status, words, body, **kwargs):
        """Check that every route refuses the body without a call of the
        engine.
        """
        for method, path, _ in self.routes:
            self.fault(status, words, method, path, body, **kwargs)
        self.assertEqual([], self.engine.calls)


class TestBodies(JsonTest):
    def test_routes_with_bodies_exist(self):
        self.assertLessEqual(
            {'/v1/runtimes', '/v1/executions'},
            {path for _, path, _ in self.routes})

    def test_invalid_json_is_refused(self):
        for body in (b'{', b'nothing', b'{"a": }', b'{\'a\': 1}', b'{} {}',
                     b'\xff', b'{"a": NaN}', b'{"a": "\xff"}', b'\0', b' ',
                     b'{"a":' * 600):
            self.check_refused(400, 'Request is not in valid JSON format',
                               body)
        for body in (b'{"a": "\\ud800"}', b'[' * 2000 + b']' * 2000):
            self.check_refused(400, 'Request cannot be stored', body)

    def test_other_values_than_objects_are_refused(self):
        for value in ([], [{'image': 'i'}], 'text', 5, 1.5, True, None):
            self.check_refused(400, 'Request must be a JSON object',
                               cases.encode_json(value))

    def test_empty_bodies_lack_arguments(self):
        for method, path, route in self.routes:
            if route.path in OPTIONAL:
                answer = self.api.request(method, path)
                self.assertNotIn('Missing argument', answer.text)
            else:
                self.fault(400, 'Missing argument', method, path)
                self.fault(400, 'Missing argument', method, path, b'')

    def test_other_content_types_return_415(self):
        for kind in ('text/plain', 'application/xml',
                     'application/x-www-form-urlencoded', 'multipart/mixed',
                     'application/octet-stream', 'application/jsonx', ''):
            self.check_refused(415, 'send application/json', b'{}', kind=kind)

    def test_encoded_bodies_return_415(self):
        for coding in ('gzip', 'br', 'identity, gzip', 'x' * 999):
            self.fault(415, 'send the body unencoded', 'POST',
                       '/v1/executions', b'{}', Content_Encoding=coding)
        for coding in ('', 'identity', ' Identity '):
            self.fault(400, 'must be provided', 'POST', '/v1/executions',
                       b'{}', Content_Encoding=coding)

    def test_parameters_of_the_content_type_are_ignored(self):
        for kind in ('application/json; charset=utf-8', 'Application/JSON',
                     'application/json;x=y'):
            for method, path, _ in self.routes:
                answer = self.api.request(method, path, b'[]', kind=kind)
                self.assertIn('must be a JSON object', answer.text)

    def test_unknown_keys_are_named(self):
        for method, path, _ in self.routes:
            sentence = self.fault(400, 'Unknown attribute', method, path,
                                  {'nonsense': 1})
            self.assertIn('nonsense', sentence)
            self.assertIn('body', sentence)

    def test_similar_keys_are_suggested(self):
        for method, path, route in self.routes:
            for attribute in wtypes.list_attributes(route.body):
                name = attribute.name
                sentence = self.fault(400, 'Unknown attribute', method, path,
                                      {f'{name}x': 1, '': 1})
                hint, _, allowed = sentence.partition(' Allowed: ')
                names = re.findall(r'\w+', hint.partition('Did you mean')[2])
                self.assertLessEqual(len(names), 3)
                # No client may send a read-only key.
                self.assertEqual(not attribute.readonly, name in names, name)
                self.assertEqual(
                    not attribute.readonly,
                    name in allowed.rstrip('.').split(', '), name)

    def test_unlike_keys_have_no_suggestion(self):
        for method, path, _ in self.routes:
            self.assertNotIn('Did you mean', self.fault(
                400, 'Unknown attribute', method, path, {'qqqq': 1, '': 1}))

    def test_read_only_keys_are_refused(self):
        names = set()
        for method, path, route in self.routes:
            for attribute in wtypes.list_attributes(route.body):
                if attribute.readonly:
                    names.add(attribute.name)
                    value = {int: 1, datetime.datetime: '2026-01-01'}.get(
                        attribute.datatype, 'x')
                    self.fault(400, 'Cannot set read only field.', method,
                               path, {attribute.name: value})
        self.assertLessEqual(
            {'id', 'project_id', 'created_at', 'updated_at', 'status',
             'result', 'status_reason', 'version_number'}, names)

    def test_wrong_types_are_refused(self):
        wrong = {str: (5, 1.5, True, [], {}, ['x']),
                 types.Integer: ('x', '', 1.5, True, [], {}, '1.5', 2 ** 31),
                 types.Version: ('x', '', 1.5, True, [], {}, '1.5', -1),
                 types.Uuid: ('x', '', 5, [], {}, f'{cases.UNKNOWN_ID}0'),
                 bool: ('maybe', 'x', 1.5, [], {}, '')}
        for method, path, route in self.routes:
            for attribute in wtypes.list_attributes(route.body):
                if attribute.readonly:
                    continue
                kind = attribute.datatype
                for value in wrong.get(kind) or wrong.get(type(kind), ()):
                    self.fault(400, '', method, path,
                               {'image': 'i', attribute.name: value})

    def test_null_counts_as_unset(self):
        for method, path, route in self.routes:
            names = [attribute.name for attribute
                     in wtypes.list_attributes(route.body)]
            # Read-only and unknown names are included.
            nulls = dict.fromkeys([*names, 'nonsense'])
            self.assertEqual(
                self.api.request(method, path, {}).body,
                self.api.request(method, path, nulls).body)


class TestSizes(JsonTest):
    """Lengths of bodies, actual and declared."""

    def test_large_bodies_return_413(self):
        fits = b'[]'.ljust(MAX_BYTES)
        self.check_refused(400, 'must be a JSON object', fits)
        self.check_refused(413, f'at most {MAX_BYTES} bytes', fits + b' ')
        self.check_refused(413, f'at most {MAX_BYTES} bytes', fits * 10)

    def send_to_all(self, create_request, *args):
        """Yield the answers of all routes to requests from a builder."""
        for method, path, _ in self.routes:
            yield create_request(path, method, 'application/json',
                                 *args).get_response(self.api.app)

    def test_large_chunked_bodies_return_413(self):
        for answer in self.send_to_all(cases.chunked_request,
                                       b'[]'.ljust(MAX_BYTES)):
            self.decode(answer, 400)
        for answer in self.send_to_all(cases.chunked_request,
                                       b'[]'.ljust(MAX_BYTES + 1)):
            self.assertIn(f'at most {MAX_BYTES} bytes',
                          self.decode(answer, 413)['faultstring'])

    def test_endless_chunked_bodies_return_413(self):
        stream = Endless()
        for answer in self.send_to_all(cases.chunked_request, stream):
            self.decode(answer, 413)
        self.assertLess(stream.bytes_read,
                        len(self.routes) * (MAX_BYTES + 128 * 1024))

    def test_truncated_bodies_are_refused(self):
        for answer in self.send_to_all(cases.sized_request, b'{}', 100):
            self.assertIn('shorter than its Content-Length',
                          self.decode(answer, 400)['faultstring'])

    def test_bytes_after_the_content_length_are_ignored(self):
        for answer in self.send_to_all(cases.sized_request, b'[]and more', 2):
            self.assertIn('must be a JSON object',
                          self.decode(answer, 400)['faultstring'])

    def test_invalid_content_lengths_are_refused(self):
        for length in ('x', '-1', '1.5', '-' + '9' * 30):
            for answer in self.send_to_all(cases.sized_request, b'{}', length):
                self.assertIn('Content-Length',
                              self.decode(answer, 400)['faultstring'])

    def test_missing_content_length_is_an_empty_body(self):
        for method, path, route in self.routes:
            request = webob.Request.blank(path, method=method)
            request.environ.pop('CONTENT_LENGTH', None)
            answer = request.get_response(self.api.app)
            self.assertEqual(route.path not in OPTIONAL,
                             'Missing argument' in answer.text)


class Endless:
    """A body without an end."""

    def __init__(self):
        self.bytes_read = 0

    def read(self, size=-1):
        if size < 0:
            raise AssertionError('The whole body is read.')
        self.bytes_read += size
        return b' ' * size
