# SPDX-License-Identifier: Apache-2.0
"""JSON bodies, for every route that takes one."""

import datetime

import webob
from wsme import types as wtypes

from qinling.api import root
from qinling.api import types
from qinling.tests.unit.api import cases

MOST = 4096
#: What every part of is optional, so that an empty body says enough.
BARE = {'/v1/functions/{id}/scale_up', '/v1/functions/{id}/scale_down',
        '/v1/functions/{id}/versions',
        '/v1/functions/{id}/versions/{version}/scale_up',
        '/v1/functions/{id}/versions/{version}/scale_down',
        '/v1/aliases/{name}/rollback', '/v1/executions/{id}/rerun',
        '/v1/webhooks/{id}/secret'}


class JsonTest(cases.ApiTest):
    GROUPS = {'api': {'max_body_size': MOST}}

    def setUp(self):
        super().setUp()
        self.routes = [
            (route.route.method, cases.paths(route), route.route)
            for route in root.Root(self.api.services).routes
            if route.route.body is not None]

    def refused(self, status, words, body, **kwargs):
        """Every route refuses the body, and the engine hears nothing."""
        for method, path, _ in self.routes:
            self.fault(status, words, method, path, body, **kwargs)
        self.assertEqual([], self.engine.calls)


class TestBodies(JsonTest):
    def test_there_are_such_routes(self):
        self.assertLessEqual(
            {'/v1/runtimes', '/v1/executions'},
            {path for _, path, _ in self.routes})

    def test_what_is_no_json(self):
        for body in (b'{', b'nothing', b'{"a": }', b'{\'a\': 1}', b'{} {}',
                     b'\xff', b'{"a": NaN}', b'{"a": "\xff"}',
                     b'{"a": "\\ud800"}', b'\0', b' ',
                     b'[' * 2000 + b']' * 2000, b'{"a":' * 600):
            self.refused(400, 'Request is not in valid JSON format', body)

    def test_json_that_is_no_object(self):
        for value in ([], [{'image': 'i'}], 'text', 5, 1.5, True, None):
            self.refused(400, 'Request must be a JSON object',
                         cases.as_json(value))

    def test_an_empty_body(self):
        for method, path, route in self.routes:
            if route.path in BARE:
                answer = self.api.request(method, path)
                self.assertNotIn('Missing argument', answer.text)
            else:
                self.fault(400, 'Missing argument', method, path)
                self.fault(400, 'Missing argument', method, path, b'')

    def test_other_types(self):
        for kind in ('text/plain', 'application/xml',
                     'application/x-www-form-urlencoded', 'multipart/mixed',
                     'application/octet-stream', 'application/jsonx', ''):
            self.refused(415, 'send application/json', b'{}', kind=kind)

    def test_this_type_in_other_words(self):
        for kind in ('application/json; charset=utf-8', 'Application/JSON',
                     'application/json;x=y'):
            for method, path, _ in self.routes:
                answer = self.api.request(method, path, b'[]', kind=kind)
                self.assertIn('must be a JSON object', answer.text)

    def test_unknown_keys(self):
        for method, path, _ in self.routes:
            sentence = self.fault(400, 'Unknown attribute', method, path,
                                  {'nonsense': 1})
            self.assertIn('nonsense', sentence)
            self.assertIn('body', sentence)

    def test_read_only_keys(self):
        seen = set()
        for method, path, route in self.routes:
            for attribute in wtypes.list_attributes(route.body):
                if attribute.readonly:
                    seen.add(attribute.name)
                    value = {int: 1, datetime.datetime: '2026-01-01'}.get(
                        attribute.datatype, 'x')
                    self.fault(400, 'Cannot set read only field.', method,
                               path, {attribute.name: value})
        self.assertLessEqual(
            {'id', 'project_id', 'created_at', 'updated_at', 'status',
             'result', 'status_reason', 'version_number'}, seen)

    def test_wrong_types(self):
        wrong = {str: (5, 1.5, True, [], {}, ['x']),
                 types.Integer: ('x', '', 1.5, True, [], {}, '1.5', 2 ** 31),
                 types.Version: ('x', '', 1.5, True, [], {}, '1.5', -1),
                 types.Uuid: ('x', '', 5, [], {}, f'{cases.NONE}0'),
                 bool: ('maybe', 'x', 1.5, [], {}, '')}
        for method, path, route in self.routes:
            for attribute in wtypes.list_attributes(route.body):
                if attribute.readonly:
                    continue
                kind = attribute.datatype
                for value in wrong.get(kind) or wrong.get(type(kind), ()):
                    self.fault(400, '', method, path,
                               {'image': 'i', attribute.name: value})

    def test_null_is_not_given(self):
        for method, path, route in self.routes:
            names = [attribute.name for attribute
                     in wtypes.list_attributes(route.body)]
            # Read-only ones and unknown ones, too.
            nothing = dict.fromkeys([*names, 'nonsense'])
            self.assertEqual(
                self.api.request(method, path, {}).body,
                self.api.request(method, path, nothing).body)


class TestSizes(JsonTest):
    """How long bodies are, and say that they are."""

    def test_too_large(self):
        fits = b'[]'.ljust(MOST)
        self.refused(400, 'must be a JSON object', fits)
        self.refused(413, f'at most {MOST} bytes', fits + b' ')
        self.refused(413, f'at most {MOST} bytes', fits * 10)

    def send(self, make, *args):
        """The answers of all routes to requests made so."""
        for method, path, _ in self.routes:
            yield make(path, method, 'application/json', *args).get_response(
                self.api.app)

    def test_too_large_in_pieces(self):
        for answer in self.send(cases.chunked, b'[]'.ljust(MOST)):
            self.decode(answer, 400)
        for answer in self.send(cases.chunked, b'[]'.ljust(MOST + 1)):
            self.assertIn(f'at most {MOST} bytes',
                          self.decode(answer, 413)['faultstring'])

    def test_in_pieces_without_end(self):
        stream = Endless()
        for answer in self.send(cases.chunked, stream):
            self.decode(answer, 413)
        self.assertLess(stream.bytes_read,
                        len(self.routes) * (MOST + 128 * 1024))

    def test_shorter_than_it_says(self):
        for answer in self.send(cases.sized, b'{}', 100):
            self.assertIn('shorter than its Content-Length',
                          self.decode(answer, 400)['faultstring'])

    def test_longer_than_it_says(self):
        for answer in self.send(cases.sized, b'[]and more', 2):
            self.assertIn('must be a JSON object',
                          self.decode(answer, 400)['faultstring'])

    def test_a_length_that_is_none(self):
        for length in ('x', '-1', '1.5', '-' + '9' * 30):
            for answer in self.send(cases.sized, b'{}', length):
                self.assertIn('Content-Length',
                              self.decode(answer, 400)['faultstring'])

    def test_no_length(self):
        for method, path, route in self.routes:
            request = webob.Request.blank(path, method=method)
            request.environ.pop('CONTENT_LENGTH', None)
            answer = request.get_response(self.api.app)
            self.assertEqual(route.path not in BARE,
                             'Missing argument' in answer.text)


class Endless:
    """A body that goes on and on."""

    def __init__(self):
        self.bytes_read = 0

    def read(self, size=-1):
        if size < 0:
            raise AssertionError('The body is read whole.')
        self.bytes_read += size
        return b' ' * size
