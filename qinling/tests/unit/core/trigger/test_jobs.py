# SPDX-License-Identifier: Apache-2.0
"""Creation, update and end of jobs."""

import datetime
from unittest import mock

from oslotest import base

from qinling.core.trigger import schedule
from qinling.db import crud
from qinling.db import models
from qinling import exception
from qinling.tests import fixtures

MINE, THEIRS = fixtures.caller('mine'), fixtures.caller('theirs')
NOW = datetime.datetime(2026, 5, 6, 7, 8, 9)


class JobTest(base.BaseTestCase):
    """Jobs at 07:08:09."""

    def setUp(self):
        super().setUp()
        self.core = self.useFixture(fixtures.Core())
        self.jobs = self.core.services.jobs
        self.function = self.core.function(MINE).id
        self.clock = self.useFixture(MockNow(NOW))

    def create(self, ctx=MINE, **values):
        if 'function_alias' not in values:
            values.setdefault('function_id', self.function)
        if 'first_execution_time' not in values:
            values.setdefault('pattern', '*/5 * * * *')
        return self.jobs.create(ctx, values)

    def update(self, job, **values):
        return self.jobs.update(MINE, job.id, values)

    def check_refused(self, words, action, *args, **values):
        error = self.assertRaises(exception.Invalid, action, *args, **values)
        self.assertIn(words, str(error))
        self.assertEqual(400, error.http_code)

    def set(self, job, **values):
        self.core.db.write(
            lambda tx: crud.update(tx, models.Job, job.id, values))


class MockNow(fixtures.databases.Fixture):
    """Clock with the constant time ``now``."""

    def __init__(self, now):
        super().__init__()
        self.now = now

    def _setUp(self):
        patch = mock.patch.object(models, 'now', lambda: self.now)
        patch.start()
        self.addCleanup(patch.stop)


def later(minutes):
    return NOW + datetime.timedelta(minutes=minutes)


def text(time):
    return time.isoformat()


class TestCreate(JobTest):
    def test_pattern(self):
        row = self.create(name='n', function_input='{"a":1}')
        fire_time = datetime.datetime(2026, 5, 6, 7, 10)
        self.assertEqual(
            ('n', self.function, 0, None, '{"a":1}', 'running', None,
             '*/5 * * * *', None, 'once', None, fire_time, fire_time, 'mine'),
            (row.name, row.function_id, row.function_version,
             row.function_alias, row.function_input, row.status,
             row.status_reason, row.pattern, row.timezone, row.misfire,
             row.count, row.first_execution_time, row.next_execution_time,
             row.project_id))

    def test_time_zone(self):
        row = self.create(pattern='0 12 * * *', timezone='Asia/Tokyo',
                          misfire='all', count=3)
        self.assertEqual(
            ('Asia/Tokyo', 'all', 3, datetime.datetime(2026, 5, 7, 3)),
            (row.timezone, row.misfire, row.count, row.next_execution_time))

    def test_one_shot(self):
        row = self.create(first_execution_time=text(later(3)))
        self.assertEqual((None, 1, later(3), later(3)), (
            row.pattern, row.count, row.first_execution_time,
            row.next_execution_time))
        for values in ({'count': 1}, {'count': 0}, {'pattern': ''}):
            row = self.create(first_execution_time=text(later(3)), **values)
            self.assertEqual((None, 1), (row.pattern, row.count))

    def test_pattern_with_a_first_execution_time(self):
        row = self.create(pattern='0 * * * *', first_execution_time=text(
            datetime.datetime(2026, 5, 6, 12, 0)))
        fire_time = datetime.datetime(2026, 5, 6, 12)
        self.assertEqual((fire_time, fire_time), (row.first_execution_time,
                                                  row.next_execution_time))

    def test_alias(self):
        self.core.insert(models.FunctionAlias, name='a', project_id='mine',
                         function_id=self.function)
        for values in ({}, {'function_id': self.function},
                       {'function_version': 2}):
            row = self.create(function_alias='a', **values)
            self.assertEqual((None, 'a', 0), (
                row.function_id, row.function_alias, row.function_version))

    def test_version(self):
        self.core.services.versions.create(MINE, self.function, None)
        self.assertEqual(1, self.create(function_version=1).function_version)

    def test_inputs_are_encoded(self):
        for value, stored in (({'a': 1}, '{"a": 1}'), ([1], '[1]'),
                              (5, '5'), ('x', 'x')):
            self.assertEqual(stored, self.create(
                function_input=value).function_input)

    def test_invalid_jobs_are_refused(self):
        for words, values in (
                ('Either function_alias or function_id must be provided.',
                 {'function_id': None}),
                ('pattern or first_execution_time must be specified.',
                 {'pattern': ''}),
                ('pattern must be provided if count is greater than 1.',
                 {'first_execution_time': text(later(3)), 'count': 2}),
                ('count must be at least 1.', {'count': 0}),
                ('count must be at least 1.', {'count': -1}),
                ('count must be at least 1.', {
                    'first_execution_time': text(later(3)), 'count': -1}),
                ('at least 1 minute in the future', {
                    'first_execution_time': text(later(0.9))}),
                ('is not a time', {'first_execution_time': 'soon'}),
                ('pattern is not valid', {'pattern': 'x'}),
                ('is not a time zone', {'timezone': 'x'}),
                ('is not a time zone', {
                    'timezone': 'x', 'first_execution_time':
                    text(later(3))}),
                ('misfire must be one of: skip, once, all', {'misfire': 'x'}),
                ('too long', {'name': 'x' * 256}),
                ('too long', {'pattern': '*' * 256}),
                ('too long', {'timezone': 'x' * 65}),
                ('NUL', {'function_input': '\0'}),
                ('NUL', {'name': '\0'}),
                ('Unicode', {'function_input': 'x\ud800'})):
            self.check_refused(words, self.create, **values)

    def test_unknown_targets(self):
        none = '11111111-2222-4333-8444-555555555555'
        self.assertRaises(exception.FunctionNotFound, self.create,
                          function_id=none)
        self.assertRaises(exception.FunctionNotFound, self.create, THEIRS)
        self.assertRaises(exception.FunctionVersionNotFound, self.create,
                          function_version=1)
        self.assertRaises(exception.FunctionAliasNotFound, self.create,
                          function_alias='a')
        self.core.insert(models.FunctionAlias, name='a', project_id='mine',
                         function_id=self.function)
        self.assertRaises(exception.FunctionAliasNotFound, self.create,
                          THEIRS, function_alias='a')

    def test_jobs_block_deletion_of_the_function(self):
        job = self.create()
        delete = self.core.services.functions.delete
        error = self.assertRaises(exception.FunctionInUse, delete, MINE,
                                  self.function)
        self.assertIn(f'job {job.id}', str(error))
        self.update(job, status='cancelled')
        delete(MINE, self.function)


class TestUpdate(JobTest):
    def test_fields_without_rescheduling(self):
        job = self.create()
        row = self.update(job, name='n', function_input={'a': 1},
                          misfire='skip')
        self.assertEqual(('n', '{"a": 1}', 'skip', 2), (
            row.name, row.function_input, row.misfire, row.revision))
        self.assertEqual(job.next_execution_time, row.next_execution_time)

    def test_pattern_and_time_zone_reschedule(self):
        job = self.create()
        row = self.update(job, pattern='0 * * * *')
        self.assertEqual(datetime.datetime(2026, 5, 6, 8),
                         row.next_execution_time)
        row = self.update(job, timezone='Asia/Kathmandu')
        self.assertEqual(datetime.datetime(2026, 5, 6, 7, 15),
                         row.next_execution_time)
        self.assertEqual(job.first_execution_time, row.first_execution_time)

    def test_next_time(self):
        job = self.create()
        row = self.update(job, next_execution_time=text(later(90)))
        self.assertEqual(later(90), row.next_execution_time)
        self.check_refused('at least 1 minute', self.update, job,
                           next_execution_time=text(later(0.5)))
        self.check_refused('is not a time', self.update, job,
                           next_execution_time='soon')

    def test_pause_and_resume(self):
        job = self.create()
        row = self.update(job, status='paused')
        self.assertEqual(('paused', job.next_execution_time),
                         (row.status, row.next_execution_time))
        self.set(job, status_reason='why')
        self.clock.now = later(60)
        row = self.update(job, status='running')
        self.assertEqual(
            ('running', datetime.datetime(2026, 5, 6, 8, 10), None),
            (row.status, row.next_execution_time, row.status_reason))

    def test_resume_with_another_pattern(self):
        job = self.create()
        self.update(job, status='paused')
        row = self.update(job, status='running', pattern='30 * * * *')
        self.assertEqual(datetime.datetime(2026, 5, 6, 7, 30),
                         row.next_execution_time)
        self.update(job, status='paused')
        row = self.update(job, status='running',
                          next_execution_time=text(later(5)))
        self.assertEqual(later(5), row.next_execution_time)

    def test_resume_of_a_one_shot_job(self):
        job = self.create(first_execution_time=text(later(10)))
        self.update(job, status='paused')
        row = self.update(job, status='running')
        self.assertEqual(later(10), row.next_execution_time)
        self.update(job, status='paused')
        self.clock.now = later(9.5)
        self.check_refused('at least 1 minute', self.update, job,
                           status='running')
        row = self.update(job, status='running',
                          next_execution_time=text(later(20)))
        self.assertEqual(later(20), row.next_execution_time)

    def test_finished_jobs_cannot_be_updated(self):
        for status in ('cancelled', 'done'):
            job = self.create()
            row = self.update(job, status=status)
            self.assertEqual((status, None), (
                row.status, row.next_execution_time))
            for values in ({'name': 'n'}, {'status': 'running'}, {}):
                self.check_refused('Can not update a finished job.',
                                   self.update, job, **values)

    def test_invalid_updates_are_refused(self):
        recurring = self.create()
        one_shot = self.create(first_execution_time=text(later(10)))
        for words, job, values in (
                ('Can not change job type.', one_shot,
                 {'pattern': '* * * * *'}),
                ('Can not change job type.', recurring, {'pattern': ''}),
                ('pattern is not valid', recurring, {'pattern': 'x'}),
                ('is not a time zone', recurring, {'timezone': 'x'}),
                ('is not a time zone', one_shot, {'timezone': 'x'}),
                ('Invalid status.', recurring, {'status': 'x'}),
                ('Invalid status.', recurring, {'status': ''}),
                ('misfire must be', recurring, {'misfire': 'x'})):
            self.check_refused(words, self.update, job, **values)
            self.assertEqual(job, self.jobs.get(MINE, job.id))

    def test_jobs_of_other_projects_are_hidden(self):
        job = self.create()
        for action, *values in ((self.jobs.get,), (self.jobs.update, {}),
                                (self.jobs.delete,), (self.jobs.preview, 1)):
            self.assertRaises(exception.JobNotFound, action,
                              fixtures.caller('theirs', enforcer=DenyAll()),
                              job.id, *values)

    def test_changes_check_the_revision(self):
        job = self.create()
        for action, values in ((self.jobs.update, ({'name': 'n'},)),
                               (self.jobs.delete, ())):
            self.assertRaises(exception.PreconditionFailed, action, MINE,
                              job.id, *values, match=frozenset([7]))
        self.jobs.update(MINE, job.id, {'name': 'n'}, match=frozenset([1]))

    def test_delete(self):
        for status in ('running', 'paused', 'done', 'cancelled'):
            job = self.create()
            self.set(job, status=status)
            self.jobs.delete(MINE, job.id)
            self.assertRaises(exception.JobNotFound, self.jobs.get, MINE,
                              job.id)
            self.assertRaises(exception.JobNotFound, self.jobs.delete, MINE,
                              job.id)


class DenyAll:
    """Enforcer without access to other projects."""

    def permits(self, *_args):
        return False


class TestPreview(JobTest):
    def test_preview_returns_fire_times(self):
        job = self.create()
        fire_times = self.jobs.preview(MINE, job.id, 2)
        self.assertEqual([job.next_execution_time, datetime.datetime(
            2026, 5, 6, 7, 15)], fire_times)
        self.assertEqual(100, len(self.jobs.preview(MINE, job.id, 100)))

    def test_count_is_limited(self):
        job = self.create()
        for count in (0, -1, 101):
            self.check_refused('count must be at least 1 and at most 100',
                               self.jobs.preview, MINE, job.id, count)

    def test_preview_equals_the_schedule(self):
        """Compare the preview with the decisions of the scheduler."""
        job = self.create(pattern='30 2 * * *', timezone='Europe/Berlin')
        self.set(job, next_execution_time=datetime.datetime(
            2026, 10, 24, 0, 30))
        fire_times = self.jobs.preview(MINE, job.id, 3)
        for fire_time, next_time in zip(fire_times, fire_times[1:]):
            row = self.jobs.get(MINE, job.id)
            self.assertEqual(fire_time, row.next_execution_time)
            step = schedule.decide(row, fire_time, 60)
            self.assertEqual((fire_time, next_time), (
                step.fire_time, step.values['next_execution_time']))
            self.set(job, next_execution_time=next_time)
