# SPDX-License-Identifier: Apache-2.0
"""Tests of jobs."""

from tempest.lib import decorators
from tempest.lib import exceptions

from qinling_tempest_plugin.tests import base


class JobsTest(base.QinlingTest):
    def create_job(self, **values):
        """Create a job for one test."""
        row = self.user.jobs.create(name=self.create_name(), **values)
        self.destroy_later(self.user.jobs.destroy, row['id'])
        return row

    @decorators.idempotent_id('af60d2be-51cc-4f5e-8dbd-725f619fbfb1')
    def test_life_cycle(self):
        jobs = self.user.jobs
        row = self.create_job(function_id=self.create_function()['id'],
                              pattern='0 3 1 1 *')
        self.assertEqual('running', row['status'])
        self.assertIn(row['id'], [r['id'] for r in jobs.list()])
        self.assertEqual([row['next_execution_time']],
                         jobs.list_fire_times(row['id'], 1))
        for status in ('paused', 'running', 'cancelled'):
            self.assertEqual(status, jobs.update(
                row['id'], status=status)['status'])
        self.assert_fault(
            exceptions.BadRequest, 'Can not update a finished job',
            jobs.update, row['id'], name='n')
        jobs.destroy(row['id'])
        self.assertRaises(exceptions.NotFound, jobs.show, row['id'])

    @decorators.idempotent_id('af60d2be-51cc-4f5e-8dbd-725f619fbfb2')
    def test_a_function_with_a_job_stays(self):
        id = self.create_function()['id']
        self.create_job(function_id=id, pattern='0 3 1 1 *')
        self.assert_fault(exceptions.Forbidden, 'still in use',
                          self.user.functions.destroy, id)

    @decorators.idempotent_id('af60d2be-51cc-4f5e-8dbd-725f619fbfb3')
    def test_other_projects(self):
        row = self.create_job(function_id=self.create_function()['id'],
                              pattern='0 3 1 1 *')
        alt = self.alt.jobs
        for call in (alt.show, alt.destroy):
            self.assertRaises(exceptions.NotFound, call, row['id'])
        self.assertRaises(exceptions.NotFound, alt.create,
                          function_id=row['function_id'],
                          pattern='0 3 1 1 *')
        self.assertRaises(exceptions.Forbidden, alt.list,
                          all_projects='true')
        self.assertIn(row['id'], [r['id'] for r in self.admin.jobs.list(
            all_projects='true')])

    @decorators.attr(type='negative')
    @decorators.idempotent_id('af60d2be-51cc-4f5e-8dbd-725f619fbfb4')
    def test_faults(self):
        id = self.create_function()['id']
        for words, values in (
                ('pattern or first_execution_time must be specified', {}),
                ('pattern is not valid', {'pattern': 'now and then'}),
                ('at least 1 minute in the future',
                 {'first_execution_time': '2020-01-01T00:00:00Z'})):
            self.assert_fault(
                exceptions.BadRequest, words, self.user.jobs.create,
                function_id=id, **values)
