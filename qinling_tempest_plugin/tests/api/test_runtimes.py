# SPDX-License-Identifier: Apache-2.0
"""Tests of runtimes."""

from tempest.lib import decorators
from tempest.lib import exceptions

from qinling_tempest_plugin.tests import base


class RuntimesTest(base.QinlingTest):
    @decorators.idempotent_id('5a1b8f6e-0c77-4a0e-9f6d-2d1f1c4f6a01')
    def test_life_cycle(self):
        id = self.create_runtime(description='first')
        row = self.admin.runtimes.show(id)
        self.assertEqual(('first', True, True), (
            row['description'], row['is_public'], row['trusted']))
        self.assertIn(id, [r['id'] for r in self.user.runtimes.list()])
        self.assertEqual('second', self.admin.runtimes.update(
            id, description='second')['description'])
        self.admin.runtimes.destroy(id)
        self.wait_for(lambda: id not in [
            r['id'] for r in self.admin.runtimes.list()],
            'the end of the runtime')

    @decorators.idempotent_id('5a1b8f6e-0c77-4a0e-9f6d-2d1f1c4f6a02')
    def test_pool(self):
        capacity = self.admin.runtimes.get_capacity(self.runtime_id)
        self.assertGreaterEqual(capacity['total'], capacity['available'])

    @decorators.idempotent_id('5a1b8f6e-0c77-4a0e-9f6d-2d1f1c4f6a03')
    def test_a_private_one_is_hidden(self):
        id = self.create_runtime(is_public=False)
        self.assertNotIn(id, [r['id'] for r in self.user.runtimes.list()])
        self.assert_fault(exceptions.NotFound, 'Runtime not found',
                          self.user.runtimes.show, id)
        self.assert_fault(exceptions.NotFound, 'Runtime not found',
                          self.user.functions.create, {'source': 'package'},
                          base.build_package('hello'), runtime_id=id)

    @decorators.attr(type='negative')
    @decorators.idempotent_id('5a1b8f6e-0c77-4a0e-9f6d-2d1f1c4f6a04')
    def test_users_may_look_only(self):
        runtimes = self.user.runtimes
        for call, arguments, values in (
                (runtimes.create, (), {'image': 'python3'}),
                (runtimes.update, (self.runtime_id,), {'name': 'n'}),
                (runtimes.destroy, (self.runtime_id,), {}),
                (runtimes.get_capacity, (self.runtime_id,), {})):
            self.assert_fault(exceptions.Forbidden, 'Operation not allowed',
                              call, *arguments, **values)

    @decorators.attr(type='negative')
    @decorators.idempotent_id('5a1b8f6e-0c77-4a0e-9f6d-2d1f1c4f6a05')
    def test_faults(self):
        self.assert_fault(exceptions.BadRequest, 'image',
                          self.admin.runtimes.create, name='n')
        self.assert_fault(exceptions.NotFound, 'Runtime not found',
                          self.admin.runtimes.show, base.UNKNOWN_ID)
        self.create_function()
        self.assert_fault(exceptions.Forbidden, 'still in use',
                          self.admin.runtimes.destroy, self.runtime_id)
