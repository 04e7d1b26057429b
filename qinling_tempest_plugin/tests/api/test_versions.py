# SPDX-License-Identifier: Apache-2.0
"""Function versions."""

from tempest.lib import decorators
from tempest.lib import exceptions

from qinling_tempest_plugin.tests import base


class VersionsTest(base.QinlingTest):
    @decorators.idempotent_id('7c3daf8e-2e99-4c2e-9a8d-4f3f3e6f8c01')
    def test_life(self):
        id, versions = self.function()['id'], self.user.versions
        first = self.version(id, description='first')
        self.assertEqual(1, first)
        self.assertEqual('first', versions.show(id, 1)['description'])
        self.assertEqual(base.package('hello'), versions.download(id, 1))
        self.user.functions.update(id, package=base.package('goodbye'))
        self.assertEqual(2, self.version(id))
        self.assertEqual([1, 2], [
            row['version_number'] for row in versions.list(id)])
        self.assertEqual(2, self.user.functions.show(id)['latest_version'])
        self.assertEqual('second', versions.update(
            id, 1, description='second')['description'])
        versions.destroy(id, 2)
        self.assertRaises(exceptions.NotFound, versions.show, id, 2)
        # A number is never used again.
        self.assertEqual(3, self.version(id))

    @decorators.idempotent_id('7c3daf8e-2e99-4c2e-9a8d-4f3f3e6f8c02')
    def test_in_use(self):
        id = self.function()['id']
        self.alias(id, self.version(id))
        self.refused(exceptions.Forbidden, 'still in use',
                     self.user.versions.destroy, id, 1)

    @decorators.idempotent_id('7c3daf8e-2e99-4c2e-9a8d-4f3f3e6f8c03')
    def test_others(self):
        id = self.function()['id']
        self.version(id)
        for call in (self.other.versions.create, self.other.versions.list,
                     self.admin.versions.create):
            self.assertRaises(exceptions.NotFound, call, id)
        for call in (self.other.versions.show, self.other.versions.download,
                     self.other.versions.destroy,
                     self.admin.versions.destroy):
            self.assertRaises(exceptions.NotFound, call, id, 1)
        self.assertEqual(1, self.admin.versions.show(
            id, 1)['version_number'])
