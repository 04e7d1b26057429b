# SPDX-License-Identifier: Apache-2.0
"""Fire times within the limits of a job."""

import datetime
import itertools

from oslotest import base

from qinling.core.trigger import exclusions
from qinling.core.trigger import plans
from qinling.core.trigger import schedule
from qinling import exception
from qinling.states import FireStatus
from qinling.tests.unit.core.trigger import test_schedule

DAY = datetime.timedelta(days=1)
HOUR = datetime.timedelta(hours=1)
START = datetime.datetime(2026, 12, 23, 12)
EXCLUDED, SKIPPED = FireStatus.EXCLUDED, FireStatus.SKIPPED


def time(*values):
    return datetime.datetime(2026, 12, *values)


def plan(pattern='0 0 * * *', **values):
    return plans.Plan(**{'id': 'j', 'pattern': pattern, 'timezone': None,
                         **values})


def list_next(a_plan, count=3):
    """Return the next fire times."""
    first, _excluded = a_plan.following(START)
    return list(itertools.islice(a_plan.iterate(first), count))


class TestExclusions(base.BaseTestCase):
    def test_following(self):
        excluding = plan(exclusions=['2026-12-24/2026-12-26', '2026-12-28'])
        self.assertEqual([time(27), time(29), time(30)],
                         list_next(excluding))
        self.assertEqual(
            (time(27), [plans.Segment(EXCLUDED, time(24),
                                      time(27) - plans.RESOLUTION)]),
            excluding.following(START))
        self.assertEqual((time(30), []), excluding.following(time(29)))

    def test_neighbours_and_overlapping_ranges(self):
        for texts in (['2026-12-24', '2026-12-25'],
                      ['2026-12-24/2026-12-25', '2026-12-25']):
            self.assertEqual(
                (time(26), [plans.Segment(EXCLUDED, time(24),
                                          time(26) - plans.RESOLUTION)]),
                plan(exclusions=texts).following(START))

    def test_days_of_the_zone(self):
        # The 24th in Tokyo begins at 15:00 UTC of the 23rd.
        tokyo = plan('0 * * * *', timezone='Asia/Tokyo',
                     exclusions=['2026-12-24'])
        self.assertEqual([time(23, 13), time(23, 14), time(24, 15)],
                         list_next(tokyo))

    def test_days_with_a_change_of_the_clock(self):
        berlin = plan('0 * * * *', timezone='Europe/Berlin',
                      exclusions=['2026-10-25'])
        self.assertEqual(
            datetime.datetime(2026, 10, 25, 23), berlin.following(
                datetime.datetime(2026, 10, 24, 21, 30))[0])

    def test_nothing_is_left(self):
        self.assertIsNone(plan(
            '0 0 24 12 *', exclusions=['2026-12-24'],
            end_at=time(31)).following(START)[0])
        error = self.assertRaises(
            exception.Invalid, schedule.first_fire_time, plan(
                '0 0 1 1 *', end_at=time(31)), START)
        self.assertIn('The job would never fire', str(error))

    def test_normal_form(self):
        self.assertEqual(
            ['2026-12-24', '2026-12-25/2026-12-26'], exclusions.normalise(
                [' 2026-12-25 / 2026-12-26', '2026-12-24/2026-12-24',
                 '2026-12-24']))
        for value in ('x', '2026-13-01', '2026-12-26/2026-12-25', '',
                      '2026-12-24/', '/', None, 5, ['2026-12-24'],
                      '9999-12-31', '0001-01-01', '2026-12-24T12:00',
                      '2026-12-24/x/y'):
            error = self.assertRaises(
                exception.Invalid, exclusions.normalise, [value])
            self.assertIn('is not an exclusion', str(error), value)
        for values in ('2026-12-24', None, ['2026-12-24'] * 101):
            self.assertRaises(exception.Invalid, exclusions.normalise, values)


class TestEnd(base.BaseTestCase):
    def test_following(self):
        ending = plan(end_at=time(25))
        self.assertEqual([time(24), time(25)], list_next(ending))
        self.assertEqual([time(24)], list_next(
            plan(end_at=time(25) - plans.RESOLUTION)))

    def test_decision_after_the_end(self):
        """Fire for the last time before the end, however late."""
        job = test_schedule.job(
            pattern='0 0 * * *', end_at=time(25), next_execution_time=time(24))
        decision = schedule.decide(job, time(30), 60)
        self.assertEqual((time(25), 'done'),
                         (decision.fire_time, decision.status))
        self.assertIsNone(decision.values['next_execution_time'])


class TestSegments(base.BaseTestCase):
    """Fire times that an outage skips."""

    def test_split(self):
        excluding = plan(exclusions=['2026-12-25/2026-12-26', '2026-12-30'])
        self.assertEqual(
            [(SKIPPED, time(23), time(25) - plans.RESOLUTION),
             (EXCLUDED, time(25), time(27) - plans.RESOLUTION),
             (SKIPPED, time(27), time(28))],
            [(part.status, part.first, part.last) for part
             in excluding.split(SKIPPED, time(23), time(28))])
        self.assertEqual([plans.Segment(SKIPPED, time(1), time(2))],
                         plan().split(SKIPPED, time(1), time(2)))

    def test_decision_within_an_exclusion(self):
        job = test_schedule.job(
            pattern='0 0 * * *', exclusions=['2026-12-24/2026-12-26'],
            next_execution_time=time(22))
        decision = schedule.decide(job, time(26, 12), 60)
        self.assertEqual(time(23), decision.fire_time)
        self.assertEqual(time(27), decision.values['next_execution_time'])
        self.assertEqual(
            [(SKIPPED, time(22)), (EXCLUDED, time(24))],
            [(part.status, part.first) for part in decision.segments])


class TestJitter(base.BaseTestCase):
    """Delays of fire times."""

    def test_same_delay_for_all(self):
        times = [time(day) for day in range(1, 31)]
        delays = [[plan(jitter=3600, id=id).due_time(at) - at
                   for at in times] for id in ('a', 'b', 'a')]
        self.assertEqual(delays[0], delays[2])
        self.assertNotEqual(delays[0], delays[1])
        self.assertGreater(len(set(delays[0])), 20)
        for delay in delays[0]:
            self.assertTrue(datetime.timedelta() <= delay <= HOUR)

    def test_order_of_fire_times(self):
        """Delay a fire time less than the time to the next."""
        minutely = plan('*/2 * * * *', jitter=3600)
        times = list_next(minutely, 100)
        dues = [minutely.due_time(at) for at in times]
        self.assertEqual(sorted(dues), dues)
        self.assertNotEqual(times, dues)
        self.assertTrue(all(due < at for due, at in zip(dues, times[1:])))

    def job(self, at, **values):
        return test_schedule.job(**{
            'pattern': '0 * * * *', 'jitter': 1800,
            **plan('0 * * * *', jitter=1800).build_columns(at), **values})

    def test_decisions(self):
        job = self.job(time(24, 3))
        due = job.next_execution_time
        self.assertEqual(time(24, 3), plans.read_fire_time(job))
        decision = schedule.decide(job, due, 60)
        self.assertEqual(time(24, 3), decision.fire_time)
        self.assertEqual(time(24, 4), decision.values['next_fire_time'])
        self.assertEqual([due], schedule.preview(job, due, 1))

    def test_late_decision_before_the_next_time_is_due(self):
        later = plan('0 * * * *', jitter=1800)
        now = later.due_time(time(24, 9)) - datetime.timedelta(seconds=1)
        self.assertGreater(now, time(24, 9))
        decision = schedule.decide(self.job(time(24, 3)), now, 60)
        self.assertEqual(time(24, 8), decision.fire_time)
        self.assertEqual(time(24, 9), decision.values['next_fire_time'])

    def test_end_of_the_calendar(self):
        last = datetime.datetime(9999, 12, 31, 23, 59)
        self.assertEqual(last, plan(jitter=86400).due_time(last))

    def test_due_time_by_a_user(self):
        job = self.job(time(24, 3), next_execution_time=time(24, 5, 7))
        self.assertEqual(time(24, 5, 7), plans.read_fire_time(job))
