# SPDX-License-Identifier: Apache-2.0
"""Overlap policies, limits, jitter and exclusions of jobs."""

import datetime

from qinling.tests.unit.core.trigger import test_jobs

MINE, NOW = test_jobs.MINE, test_jobs.NOW
text, later = test_jobs.text, test_jobs.later


class TestLimits(test_jobs.JobTest):
    def test_defaults(self):
        row = self.create()
        self.assertEqual(('allow', None, None, None, None, None, 0, None), (
            row.overlap, row.start_at, row.end_at, row.jitter,
            row.max_failures, row.exclusions, row.failures,
            row.next_fire_time))

    def test_values(self):
        row = self.create(
            pattern='0 0 * * *', overlap='skip', jitter=60, max_failures=3,
            start_at='2026-06-01', end_at='2026-07-01T02:00:00+02:00',
            exclusions=['2026-06-02/2026-06-03', '2026-06-01'])
        first = datetime.datetime(2026, 6, 4)
        self.assertEqual(
            ('skip', 60, 3, datetime.datetime(2026, 6, 1),
             datetime.datetime(2026, 7, 1),
             ['2026-06-01', '2026-06-02/2026-06-03'], first, first),
            (row.overlap, row.jitter, row.max_failures, row.start_at,
             row.end_at, row.exclusions, row.first_execution_time,
             row.next_fire_time))
        self.assertTrue(first <= row.next_execution_time
                        <= first + datetime.timedelta(seconds=60))

    def test_start_in_the_past(self):
        self.assertEqual(
            datetime.datetime(2026, 5, 6, 7, 10),
            self.create(start_at='0001-01-01').next_execution_time)

    def test_start_is_a_fire_time(self):
        self.assertEqual(
            datetime.datetime(2026, 6, 1, 0), self.create(
                start_at='2026-06-01').next_execution_time)

    def test_updates(self):
        row = self.create(pattern='0 0 * * *')
        row = self.core.services.jobs.update(MINE, row.id, {
            'exclusions': ['2026-05-07'], 'jitter': 60, 'max_failures': 2,
            'overlap': 'queue_all', 'end_at': '2026-06-01'})
        self.assertEqual(
            (datetime.datetime(2026, 5, 8), 2, 'queue_all'),
            (row.next_fire_time, row.max_failures, row.overlap))
        row = self.core.services.jobs.update(MINE, row.id, {
            'exclusions': [], 'jitter': 0, 'max_failures': 0, 'end_at': ''})
        self.assertEqual(
            (None, None, None, None, None, datetime.datetime(2026, 5, 7)),
            (row.exclusions, row.jitter, row.max_failures, row.end_at,
             row.next_fire_time, row.next_execution_time))

    def test_excluded_times_in_the_ledger(self):
        row = self.create(pattern='0 0 * * *', exclusions=['2026-05-07'])

        def list_fires():
            return [(fire.scheduled_at.day, fire.status) for fire
                    in self.core.services.fires.list_range(
                        MINE, row.id, NOW, datetime.datetime(2026, 5, 9))]
        self.assertEqual([(7, 'excluded'), (8, 'planned'), (9, 'planned')],
                         list_fires())
        self.core.services.jobs.update(MINE, row.id, {
            'exclusions': ['2026-05-08']})
        self.assertEqual([(7, 'planned'), (9, 'planned')], list_fires())

    def test_invalid_limits_are_refused(self):
        once = {'pattern': None, 'first_execution_time': text(later(3))}
        for words, values in (
                ('overlap must be one of: allow, skip, queue_one',
                 {'overlap': 'x'}),
                ('jitter must be at least 0 and at most 86400.',
                 {'jitter': -1}),
                ('jitter must be', {'jitter': 86401}),
                ('max_failures must be at least 0 and at most 1000.',
                 {'max_failures': 1001}),
                ('is not an exclusion', {'exclusions': ['x']}),
                ('exclusions must be a list', {'exclusions': 'x'}),
                ('is not a time', {'start_at': 'x'}),
                ('is not a time', {'end_at': 'x'}),
                ('The job would never fire', {'end_at': text(NOW)}),
                ('Send start_at or first_execution_time, not both.',
                 {'start_at': text(later(5)), 'pattern': '@daily',
                  'first_execution_time': text(later(5))}),
                ('end_at needs a pattern', {**once, 'end_at': '2027-01-01'}),
                ('start_at needs a pattern',
                 {**once, 'start_at': '2027-01-01'}),
                ('exclusions needs a pattern',
                 {**once, 'exclusions': ['2027-01-01']})):
            self.check_refused(words, self.create, **values)
        row = self.create()
        self.check_refused('The job would never fire', self.update, row,
                           end_at=text(NOW))
        row = self.create(**once)
        self.check_refused('end_at needs a pattern', self.update, row,
                           end_at='2027-01-01')
