# SPDX-License-Identifier: Apache-2.0
"""Private parts of Pecan and WSME that the API uses.

After an upgrade that breaks a test, see :mod:`qinling.api.pecan_patches`,
:mod:`qinling.api.stream` and :mod:`qinling.api.types`.
"""

import datetime
import inspect
import json

import orjson
from oslotest import base
import pecan.core
import pecan.routing
import pecan.util
import webob
import wsme
from wsme.rest import json as wsme_json
from wsme import types as wtypes

from qinling.api import app
from qinling.api import identity
from qinling.api import pecan_patches
from qinling.api import root
from qinling.api import stream
from qinling.api import types
from qinling.tests import fixtures
from qinling.tests.unit.api import cases

#: A value for each kind of attribute.
VALUES = {str: 'naïve 😀 "quoted"', int: 5, bool: True,
          datetime.datetime: datetime.datetime(2026, 1, 2, 3, 4, 5)}


def fill_type(datatype, value=VALUES.get):
    """Return an object of a WSME type with a value for each attribute."""
    resource = datatype.__new__(datatype)
    for attribute in wtypes.list_attributes(datatype):
        kind = attribute.datatype
        if isinstance(kind, wtypes.ArrayType):
            content = [fill_type(kind.item_type, value)
                       if wtypes.iscomplex(kind.item_type)
                       else value(kind.item_type)] * 2
        elif wtypes.iscomplex(kind):
            content = fill_type(kind, value)
        elif isinstance(kind, types.AnyJson):
            content = {'any': [1, {'x': None}]}
        elif isinstance(kind, types.Uuid):
            content = cases.UNKNOWN_ID
        elif isinstance(kind, types.Version):
            content = 7
        else:
            content = value(kind)
        setattr(resource, attribute.key, content)
    return resource


def _add_time_zone(value):
    """Append the time zone of our encoder to the times of WSME."""
    if isinstance(value, dict):
        return {key: _add_time_zone(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_add_time_zone(item) for item in value]
    return value + 'Z' if value == '2026-01-02T03:04:05' else value


class TestEncoder(cases.ApiTest):
    """The encoder writes the same JSON as WSME."""

    def setUp(self):
        super().setUp()
        self.types = [route.route.result for route
                      in root.Root(self.api.services).routes
                      if route.route.result is not None]

    def check_same(self, datatype, value):
        theirs = json.loads(wsme_json.encode_result(value, datatype))
        ours = json.loads(pecan_patches.encode(datatype, value))
        self.assertEqual(_add_time_zone(theirs), ours)
        return ours

    def test_every_type(self):
        self.assertGreater(len(self.types), 10)
        for datatype in self.types:
            encoded = self.check_same(datatype, fill_type(datatype))
            self.assertEqual({attribute.name for attribute
                              in wtypes.list_attributes(datatype)},
                             set(encoded))

    def test_null_attributes(self):
        for datatype in self.types:
            encoded = self.check_same(datatype,
                                      fill_type(datatype, lambda kind: None))
            self.assertTrue(encoded)

    def test_unset_attributes_are_omitted(self):
        for datatype in self.types:
            self.assertEqual({}, self.check_same(
                datatype, datatype.__new__(datatype)))

    def test_rows_are_encoded(self):
        values = {'uri': 'x'}
        for row in (types.View(**values), root.Uri(**values)):
            self.assertEqual(b'{"uri":"x"}',
                             pecan_patches.encode(root.Uri, row))

    def test_the_id_comes_first(self):
        for datatype in self.types:
            names = list(json.loads(
                pecan_patches.encode(datatype, fill_type(datatype))))
            if 'id' in names:
                self.assertEqual('id', names[0])

    def test_times_have_no_fraction(self):
        time = datetime.datetime(2026, 1, 2, 3, 4, 5, 678901)
        self.assertEqual('2026-01-02T03:04:05Z', pecan_patches.create_encoder(
            datetime.datetime)(time))

    def test_encoders_are_cached(self):
        for datatype in self.types:
            self.assertIs(pecan_patches.create_encoder(datatype),
                          pecan_patches.create_encoder(datatype))

    def test_orjson_keeps_unicode(self):
        self.assertEqual('é😀'.encode(), orjson.dumps('é😀')[1:-1])


class TestPecan(cases.ApiTest):
    """The private parts of Pecan."""

    def test_signatures_are_cached(self):
        pecan_patches.cache_signatures()
        cached = pecan.util.getargspec
        self.assertTrue(hasattr(cached, 'cache_info'))
        pecan_patches.cache_signatures()
        self.assertIs(cached, pecan.util.getargspec)
        # Every module of Pecan uses the cached function.
        names = {name for name, module in vars(pecan).items()
                 if inspect.ismodule(module)
                 and hasattr(module, 'getargspec')}
        self.assertLessEqual({'util', 'core', 'routing', 'decorators'},
                             names)
        for name in names - {'compat'}:
            self.assertIs(cached, getattr(pecan, name).getargspec, name)

    def test_requests_use_cached_signatures(self):
        self.call('GET', '/v1/runtimes')
        before = pecan.util.getargspec.cache_info()
        for _ in range(3):
            self.call('GET', '/v1/runtimes')
        after = pecan.util.getargspec.cache_info()
        self.assertEqual(before.misses, after.misses)
        self.assertGreater(after.hits, before.hits)

    def test_requests_use_the_patched_class(self):
        environs = []
        strategy = identity.load(self.api.conf)
        self.api.app = app.create_app(
            self.api.services,
            fixtures.Strategy(lambda environ: (
                environs.append(environ), strategy.identify(environ))[1]))
        self.call('POST', '/v1/runtimes', {'image': 'i'}, 201)
        environ, = environs
        _, kind, length = environ['qinling.body']
        self.assertEqual(('application/json', '14'), (kind, length))
        self.assertIs(pecan_patches.Request, type(
            environ['pecan.locals']['request']))

    def test_pecan_reads_no_body(self):
        class Unread:
            def read(self, *_args):
                raise AssertionError('Pecan reads the body.')
        for method, path, status in (
                ('POST', '/v1/nothing', 404),
                ('GET', '/v1/runtimes', 200),
                ('DELETE', f'/v1/runtimes/{cases.UNKNOWN_ID}', 404)):
            for kind in (cases.FORM, 'application/json',
                         'multipart/form-data; boundary=x'):
                self.decode(cases.chunked_request(path, method, kind, Unread())
                            .get_response(self.api.app), status)

    def test_pecan_accepts_a_request_class(self):
        self.assertIn('request_cls', inspect.signature(
            pecan.core.PecanBase.__init__).parameters)

    def test_streams_are_unchanged(self):
        response = stream.Response(iter([b'a', b'b']), 2)
        response.app_iter = [b'other']
        self.assertEqual(2, response.content_length)
        self.assertTrue(inspect.isgenerator(response.app_iter))
        answer = webob.Request.blank('/').get_response(response)
        self.assertEqual((b'ab', 2), (answer.body, answer.content_length))


class TestWsme(base.BaseTestCase):
    """Parts of WSME that requests use."""

    def test_names(self):
        self.assertIn('readonly', inspect.signature(
            wsme.wsattr.__init__).parameters)
        for name in ('list_attributes', 'iscomplex', 'ArrayType',
                     'UserType'):
            self.assertTrue(hasattr(wtypes, name), name)

    def test_attributes_keep_their_order(self):
        class Animal(types.Resource):
            zebra = types.Text
            ape = int
        self.assertEqual(
            ['id', 'project_id', 'created_at', 'updated_at', 'zebra', 'ape'],
            [attribute.name for attribute in wtypes.list_attributes(Animal)])
