# SPDX-License-Identifier: Apache-2.0
"""Tests of executions."""

import json

from tempest.lib import decorators
from tempest.lib import exceptions

from qinling_tempest_plugin.tests import base


class ExecutionsTest(base.QinlingTest):
    @decorators.idempotent_id('9e5fc1ae-40bb-4e4e-9cad-614f508faea1')
    def test_life_cycle(self):
        id, executions = self.create_function()['id'], self.user.executions
        row = self.run_function(id, input='{"name": "Ada"}')
        self.assertEqual(('success', 'Hello, Ada'),
                         (row['status'], base.read_output(row)))
        self.assertGreaterEqual(json.loads(row['result'])['duration'], 0)
        self.assertEqual(row['id'], executions.show(row['id'])['id'])
        self.assertIn('greeting Ada', executions.get_log(row['id']))
        self.assertEqual([row['id']], [
            r['id'] for r in executions.list(function_id=id)])
        self.assertEqual(1, self.user.functions.show(id)['count'])
        executions.destroy(row['id'])
        self.assertRaises(exceptions.NotFound, executions.show, row['id'])

    @decorators.idempotent_id('9e5fc1ae-40bb-4e4e-9cad-614f508faea2')
    def test_asynchronous(self):
        row = self.run_function(self.create_function()['id'], sync=False)
        self.assertEqual(('running', None), (row['status'], row['result']))
        row = self.wait_for_end(row['id'])
        self.assertEqual(('success', 'Hello, World'),
                         (row['status'], base.read_output(row)))

    @decorators.idempotent_id('9e5fc1ae-40bb-4e4e-9cad-614f508faea3')
    def test_faults_of_functions(self):
        for name, words, fields in (
                ('fails', 'this went wrong', {}),
                ('sleeps', 'Function execution timeout.', {'timeout': 1})):
            row = self.run_function(self.create_function(name, **fields)['id'])
            self.assertEqual('failed', row['status'])
            self.assertIn(words, base.read_output(row))

    @decorators.idempotent_id('9e5fc1ae-40bb-4e4e-9cad-614f508faea4')
    def test_cancel_and_rerun(self):
        id = self.create_function('sleeps', timeout=60)['id']
        row = self.run_function(id, sync=False, input='{"seconds": 50}')
        self.user.executions.cancel(row['id'])
        self.assertEqual('cancelled', self.wait_for_end(row['id'])['status'])
        first = self.run_function(id, input='{"seconds": 0}')
        again = self.user.executions.rerun(first['id'], sync=True)
        self.destroy_later(self.user.executions.destroy, again['id'])
        self.assertEqual((first['id'], 'success'),
                         (again['rerun_of'], again['status']))

    @decorators.idempotent_id('9e5fc1ae-40bb-4e4e-9cad-614f508faea5')
    def test_other_projects(self):
        id = self.create_function()['id']
        row = self.run_function(id)
        alt = self.alt.executions
        for call in (alt.show, alt.get_log, alt.destroy):
            self.assert_fault(exceptions.NotFound, 'Execution not found', call,
                              row['id'])
        self.assertRaises(exceptions.NotFound, alt.create, function_id=id)
        self.assertEqual([], alt.list(function_id=id))
        self.assertRaises(exceptions.Forbidden, alt.list,
                          all_projects='true')
        self.assertEqual([row['id']], [
            r['id'] for r in self.admin.executions.list(
                function_id=id, all_projects='true')])
        self.assertIn('greeting', self.admin.executions.get_log(row['id']))

    @decorators.attr(type='negative')
    @decorators.idempotent_id('9e5fc1ae-40bb-4e4e-9cad-614f508faea6')
    def test_faults(self):
        create = self.user.executions.create
        for error, values in (
                (exceptions.BadRequest, {}),
                (exceptions.NotFound, {'function_id': base.UNKNOWN_ID}),
                (exceptions.NotFound, {'function_alias': self.create_name()}),
                (exceptions.BadRequest, {'function_id': base.UNKNOWN_ID,
                                         'status': 'success'})):
            self.assertRaises(error, create, **values)
