# SPDX-License-Identifier: Apache-2.0
"""Tests of function versions."""

from tempest.lib import decorators
from tempest.lib import exceptions

from qinling_tempest_plugin.tests import base


class VersionsTest(base.QinlingTest):
    @decorators.idempotent_id('7c3daf8e-2e99-4c2e-9a8d-4f3f3e6f8c01')
    def test_life_cycle(self):
        id, versions = self.create_function()['id'], self.user.versions
        first = self.create_version(id, description='first')
        self.assertEqual(1, first)
        self.assertEqual('first', versions.show(id, 1)['description'])
        self.assertEqual(base.build_package('hello'), versions.download(id, 1))
        self.user.functions.update(id, package=base.build_package('goodbye'))
        self.assertEqual(2, self.create_version(id))
        self.assertEqual([1, 2], [
            row['version_number'] for row in versions.list(id)])
        self.assertEqual(2, self.user.functions.show(id)['latest_version'])
        self.assertEqual('second', versions.update(
            id, 1, description='second')['description'])
        versions.destroy(id, 2)
        self.assertRaises(exceptions.NotFound, versions.show, id, 2)
        # A number is never used again.
        self.assertEqual(3, self.create_version(id))

    @decorators.idempotent_id('7c3daf8e-2e99-4c2e-9a8d-4f3f3e6f8c02')
    def test_in_use(self):
        id = self.create_function()['id']
        self.create_alias(id, self.create_version(id))
        self.assert_fault(exceptions.Forbidden, 'still in use',
                          self.user.versions.destroy, id, 1)

    @decorators.idempotent_id('7c3daf8e-2e99-4c2e-9a8d-4f3f3e6f8c03')
    def test_other_projects(self):
        id = self.create_function()['id']
        self.create_version(id)
        for call in (self.alt.versions.create, self.alt.versions.list,
                     self.admin.versions.create):
            self.assertRaises(exceptions.NotFound, call, id)
        for call in (self.alt.versions.show, self.alt.versions.download,
                     self.alt.versions.destroy,
                     self.admin.versions.destroy):
            self.assertRaises(exceptions.NotFound, call, id, 1)
        self.assertEqual(1, self.admin.versions.show(
            id, 1)['version_number'])
