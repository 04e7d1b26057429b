# SPDX-License-Identifier: Apache-2.0
"""Fire times of jobs."""

import datetime
import types

from oslotest import base

from qinling.core.trigger import patterns
from qinling.core.trigger import plans
from qinling.core.trigger import schedule
from qinling import exception

NOW = datetime.datetime(2026, 5, 6, 7, 8, 9)
BERLIN = 'Europe/Berlin'


def time(*values):
    return datetime.datetime(*values)


def first(pattern, timezone, start):
    """Return the first fire time of a pattern after a start."""
    fire_time, segments = schedule.first_fire_time(
        plans.Plan('j', pattern, timezone), start)
    assert not segments
    return fire_time


def after(pattern, start, count=1, timezone=None):
    """Return the next fire times as texts, to the minute."""
    texts = []
    for _ in range(count):
        start = patterns.next_fire_time(pattern, timezone, start)
        texts.append(f'{start:%m-%d %H:%M}')
    return texts


def job(**values):
    """Return a job row with a fire time a minute ago."""
    return types.SimpleNamespace(**{
        'pattern': '* * * * *', 'timezone': None, 'misfire': 'once',
        'count': None, 'status': 'running', 'id': 'j', 'end_at': None,
        'exclusions': None, 'jitter': None, 'next_fire_time': None,
        'next_execution_time': time(2026, 5, 6, 7, 7), **values})


class TestPatterns(base.BaseTestCase):
    """Cron patterns in UTC."""

    def test_fields(self):
        for pattern, first in (
                ('* * * * *', '05-06 07:09'),
                ('*/20 * * * *', '05-06 07:20'),
                ('10-30/10 9 * * *', '05-06 09:10'),
                ('5,50 * * * *', '05-06 07:50'),
                ('0 0 1 JAN *', '01-01 00:00'),
                ('0 0 * * mon-wed', '05-11 00:00'),
                ('0 0 * * 7', '05-10 00:00'),
                ('0 0 13 * fri', '05-08 00:00'),
                ('  0   12 * * * ', '05-06 12:00'),
                ('@hourly', '05-06 08:00'), ('@Daily', '05-07 00:00'),
                ('@midnight', '05-07 00:00'), ('@weekly', '05-10 00:00'),
                ('@monthly', '06-01 00:00'), ('@yearly', '01-01 00:00'),
                ('@annually', '01-01 00:00')):
            self.assertEqual([first], after(pattern, NOW), pattern)

    def test_seconds(self):
        start = time(2026, 5, 6, 7, 8, 20)
        for pattern, expected in (
                ('* * * * * *', ['07:08:21', '07:08:22', '07:08:23']),
                ('* * * * * 0', ['07:09:00', '07:10:00', '07:11:00']),
                ('* * * * * 20', ['07:09:20', '07:10:20', '07:11:20']),
                ('* * * * * */25', ['07:08:25', '07:08:50', '07:09:00']),
                ('0 9 * * * 30,15', ['09:00:15', '09:00:30', '09:00:15']),
                ('0 0 * * MON-SUN 59', ['00:00:59'] * 3)):
            fire_times = [start]
            for _number in expected:
                fire_times.append(patterns.next_fire_time(
                    pattern, None, fire_times[-1]))
            self.assertEqual(expected, [
                f'{fire_time:%H:%M:%S}' for fire_time in fire_times[1:]])
        # The clock of Berlin skips 2:30, and repeats 2:30 in autumn.
        for start, expected in (
                (time(2026, 3, 28, 12), time(2026, 3, 29, 1, 0, 5)),
                (time(2026, 10, 24, 12), time(2026, 10, 25, 0, 30, 5))):
            fire_time = patterns.next_fire_time(
                '30 2 * * * 5', 'Europe/Berlin', start)
            self.assertEqual(expected, fire_time)
        self.assertEqual(time(2026, 10, 26, 1, 30, 5), patterns.next_fire_time(
            '30 2 * * * 5', 'Europe/Berlin', fire_time))
        self.assertEqual(time(2026, 5, 6, 7, 9, 59), patterns.latest_fire_time(
            '* * * * * */59', None, time(2026, 5, 6, 7, 8),
            time(2026, 5, 6, 7, 9, 59)))

    def test_fire_times_are_after_the_start(self):
        start = time(2026, 5, 6, 7, 0)
        self.assertEqual(['05-06 08:00'], after('0 * * * *', start))
        self.assertEqual(['05-06 07:00'], after(
            '0 * * * *', start - datetime.timedelta(microseconds=1)))

    def test_invalid_patterns_are_refused(self):
        for pattern in ('', 'x', '* * * *', '* * * * * * *', '@nope',
                        '* * * * * 60', '* * * * * x', '* * * * * */0',
                        '* * * * * L', '* * * * * 1#2',
                        '* * * * * -1', '* * * * * ,', '@hourly 5',
                        '60 * * * *', '* 24 * * *', '* * 0 * *',
                        '* * * 13 *', '* * * * 8', '*/0 * * * *',
                        '-1 * * * *', ',, * * * *', '50-61 * * * *',
                        'MON * * * *', '* * * * 5#2/2', '0 0 30 2 *',
                        '1-SUN * * * *', 'FRI-MON * * * *',
                        '0 0 0W * *', '0 0 32W * *', '0 0 5W/2 * *',
                        '0 0 * * 8L', '0 0 * * FRI#6', '0 0 * * L L',
                        'every', 'every 15', 'every two hours',
                        'every 7 minutes', 'every 0 minutes',
                        'every 15 hours', 'every 2 days', 'every 2 years',
                        'every 15 seconds',
                        '0 0 * * \u017fat-mon', '0 0 31 4,6 *',
                        '\u00b2L * * * *', '1' * 250):
            error = self.assertRaises(
                exception.Invalid, first, pattern, None,
                NOW)
            self.assertIn('The specified pattern is not valid: ',
                          str(error))

    def test_ranges_beyond_the_end_of_a_week(self):
        for weekdays, expected in (
                ('FRI-MON', {4, 5, 6, 0}), ('sat-mon,WED', {5, 6, 0, 2}),
                ('TUE-MON', set(range(7))), ('SUN-MON', {6, 0}),
                ('FRI-SUN', {4, 5, 6}), ('MON-FRI', set(range(5)))):
            fire_times = [NOW]
            for _number in range(14):
                fire_times.append(patterns.next_fire_time(
                    f'0 12 * * {weekdays}', None, fire_times[-1]))
            self.assertEqual(expected, {
                fire_time.weekday() for fire_time in fire_times[1:]})

    def test_ranges_beyond_the_end_of_a_field(self):
        for pattern, expected in (
                ('0 22-2 * * *', ['05-06 22:00', '05-06 23:00', '05-07 00:00',
                                  '05-07 01:00', '05-07 02:00']),
                ('50-10/10 8 * * *', ['05-06 08:00', '05-06 08:10',
                                      '05-06 08:50', '05-07 08:00']),
                ('0 0 30-2 * *', ['05-30 00:00', '05-31 00:00',
                                  '06-01 00:00', '06-02 00:00']),
                ('0 0 1 nov-FEB *', ['11-01 00:00', '12-01 00:00',
                                     '01-01 00:00', '02-01 00:00']),
                ('0 0 * * 5-1/2', ['05-08 00:00', '05-10 00:00']),
                ('0 0 * * 7-1', ['05-10 00:00', '05-11 00:00'])):
            self.assertEqual(expected, after(pattern, NOW, len(expected)),
                             pattern)

    def test_days_within_a_month(self):
        for pattern, expected in (
                ('0 0 L * *', ['05-31', '06-30']),
                ('0 0 LW * *', ['05-29', '06-30']),
                ('0 0 15w * *', ['05-15', '06-15', '07-15', '08-14']),
                ('0 0 1W 8,11 *', ['08-03', '11-02']),
                ('0 0 31W 5-6 *', ['05-29', '06-30']),
                ('0 0 10W,L * *', ['05-11', '05-31', '06-10']),
                ('0 0 31W * FRI', ['05-08', '05-15', '05-22', '05-29',
                                   '06-05']),
                ('0 0 * * 5#3', ['05-15', '06-19']),
                ('0 0 * * fri#3', ['05-15', '06-19']),
                *((f'0 0 * * {last}', ['05-29', '06-26']) for last in (
                    '5L', 'L5', 'FRIL', 'FRI L', 'fri l'))):
            self.assertEqual(
                [f'{day} 00:00' for day in expected],
                after(pattern, NOW, len(expected)), pattern)

    def test_plain_language(self):
        for text, pattern in (
                ('every minute', '* * * * *'),
                ('Every  15 minutes', '*/15 * * * *'),
                ('every 60 minutes', '0 * * * *'),
                ('every 360 minutes', '0 */6 * * *'),
                ('every hour', '0 * * * *'), ('every 8 hours', '0 */8 * * *'),
                ('every 24 hours', '0 0 * * *'), ('every day', '0 0 * * *'),
                ('every 7 days', '0 0 * * 0'), ('every week', '0 0 * * 0'),
                ('every month', '0 0 1 * *'),
                ('every 3 months', '0 0 1 */3 *'),
                ('every 12 months', '0 0 1 1 *'),
                ('every 1 year', '0 0 1 1 *')):
            self.assertEqual(pattern, patterns.translate(text), text)
        for text, reason in (
                ('every 7 minutes', '60 is no multiple of 7'),
                ('every 90 minutes', '60 is no multiple of 90'),
                ('every 2 days', 'patterns count days within a month'),
                ('every 2 years', 'a pattern has no year')):
            error = self.assertRaises(
                exception.Invalid, first, text, None, NOW)
            self.assertIn(f'no cron pattern means "{text}", since {reason}.',
                          str(error))

    def test_distant_fire_times(self):
        self.assertEqual(time(2028, 2, 29), first(
            '0 0 29 2 *', None, NOW))
        self.assertRaises(exception.Invalid, first,
                          '0 0 1 1 *', None, time(9999, 12, 31, 23))
        for start, zone in ((time(9999, 12, 31, 23), 'Asia/Tokyo'),
                            (time(1, 1, 1), 'America/Lima')):
            self.assertIsNone(patterns.next_fire_time(
                '0 0 1 1 *', zone, start), zone)
        self.assertRaises(exception.Invalid, schedule.parse_datetime,
                          '9999-12-31T23:59:59', NOW)

    def test_time_zones(self):
        self.assertEqual(['05-06 10:00'], after(
            '0 12 * * *', NOW, timezone=BERLIN))
        self.assertEqual(['05-06 12:00'], after(
            '0 12 * * *', NOW, timezone='UTC'))
        self.assertEqual(['05-06 18:15'], after(
            '0 0 * * *', NOW, timezone='Asia/Kathmandu'))
        for name in ('', 'x', 'Europe', '../etc/passwd', '/etc/localtime',
                     'CEST+2x', '\u00e9', 'x' * 64, 'a.b',
                     'a../' * 900, 'posixrules',
                     'localtime', 'posix/Europe/Paris', 'right/UTC'):
            error = self.assertRaises(
                exception.Invalid, first, '@daily', name,
                NOW)
            self.assertIn('is not a time zone', str(error))


class TestClocks(base.BaseTestCase):
    """Clock changes in Berlin in 2026.

    The hour from 02:00 to 03:00 is missing on 29 March (01:00 UTC) and occurs
    twice on 25 October (00:00 to 02:00 UTC).
    """

    def spring(self, pattern, count):
        return after(pattern, time(2026, 3, 28, 22), count, BERLIN)

    def autumn(self, pattern, count):
        return after(pattern, time(2026, 10, 24, 21), count, BERLIN)

    def test_skipped_times_fire_after_the_gap(self):
        self.assertEqual(['03-29 01:00', '03-30 00:30'],
                         self.spring('30 2 * * *', 2))

    def test_skipped_times_fire_once(self):
        self.assertEqual(['03-29 01:00', '03-30 00:00', '03-30 00:30'],
                         self.spring('0,30 2 * * *', 3))
        self.assertEqual(['03-29 01:00', '03-30 00:00', '03-30 01:00'],
                         self.spring('0 2,3 * * *', 3))

    def test_repeated_times_fire_once(self):
        self.assertEqual(['10-25 00:30', '10-26 01:30'],
                         self.autumn('30 2 * * *', 2))
        self.assertEqual(['10-25 00:00', '10-25 00:30', '10-26 01:00'],
                         self.autumn('0,30 2 * * *', 3))

    def test_start_within_the_repeated_hour(self):
        for minute in (0, 10, 30, 59):
            self.assertEqual(['10-26 01:30'], after(
                '30 2 * * *', time(2026, 10, 25, 1, minute), 1, BERLIN))

    def test_steps_use_real_time(self):
        self.assertEqual(
            ['03-29 00:00', '03-29 00:30', '03-29 01:00', '03-29 01:30'],
            self.spring('*/30 * * * *', 7)[3:])
        self.assertEqual(
            ['10-25 00:00', '10-25 00:30', '10-25 01:00', '10-25 01:30',
             '10-25 02:00'], self.autumn('*/30 * * * *', 10)[5:])
        self.assertEqual(['10-24 22:00', '10-24 23:00', '10-25 00:00',
                          '10-25 01:00', '10-25 02:00'],
                         self.autumn('0 * * * *', 5))

    def test_steps_of_minutes_within_the_changed_hour(self):
        self.assertEqual(['03-30 00:00'], self.spring('*/30 2 * * *', 1))
        self.assertEqual(
            ['10-25 00:00', '10-25 00:30', '10-25 01:00', '10-25 01:30',
             '10-26 01:00'], self.autumn('*/30 2 * * *', 5))

    def test_full_hours_after_a_change_of_half_an_hour(self):
        self.assertEqual(['04-04 13:00', '04-04 19:30', '04-05 01:30'], after(
            '0 */6 * * *', time(2026, 4, 4, 12), 3, 'Australia/Lord_Howe'))

    def test_fire_times_increase(self):
        for pattern in ('30 2 * * *', '*/7 * * * *', '15 1-4 * * *',
                        '0 */2 * * *', '59 0,2 * * 0'):
            for zone in (BERLIN, 'America/New_York', 'Australia/Lord_Howe',
                         'America/Havana', 'Asia/Beirut'):
                for start in (time(2026, 3, 7), time(2026, 10, 3),
                              time(2026, 10, 24)):
                    for _ in range(100):
                        fire_time = patterns.next_fire_time(pattern, zone,
                                                            start)
                        self.assertGreater(fire_time, start, (pattern, zone))
                        start = fire_time


class TestLatest(base.BaseTestCase):
    """The latest of many fire times."""

    def test_latest_fire_time(self):
        for pattern, seconds in (('* * * * *', 0), ('*/5 * * * *', 1),
                                 ('0 * * * *', 59), ('0 0 * * *', 86399)):
            start = patterns.next_fire_time(pattern, None, NOW)
            for days in (0, 1, 40):
                last = start + datetime.timedelta(days)
                self.assertEqual(last, patterns.latest_fire_time(
                    pattern, None, start,
                    last + datetime.timedelta(seconds=seconds)), pattern)

    def test_fire_times_outside_the_pattern(self):
        self.assertEqual(NOW, patterns.latest_fire_time(
            '0 0 1 1 *', None, NOW, NOW + datetime.timedelta(30)))

    def test_latest_fire_time_in_a_time_zone(self):
        self.assertEqual(time(2026, 10, 25, 0, 30), patterns.latest_fire_time(
            '30 2 * * *', BERLIN, time(2026, 10, 1, 0, 30),
            time(2026, 10, 25, 1, 45)))


class TestDecisions(base.BaseTestCase):
    """Decisions for a due job at 07:08:09."""

    def decide(self, grace=120, **values):
        decision = schedule.decide(job(**values), NOW, grace)
        texts = [fire_time and f'{fire_time:%H:%M}' for fire_time in (
            decision.fire_time, decision.values['next_execution_time'])]
        return (*texts, decision.status, decision.values['count'])

    def test_once(self):
        self.assertEqual(('07:08', '07:09', 'running', None), self.decide())
        self.assertEqual(
            ('07:08', '07:09', 'running', 4),
            self.decide(count=5, next_execution_time=time(2025, 1, 1)))

    def test_all(self):
        self.assertEqual(('07:07', '07:08', 'running', None),
                         self.decide(misfire='all'))
        self.assertEqual(('00:00', '00:01', 'running', 4), self.decide(
            misfire='all', count=5, next_execution_time=time(2025, 1, 1)))

    def test_skip(self):
        self.assertEqual(('07:08', '07:09', 'running', 4),
                         self.decide(misfire='skip', count=5))
        self.assertEqual((None, '08:00', 'running', 5), self.decide(
            misfire='skip', count=5, pattern='0 * * * *',
            next_execution_time=time(2026, 5, 6, 3)))
        self.assertEqual(('07:00', '08:00', 'running', 4), self.decide(
            600, misfire='skip', count=5, pattern='0 * * * *',
            next_execution_time=time(2026, 5, 6, 3)))

    def test_skipped_fire_times_are_reported(self):
        decision = schedule.decide(job(misfire='skip', pattern=None), NOW, 60)
        self.assertEqual('The fire time 2026-05-06T07:07:00Z was missed '
                         'and skipped.', decision.values['status_reason'])
        self.assertEqual((None, 'done'), (decision.fire_time, decision.status))
        self.assertIsNone(
            schedule.decide(job(), NOW, 60).values['status_reason'])

    def test_last_fire_time_ends_the_job(self):
        for values in ({'count': 1}, {'count': 1, 'pattern': None},
                       {'count': 1, 'misfire': 'all'}):
            decision = self.decide(**values)
            self.assertEqual((None, 'done', 0), decision[1:])
            self.assertIsNotNone(decision[0])


class TestPreview(base.BaseTestCase):
    def preview(self, count=3, **values):
        return [f'{fire_time:%d %H:%M}' for fire_time in schedule.preview(
            job(**values), NOW, count)]

    def test_next(self):
        self.assertEqual(['06 07:07', '06 07:08', '06 07:09'],
                         self.preview())
        self.assertEqual(['06 07:07'], self.preview(count=1))

    def test_preview_stops_at_the_count(self):
        self.assertEqual(['06 07:07', '06 07:08'], self.preview(
            **{'count': 5, 'pattern': '* * * * *'})[:2])
        fire_times = schedule.preview(job(count=2), NOW, 5)
        self.assertEqual(2, len(fire_times))
        self.assertEqual(['06 07:07'], self.preview(pattern=None))

    def test_paused(self):
        self.assertEqual(['06 07:09', '06 07:10', '06 07:11'],
                         self.preview(status='paused'))

    def test_ended(self):
        self.assertEqual([], self.preview(next_execution_time=None))
