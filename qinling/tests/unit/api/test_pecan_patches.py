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
from qinling.tests.unit.api import cases

#: A value for each kind of attribute.
VALUES = {str: 'naïve 😀 "quoted"', int: 5, bool: True,
          datetime.datetime: datetime.datetime(2026, 1, 2, 3, 4, 5)}


def filled(datatype, value=VALUES.get):
    """An object of a WSME type with a value for each attribute."""
    made = datatype.__new__(datatype)
    for attribute in wtypes.list_attributes(datatype):
        kind = attribute.datatype
        if isinstance(kind, wtypes.ArrayType):
            found = [filled(kind.item_type, value)
                     if wtypes.iscomplex(kind.item_type)
                     else value(kind.item_type)] * 2
        elif wtypes.iscomplex(kind):
            found = filled(kind, value)
        elif isinstance(kind, types.AnyJson):
            found = {'any': [1, {'x': None}]}
        elif isinstance(kind, types.Uuid):
            found = cases.NONE
        elif isinstance(kind, types.Version):
            found = 7
        else:
            found = value(kind)
        setattr(made, attribute.key, found)
    return made


def _plain(value):
    """What our encoder makes of a time, made of what WSME does."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value + 'Z' if value == '2026-01-02T03:04:05' else value


class TestEncoder(cases.ApiTest):
    """Our encoder writes what that of WSME writes."""

    def setUp(self):
        super().setUp()
        self.types = [route.route.result for route
                      in root.Root(self.api.services).routes
                      if route.route.result is not None]

    def same(self, datatype, value):
        theirs = json.loads(wsme_json.encode_result(value, datatype))
        ours = json.loads(pecan_patches.encode(datatype, value))
        self.assertEqual(_plain(theirs), ours)
        return ours

    def test_every_type(self):
        self.assertGreater(len(self.types), 10)
        for datatype in self.types:
            shown = self.same(datatype, filled(datatype))
            self.assertEqual({attribute.name for attribute
                              in wtypes.list_attributes(datatype)},
                             set(shown))

    def test_nothing_in_it(self):
        for datatype in self.types:
            shown = self.same(datatype, filled(datatype, lambda kind: None))
            self.assertTrue(shown)

    def test_what_is_not_set_is_not_shown(self):
        for datatype in self.types:
            self.assertEqual({}, self.same(
                datatype, datatype.__new__(datatype)))

    def test_rows_do_as_well(self):
        values = {'uri': 'x'}
        for made in (types.View(**values), root.Uri(**values)):
            self.assertEqual(b'{"uri":"x"}',
                             pecan_patches.encode(root.Uri, made))

    def test_the_id_comes_first(self):
        for datatype in self.types:
            names = list(json.loads(
                pecan_patches.encode(datatype, filled(datatype))))
            if 'id' in names:
                self.assertEqual('id', names[0])

    def test_times_have_no_fraction(self):
        time = datetime.datetime(2026, 1, 2, 3, 4, 5, 678901)
        self.assertEqual('2026-01-02T03:04:05Z', pecan_patches.create_encoder(
            datetime.datetime)(time))

    def test_an_encoder_is_made_once(self):
        for datatype in self.types:
            self.assertIs(pecan_patches.create_encoder(datatype),
                          pecan_patches.create_encoder(datatype))

    def test_orjson_takes_what_json_takes(self):
        self.assertEqual('é😀'.encode(), orjson.dumps('é😀')[1:-1])


class TestPecan(cases.ApiTest):
    """The private parts of Pecan."""

    def test_signatures_are_remembered(self):
        pecan_patches.cache_signatures()
        kept = pecan.util.getargspec
        self.assertTrue(hasattr(kept, 'cache_info'))
        pecan_patches.cache_signatures()
        self.assertIs(kept, pecan.util.getargspec)
        # Every module of Pecan that has the name has the one that is kept.
        found = {name for name, module in vars(pecan).items()
                 if inspect.ismodule(module)
                 and hasattr(module, 'getargspec')}
        self.assertLessEqual({'util', 'core', 'routing', 'decorators'},
                             found)
        for name in found - {'compat'}:
            self.assertIs(kept, getattr(pecan, name).getargspec, name)

    def test_no_signature_is_looked_up_again(self):
        self.call('GET', '/v1/runtimes')
        before = pecan.util.getargspec.cache_info()
        for _ in range(3):
            self.call('GET', '/v1/runtimes')
        after = pecan.util.getargspec.cache_info()
        self.assertEqual(before.misses, after.misses)
        self.assertGreater(after.hits, before.hits)

    def test_requests_are_ours(self):
        seen = []
        identify = identity.load(self.api.conf)
        self.api.app = app.create_app(
            self.api.services,
            lambda environ: (seen.append(environ), identify(environ))[1])
        self.call('POST', '/v1/runtimes', {'image': 'i'}, 201)
        environ, = seen
        _, kind, length = environ['qinling.body']
        self.assertEqual(('application/json', '14'), (kind, length))
        self.assertIs(pecan_patches.Request, type(
            environ['pecan.locals']['request']))

    def test_pecan_reads_no_body(self):
        class Unread:
            def read(self, *_args):
                raise AssertionError('Somebody reads the body.')
        for method, path, status in (
                ('POST', '/v1/nothing', 404),
                ('GET', '/v1/runtimes', 200),
                ('DELETE', f'/v1/runtimes/{cases.NONE}', 404)):
            for kind in (cases.FORM, 'application/json',
                         'multipart/form-data; boundary=x'):
                self.decode(cases.chunked(path, method, kind, Unread())
                            .get_response(self.api.app), status)

    def test_the_class_that_is_passed_is_used(self):
        self.assertIn('request_cls', inspect.signature(
            pecan.core.PecanBase.__init__).parameters)

    def test_streams_are_left_alone(self):
        made = stream.Response(iter([b'a', b'b']), 2)
        made.app_iter = [b'other']
        self.assertEqual(2, made.content_length)
        self.assertTrue(inspect.isgenerator(made.app_iter))
        answer = webob.Request.blank('/').get_response(made)
        self.assertEqual((b'ab', 2), (answer.body, answer.content_length))


class TestWsme(base.BaseTestCase):
    """The parts of WSME that a request goes through."""

    def test_names(self):
        self.assertIn('readonly', inspect.signature(
            wsme.wsattr.__init__).parameters)
        for name in ('list_attributes', 'iscomplex', 'ArrayType',
                     'UserType'):
            self.assertTrue(hasattr(wtypes, name), name)

    def test_attributes_are_in_the_order_of_their_declaration(self):
        class Made(types.Resource):
            zebra = types.Text
            ape = int
        self.assertEqual(
            ['id', 'project_id', 'created_at', 'updated_at', 'zebra', 'ape'],
            [each.name for each in wtypes.list_attributes(Made)])
