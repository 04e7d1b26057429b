# SPDX-License-Identifier: Apache-2.0
"""Executions."""

import json

from tempest.lib import decorators
from tempest.lib import exceptions

from qinling_tempest_plugin.tests import base


class ExecutionsTest(base.QinlingTest):
    @decorators.idempotent_id('9e5fc1ae-40bb-4e4e-9cad-614f508faea1')
    def test_life(self):
        id, executions = self.function()['id'], self.user.executions
        row = self.run_function(id, input='{"name": "Ada"}')
        self.assertEqual(('success', 'Hello, Ada'),
                         (row['status'], base.output(row)))
        self.assertGreaterEqual(json.loads(row['result'])['duration'], 0)
        self.assertEqual(row['id'], executions.show(row['id'])['id'])
        self.assertIn('greeting Ada', executions.log(row['id']))
        self.assertEqual([row['id']], [
            r['id'] for r in executions.list(function_id=id)])
        self.assertEqual(1, self.user.functions.show(id)['count'])
        executions.destroy(row['id'])
        self.assertRaises(exceptions.NotFound, executions.show, row['id'])

    @decorators.idempotent_id('9e5fc1ae-40bb-4e4e-9cad-614f508faea2')
    def test_asynchronous(self):
        row = self.run_function(self.function()['id'], sync=False)
        self.assertEqual(('running', None), (row['status'], row['result']))
        row = self.ended(row['id'])
        self.assertEqual(('success', 'Hello, World'),
                         (row['status'], base.output(row)))

    @decorators.idempotent_id('9e5fc1ae-40bb-4e4e-9cad-614f508faea3')
    def test_faults_of_functions(self):
        for name, words, fields in (
                ('fails', 'this went wrong', {}),
                ('sleeps', 'Function execution timeout.', {'timeout': 1})):
            row = self.run_function(self.function(name, **fields)['id'])
            self.assertEqual('failed', row['status'])
            self.assertIn(words, base.output(row))

    @decorators.idempotent_id('9e5fc1ae-40bb-4e4e-9cad-614f508faea4')
    def test_cancel_and_rerun(self):
        id = self.function('sleeps', timeout=60)['id']
        row = self.run_function(id, sync=False, input='{"seconds": 50}')
        self.user.executions.cancel(row['id'])
        self.assertEqual('cancelled', self.ended(row['id'])['status'])
        first = self.run_function(id, input='{"seconds": 0}')
        again = self.user.executions.rerun(first['id'], sync=True)
        self.gone_after(self.user.executions.destroy, again['id'])
        self.assertEqual((first['id'], 'success'),
                         (again['rerun_of'], again['status']))

    @decorators.idempotent_id('9e5fc1ae-40bb-4e4e-9cad-614f508faea5')
    def test_others(self):
        id = self.function()['id']
        row = self.run_function(id)
        others = self.other.executions
        for call in (others.show, others.log, others.destroy):
            self.refused(exceptions.NotFound, 'Execution not found', call,
                         row['id'])
        self.assertRaises(exceptions.NotFound, others.create, function_id=id)
        self.assertEqual([], others.list(function_id=id))
        self.assertRaises(exceptions.Forbidden, others.list,
                          all_projects='true')
        self.assertEqual([row['id']], [
            r['id'] for r in self.admin.executions.list(
                function_id=id, all_projects='true')])
        self.assertIn('greeting', self.admin.executions.log(row['id']))

    @decorators.attr(type='negative')
    @decorators.idempotent_id('9e5fc1ae-40bb-4e4e-9cad-614f508faea6')
    def test_what_is_wrong(self):
        create = self.user.executions.create
        for error, values in (
                (exceptions.BadRequest, {}),
                (exceptions.NotFound, {'function_id': base.NOTHING}),
                (exceptions.NotFound, {'function_alias': self.name()}),
                (exceptions.BadRequest, {'function_id': base.NOTHING,
                                         'status': 'success'})):
            self.assertRaises(error, create, **values)
