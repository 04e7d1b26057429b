# SPDX-License-Identifier: Apache-2.0
"""Tests of functions."""

import hashlib

from tempest.lib import decorators
from tempest.lib import exceptions

from qinling_tempest_plugin.tests import base


class FunctionsTest(base.QinlingTest):
    @decorators.idempotent_id('6b2c9f7e-1d88-4b1e-8f7d-3e2f2d5f7b01')
    def test_life_cycle(self):
        row = self.create_function(description='first')
        package = base.build_package('hello')
        self.assertEqual(hashlib.md5(package).hexdigest(),
                         row['code']['md5sum'])
        self.assertEqual('main.main', row['entry'])
        functions = self.user.functions
        self.assertEqual(row, functions.show(row['id']))
        self.assertIn(row['id'], [r['id'] for r in functions.list()])
        self.assertEqual(package, functions.download(row['id']))
        changed = functions.update(row['id'], description='second', timeout=7)
        self.assertEqual(('second', 7),
                         (changed['description'], changed['timeout']))
        functions.destroy(row['id'])
        self.assertRaises(exceptions.NotFound, functions.show, row['id'])

    @decorators.idempotent_id('6b2c9f7e-1d88-4b1e-8f7d-3e2f2d5f7b02')
    def test_other_projects(self):
        row = self.create_function()
        alt = self.alt.functions
        self.assertNotIn(row['id'], [r['id'] for r in alt.list()])
        for call in (alt.show, alt.download, alt.update, alt.destroy):
            self.assert_fault(exceptions.NotFound, 'Function not found', call,
                              row['id'])
        self.assert_fault(exceptions.Forbidden, 'Operation not allowed',
                          alt.list, all_projects='true')
        self.assertNotIn(row['id'], [r['id'] for r in alt.list(
            project_id=row['project_id'])])

    @decorators.idempotent_id('6b2c9f7e-1d88-4b1e-8f7d-3e2f2d5f7b03')
    def test_administrators(self):
        row = self.create_function()
        admins = self.admin.functions

        def listed(**query):
            return [r['id'] for r in admins.list(**query)]
        self.assertNotIn(row['id'], listed())
        self.assertIn(row['id'], listed(all_projects='true'))
        self.assertIn(row['id'], listed(project_id=row['project_id']))
        self.assertEqual(row['id'], admins.show(row['id'])['id'])
        self.assertRaises(exceptions.Forbidden, admins.destroy, row['id'])

    @decorators.idempotent_id('6b2c9f7e-1d88-4b1e-8f7d-3e2f2d5f7b04')
    def test_workers(self):
        row = self.create_function()
        self.run_function(row['id'])
        workers = self.admin.functions.list_workers(row['id'])
        self.assertEqual([row['id']], [w['function_id'] for w in workers])
        self.admin.functions.detach(row['id'])
        self.wait_for(lambda: not self.admin.functions.list_workers(row['id']),
                      'the end of the workers')
        functions = self.user.functions
        for call in (functions.list_workers, functions.detach):
            self.assert_fault(exceptions.Forbidden, 'Operation not allowed',
                              call, row['id'])

    @decorators.attr(type='negative')
    @decorators.idempotent_id('6b2c9f7e-1d88-4b1e-8f7d-3e2f2d5f7b05')
    def test_faults(self):
        package = base.build_package('hello')
        code = {'source': 'package'}
        for words, code, package, fields in (
                ('timeout resource limitation not within the allowable range',
                 code, package, {'timeout': 100000}),
                ('Invalid cpu resource specified. An integer is required.',
                 code, package, {'cpu': 'many'}),
                ('md5', dict(code, md5sum='0' * 32), package, {}),
                ('ZIP', code, b'no archive', {}),
                ('code', None, package, {})):
            self.assert_fault(exceptions.BadRequest, words,
                              self.user.functions.create, code, package,
                              runtime_id=self.runtime_id, **fields)
