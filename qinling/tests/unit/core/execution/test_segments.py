# SPDX-License-Identifier: Apache-2.0
"""Borders of segments of statistics, and the limits of their cache."""

import datetime
import types
from unittest import mock

from oslotest import base

from qinling.core.execution import figures
from qinling.core.execution import segments
from qinling.db import statistics_queries as queries

START = datetime.datetime(2026, 1, 30)


def hours(*bounds):
    """Return periods between hours after the start."""
    times = [START + datetime.timedelta(hours=bound) for bound in bounds]
    return [queries.Period(*pair) for pair in zip(times, times[1:])]


def create_progress(ended_hours, next_day_hours=None):
    """Return the progress of a counting."""
    return types.SimpleNamespace(
        ended_at=START + datetime.timedelta(hours=ended_hours),
        next_day=None if next_day_hours is None
        else START + datetime.timedelta(hours=next_day_hours))


class TestSplit(base.BaseTestCase):
    def check(self, expected, progress, by, *bounds):
        """Compare periods, kinds and states of segments."""
        period, = hours(*bounds)
        result = segments.split(period, progress, by)
        self.assertEqual(expected, [
            ('day' if part.is_daily else 'hour',
             'closed' if part.is_closed else 'open') for part in result])
        self.assertEqual([period], segments.join(sorted(
            result, key=lambda part: part.period.since)))
        return [part.period for part in result]

    def test_without_progress(self):
        self.check([('hour', 'open')], None, None, 1, 90)

    def test_by_hour_ends_at_midnights_and_at_the_position(self):
        periods = self.check(
            [('hour', 'closed')] * 3 + [('hour', 'open')],
            create_progress(50.5, 48), 'hour', 5, 51)
        self.assertEqual(hours(5, 24, 48, 50, 51), periods)

    def test_days_that_were_added_up(self):
        self.check(
            [('hour', 'closed'), ('hour', 'closed'), ('hour', 'open'),
             ('day', 'closed')], create_progress(50.5, 48), None, 5, 51)

    def test_a_day_after_the_position_is_open(self):
        self.check(
            [('hour', 'closed'), ('hour', 'open'), ('day', 'closed'),
             ('day', 'open')], create_progress(50.5, 72), None, 5, 75)

    def test_the_hour_of_the_position_is_open(self):
        self.check([('hour', 'open')], create_progress(3), 'hour', 3, 4)
        self.check([('hour', 'closed')], create_progress(4), 'hour', 3, 4)


class TestCache(base.BaseTestCase):
    def create_sums(self, size):
        return segments.Sums(figures.Figures(
            1, 0, 0.0, 1.0, {}, b'x' * (size - segments.GROUP_BYTES)))

    def test_the_least_recently_used_sums_are_dropped(self):
        cache = segments.Cache()
        with mock.patch.object(segments, 'MAX_CACHE_BYTES', 5000):
            cache.put('a', self.create_sums(2000))
            cache.put('b', self.create_sums(2000))
            self.assertIsNotNone(cache.get('a'))
            cache.put('c', self.create_sums(2000))
            self.assertIsNone(cache.get('b'))
            self.assertIsNotNone(cache.get('a'))
            cache.put('huge', self.create_sums(6000))
            self.assertIsNone(cache.get('huge'))
            self.assertIsNone(cache.get('a'))
            cache.put('d', self.create_sums(5000))
            self.assertIsNotNone(cache.get('d'))

    def test_a_position_that_goes_back_clears_the_cache(self):
        cache = segments.Cache()
        for position, expected in ((5, True), (6, True), (4, False)):
            cache.observe(create_progress(position))
            self.assertEqual(expected, (
                cache.get('a') is not None) or position == 5)
            cache.put('a', self.create_sums(2000))
        cache.observe(None)
        self.assertIsNone(cache.get('a'))
