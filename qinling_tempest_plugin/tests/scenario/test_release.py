# SPDX-License-Identifier: Apache-2.0
"""A function that is developed, released and rolled back."""

from tempest.lib import decorators

from qinling_tempest_plugin.tests import base


class ReleaseTest(base.QinlingTest):
    @decorators.attr(type=['slow'])
    @decorators.idempotent_id('c182f4de-73ee-417e-8fdf-947f83b1d1d1')
    def test_release_and_roll_back(self):
        id = self.create_function()['id']
        released = self.create_alias(id, self.create_version(id))
        webhook = self.user.webhooks.create(function_alias=released)
        self.destroy_later(self.user.webhooks.destroy, webhook['id'])
        self.check(released, webhook, 'Hello, Ada', 1)
        # New code is not seen before it is released.
        self.user.functions.update(id, package=base.build_package('goodbye'))
        self.check(released, webhook, 'Hello, Ada', 1)
        self.assertEqual('Goodbye, Ada', base.read_output(
            self.run_function(id, input='{"name": "Ada"}')))
        self.user.aliases.update(released,
                                 function_version=self.create_version(id))
        self.check(released, webhook, 'Goodbye, Ada', 2)
        self.user.aliases.roll_back(released)
        self.check(released, webhook, 'Hello, Ada', 1)

    def check(self, alias, webhook, words, version):
        """Check the result of the alias and of the webhook."""
        row = self.run_function(function_alias=alias,
                                input='{"name": "Ada"}')
        self.assertEqual((words, alias, version), (
            base.read_output(row), row['function_alias'],
            row['function_version']))
        _, answer = self.user.webhooks.invoke(webhook['id'], name='Ada')
        self.assertEqual(words, base.read_output(
            self.wait_for_end(answer['execution_id'])))
