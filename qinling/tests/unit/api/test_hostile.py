# SPDX-License-Identifier: Apache-2.0
"""Fuzzed requests cause client errors, never server errors."""

import itertools
import json

from wsme import types as wtypes

from qinling.api import root
from qinling.db import models
from qinling.tests.unit.api import cases

DIGITS = '9' * 5000
DEEP = json.loads('[' * 900 + ']' * 900)
TEXTS = ('', ' ', '0', DIGITS, '-1', 'null', "' OR 1=1 --", '😀', 'a\0b',
         '\ufffe', '../..', '%s%n', '{0.__class__}', '{"__function_input": '
         '"\\udfff"}', '{"a":' * 3000, 'x' * 300, '1e309', 'NaN', '"1"')
VALUES = (0, -1, 2 ** 31, 2 ** 63, 2 ** 64, 1e308, -0.0, True, False, [],
          {}, [None], {'': None}, {DIGITS: 1}, {'1': 1e-320}, {'1': DIGITS},
          {'😀': 1.0}, {'0': 1}, {'1': 0.5, '01': 0.5}, DEEP, {'a': DEEP},
          {'__function_input': DEEP})


class TestBodies(cases.ApiTest):
    """Every attribute of every JSON body."""

    def setUp(self):
        super().setUp()
        self.function = self.api.function()
        self.api.insert(models.FunctionVersion, version_number=1,
                        function_id=self.function.id,
                        runtime_id=self.function.runtime_id)
        self.api.insert(models.FunctionAlias, name='some',
                        function_id=self.function.id)
        self.good = {'function_id': self.function.id, 'name': 'any',
                     'image': 'i'}

    def path(self, route):
        id = (self.function.runtime_id if 'runtimes' in route.route.path
              else self.function.id)
        return cases.path_of(route).replace(cases.UNKNOWN_ID, id)

    def send(self, route, body):
        answer = self.api.request(
            route.route.method, self.path(route), body)
        self.assertLess(answer.status_int, 500, body)
        if answer.status_int >= 400:
            self.check_fault(answer)

    def test_attributes(self):
        for route in root.Root(self.api.services).routes:
            if route.route.body is None:
                continue
            names = [attribute.name for attribute
                     in wtypes.list_attributes(route.route.body)]
            good = {name: self.good[name] for name in names
                    if name in self.good}
            for name, value in itertools.product(names, TEXTS + VALUES):
                self.send(route, dict(good, **{name: value}))
        # Accepted values can be read.
        for noun in ('runtimes', 'functions', 'aliases', 'executions',
                     f'functions/{self.function.id}/versions'):
            self.call('GET', f'/v1/{noun}')


class TestPaths(cases.ApiTest):
    """Every parameter of every path and query."""

    WORDS = ('x', '-', '..', '%F0%9F%98%80', '%00', '%FF', '%2F', '%25',
             "'", '"', DIGITS, '-1', '0', '1.5', 'x' * 5000, '{id}', '%0a',
             ' ')
    #: Non-ASCII bytes as a WSGI server passes them.
    RAW = ('\xf0\x9f\x98\x80', '\xff', '\xc3')

    def get(self, route, path):
        answer = self.api.request(route.route.method, path)
        self.assertLess(answer.status_int, 500, path)
        if answer.status_int >= 400:
            self.check_fault(answer)

    def test_path_parameters(self):
        for route in root.Root(self.api.services).routes:
            parts = route.route.path.split('/')
            places = [place for place, value in enumerate(parts)
                      if value[:1] == '{']
            for place, value in itertools.product(places, self.WORDS):
                path = cases.path_of(route).split('/')
                path[place] = value
                self.get(route, '/'.join(path))

    def test_queries(self):
        for route in root.Root(self.api.services).routes:
            for key, word in itertools.product(
                    [*route.route.query, 'nonsense'], self.WORDS + self.RAW):
                self.get(route, f'{cases.path_of(route)}?{key}={word}')


class TestForms(cases.ApiTest):
    """Every field of the forms in each of the three content types."""

    FIELDS = ('name', 'description', 'runtime_id', 'code', 'entry', 'cpu',
              'memory_size', 'timeout', 'package', 'source', 'nonsense', '')

    def setUp(self):
        super().setUp()
        function = self.api.function()
        self.good = {'code': '{"source": "package"}',
                     'runtime_id': function.runtime_id}
        self.routes = (('POST', '/v1/functions'),
                       ('PUT', f'/v1/functions/{function.id}'))

    def send(self, body, kind):
        for method, path in self.routes:
            answer = self.api.request(method, path, body, kind=kind)
            self.assertLess(answer.status_int, 500, body[:200])
            if answer.status_int >= 400:
                self.check_fault(answer)

    def test_texts(self):
        codes = ('{"source": []}', '{"source": {}}', '[]', '1', '"x"',
                 '{"source": "package", "md5sum": {"a": 1}}', '[' * 100000)
        for field, text in itertools.product(self.FIELDS, TEXTS + codes):
            fields = dict(self.good, **{field: text})
            self.send(*cases.urlencoded(fields))
            self.send(*cases.multipart(fields, b'x'))

    def test_values(self):
        for field, value in itertools.product(self.FIELDS, VALUES):
            self.send(cases.encode_json(dict(self.good, **{field: value})),
                      'application/json')
