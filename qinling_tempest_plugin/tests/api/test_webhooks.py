# SPDX-License-Identifier: Apache-2.0
"""Tests of webhooks."""

from tempest.lib import decorators
from tempest.lib import exceptions

from qinling_tempest_plugin.tests import base


class WebhooksTest(base.QinlingTest):
    def create_webhook(self, **values):
        """Create a webhook for one test."""
        row = self.user.webhooks.create(**values)
        self.destroy_later(self.user.webhooks.destroy, row['id'])
        return row

    @decorators.idempotent_id('b071e3ce-62dd-406e-9ece-836f72a0c0c1')
    def test_life_cycle(self):
        webhooks, id = self.user.webhooks, self.create_function()['id']
        row = self.create_webhook(function_id=id, description='first')
        self.assertTrue(row['webhook_url'].endswith(
            f'/v1/webhooks/{row["id"]}/invoke'))
        self.assertIn(row['id'], [r['id'] for r in webhooks.list()])
        self.assertEqual('second', webhooks.update(
            row['id'], description='second')['description'])
        self.assert_fault(exceptions.Forbidden, 'still in use',
                          self.user.functions.destroy, id)
        webhooks.destroy(row['id'])
        self.assertRaises(exceptions.NotFound, webhooks.show, row['id'])

    @decorators.idempotent_id('b071e3ce-62dd-406e-9ece-836f72a0c0c2')
    def test_invoke_without_a_token(self):
        row = self.create_webhook(function_id=self.create_function()['id'])
        status, answer = self.user.webhooks.invoke(row['id'], name='Ada')
        self.assertEqual(202, status)
        ended = self.wait_for_end(answer['execution_id'])
        self.assertEqual(('success', 'Hello, Ada', row['project_id']), (
            ended['status'], base.read_output(ended), ended['project_id']))
        self.assertIn(row['id'], ended['description'])
        status, answer = self.user.webhooks.invoke(base.UNKNOWN_ID)
        self.assertEqual(404, status)

    @decorators.idempotent_id('b071e3ce-62dd-406e-9ece-836f72a0c0c3')
    def test_other_projects(self):
        row = self.create_webhook(function_id=self.create_function()['id'])
        alt = self.alt.webhooks
        for call in (alt.show, alt.update, alt.destroy):
            self.assertRaises(exceptions.NotFound, call, row['id'])
        self.assertRaises(exceptions.NotFound, alt.create,
                          function_id=row['function_id'])
        self.assertRaises(exceptions.Forbidden, alt.list,
                          all_projects='true')
        self.assertIn(row['id'], [r['id'] for r in self.admin.webhooks.list(
            all_projects='true')])
