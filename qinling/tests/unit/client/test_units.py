# SPDX-License-Identifier: Apache-2.0
"""Tests of sizes and times."""

import argparse
import datetime

import fixtures
from oslotest import base

from qinling.client import units

NOW = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.timezone.utc)


class TestUnits(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.MonkeyPatch(
            'qinling.client.units.now', lambda: NOW))

    def test_sizes(self):
        for text, size in (('1', 1), ('128M', 128 << 20), ('1k', 1024),
                           ('128MiB', 128 << 20), ('2GB', 2 << 30),
                           ('64 MiB', 64 << 20), ('7B', 7)):
            self.assertEqual(size, units.parse_size(text), text)
        for text in ('', '0', '-1', 'M', '1.5M', '1X', '1iB'):
            self.assertRaises(argparse.ArgumentTypeError, units.parse_size,
                              text)
        for size, text in ((0, '0B'), (1023, '1023B'), (128 << 20, '128MiB'),
                           (1536, '1.5KiB'), (3 << 40, '3TiB'),
                           (5000 << 40, '5000TiB')):
            self.assertEqual(text, units.format_size(size))

    def test_durations(self):
        for text, seconds in (('90', 90), ('90s', 90), ('5m', 300),
                              ('1h30m', 5400), ('2d', 172800)):
            self.assertEqual(seconds, units.parse_duration(text), text)
        for text in ('', '0', '1x', 'm', '1m1h', '-5'):
            self.assertRaises(argparse.ArgumentTypeError,
                              units.parse_duration, text)
        for seconds, text in ((0, '0ms'), (0.00015, '0.15ms'),
                              (0.0042, '4.2ms'), (0.0123, '12ms'),
                              (2.5, '2.5s'), (5, '5s'),
                              (90, '1m30s'), (5400, '1h30m'),
                              (86400, '1d')):
            self.assertEqual(text, units.format_duration(seconds))

    def test_figures(self):
        for number, text in ((0, '0'), (1.5, '1.5'), (12.54, '12.5'),
                             (999.96, '1000'), (1234567.8, '1234568'),
                             (0.0000123456, '0.0000123'), (99.99, '100')):
            self.assertEqual(text, units.format_figure(number))
        self.assertEqual('12.54', units.format_figure(12.541, 4))

    def test_moments(self):
        self.assertEqual('2026-03-01T11:00:00', units.parse_moment('1h'))
        self.assertEqual('2026-01-31T12:00:00',
                         units.parse_moment('2026-01-31T12:00:00'))
        self.assertEqual('2026-01-31T11:00:00',
                         units.parse_moment('2026-01-31T12:00:00+01:00'))
        self.assertEqual('0999-01-31T12:00:00',
                         units.parse_moment('0999-01-31T12:00:00'))
        for text in ('999999d', '0001-01-01T00:00:00+01:00'):
            self.assertRaises(argparse.ArgumentTypeError,
                              units.parse_moment, text)
        self.assertRaises(argparse.ArgumentTypeError, units.parse_moment,
                          'yesterday')

    def test_ages(self):
        for text, age in (
                ('2026-03-01T12:00:00Z', 'now'),
                ('2026-03-01T11:59:59Z', '1 second ago'),
                ('2026-03-01T11:57:00Z', '3 minutes ago'),
                ('2026-02-27T12:00:00Z', '2 days ago'),
                ('2025-01-01T12:00:00Z', '1 year ago'),
                ('2026-03-01T15:00:00Z', 'in 3 hours')):
            self.assertEqual(age, units.format_age(text))

    def test_zones(self):
        for text, zone, expected in (
                ('2026-03-01T03:00:00Z', None, '2026-03-01 03:00 UTC'),
                ('2026-03-01T03:00:00Z', 'Europe/Berlin',
                 '2026-03-01 04:00 Europe/Berlin (03:00 UTC)'),
                ('2026-03-01T23:30:07Z', 'Asia/Tokyo',
                 '2026-03-02 08:30:07 Asia/Tokyo (2026-03-01 23:30:07 UTC)'),
                ('2026-03-01T03:00:00Z', 'No/Where',
                 '2026-03-01 03:00 UTC')):
            self.assertEqual(expected, units.format_local(text, zone))
