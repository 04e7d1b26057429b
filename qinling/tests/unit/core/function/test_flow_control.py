# SPDX-License-Identifier: Apache-2.0
"""Settings of the flow control, and keys of executions."""

import datetime

from oslotest import base

from qinling.core.execution import flow_keys
from qinling.core.execution import records
from qinling.core.function import flow_control
from qinling.core import targets
from qinling.db import models
from qinling import exception


class TestSettings(base.BaseTestCase):
    """Tests of the validation."""

    def test_valid(self):
        for value, expected in (
                ({}, None), ({'key': None}, None),
                ({'concurrency': 1}, {'concurrency': 1}),
                ({'key': 'routing_key', 'rate': {'limit': 1, 'period': 60}},
                 {'key': 'routing_key', 'rate': {'limit': 1, 'period': 60}}),
                ({'key': "$.a[0]['b c']", 'singleton': 'oldest'},
                 {'key': "$.a[0]['b c']", 'singleton': 'oldest'}),
                ({'key': 'header: X-Tenant', 'debounce': {'period': 5}},
                 {'key': 'header:x-tenant',
                  'debounce': {'period': 5, 'max': 50}}),
                ({'concurrency': 1000, 'priority': '$'},
                 {'concurrency': 1000, 'priority': '$'})):
            self.assertEqual(expected, flow_control.parse(value))

    def test_invalid(self):
        for value, sentence in (
                ([], 'must be a JSON object'),
                ({'limit': 1}, "has no 'limit'"),
                ({'key': '$.a'}, 'needs at least one of'),
                ({'concurrency': 0}, 'a whole number from 1 to 1000'),
                ({'concurrency': True}, 'a whole number from 1 to 1000'),
                ({'rate': 5}, 'an object with limit and period'),
                ({'rate': {'limit': 5}}, 'an object with limit and period'),
                ({'rate': {'limit': 1001, 'period': 1}}, 'rate.limit of'),
                ({'rate': {'limit': 1, 'period': 86401}}, 'rate.period of'),
                ({'debounce': {}}, 'period, and perhaps max'),
                ({'debounce': {'period': 5, 'max': 4}}, 'not be less'),
                ({'singleton': 'first'}, 'one of: oldest, newest'),
                ({'singleton': 'oldest', 'concurrency': 1},
                 'omit concurrency'),
                ({'singleton': 'oldest', 'debounce': {'period': 1}},
                 'omit debounce'),
                ({'singleton': 'oldest', 'priority': '$.a'}, 'add one of'),
                *(({'concurrency': 1, 'key': key}, 'must be a JSON path')
                  for key in ('a', '$a', '$.', '$[', '$.a b', '$[-1]',
                              "$['']", 'header:', 'header:a b', 5,
                              '$' + '.a' * 128)),
                ({'concurrency': 1, 'priority': 'routing_key'},
                 'must be a JSON path')):
            error = self.assertRaises(exception.Invalid, flow_control.parse,
                                      value)
            self.assertIn(sentence, str(error))

    def test_path(self):
        self.assertEqual(('a', 0, 'b.c', 'd_1'), flow_control.split_path(
            "$.a[0]['b.c'].d_1"))
        self.assertEqual((), flow_control.split_path('$'))


class TestKeys(base.BaseTestCase):
    """Tests of keys and priorities."""

    def create(self, settings, value=None, **request):
        row = records.ExecutionRow(
            id='e', project_id='p', function_id='f', function_version=0,
            function_alias=None, created_at=models.now(), input=value)
        target = targets.Target(
            'p', 'f', 0, None, None, None, {}, None, None, 1, 1, 1,
            flow_control=settings, flow_scope=settings and 'scope')
        return row, flow_keys.create_flow(
            records.ExecutionRequest(**request), target, row)

    def test_no_flow(self):
        for settings, trigger in ((None, 'api'), ({'concurrency': 1},
                                                  'replay')):
            row, flow = self.create(settings, trigger=trigger)
            self.assertIsNone(flow)
            self.assertIsNone(row.flow_key)

    def test_keys(self):
        for key, value, expected in (
                (None, '{"a": 1}', ''), ('$.a', '{"a": "x"}', 'x'),
                ('$.a', '{"a": 1}', '1'), ('$.a', '{"a": null}', ''),
                ('$.a', '{"b": 1}', ''), ('$.a', None, ''),
                ('$.a', 'text', ''), ('$', 'text', 'text'),
                ('$.a[1].b', '{"a": [0, {"b": true}]}', 'true'),
                ('$.a[5]', '{"a": [0]}', ''), ('$.a[0]', '{"a": {}}', ''),
                ('$.a', '{"a": {"c": 1, "b": 2}}', '{"b": 2, "c": 1}'),
                ('$.a', '{"a": " x "}', 'x'),
                ('$.a', '{"a": "\\u0000"}', '\ufffd'),
                ('routing_key', None, 'route'),
                ('header:x-tenant', None, 'tenant'),
                ('header:x-other', None, '')):
            row, flow = self.create(
                {'concurrency': 1, **({'key': key} if key else {})}, value,
                routing_key='route', headers={'x-tenant': 'tenant'})
            self.assertEqual(expected, row.flow_key, (key, value))
            self.assertEqual(('scope', row.created_at),
                             (flow.scope_id, flow.sort_at))

    def test_long_keys(self):
        self.assertEqual('a' * 255, flow_keys.format_key('a' * 255))
        hashed = flow_keys.format_key('a' * 256)
        self.assertRegex(hashed, 'sha256:[0-9a-f]{64}')
        self.assertNotEqual(hashed, flow_keys.format_key('a' * 257))

    def test_priorities(self):
        for value, seconds in (
                (None, 0), ('x', 0), ({}, 0), (5, 5), ('5', 5), (-1.5, -1.5),
                (1e9, 600), (-1e9, -600), (10 ** 400, 0), ('nan', 0),
                ('inf', 0)):
            self.assertEqual(datetime.timedelta(seconds=seconds),
                             flow_keys.parse_priority(value), value)

    def test_locks(self):
        numbers = {flow_keys.Line('scope', str(key)).lock_number
                   for key in range(10_000)}
        self.assertEqual(set(range(flow_keys.LOCKS)), numbers)
