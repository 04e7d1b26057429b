# SPDX-License-Identifier: Apache-2.0
"""Functions."""

import hashlib

from tempest.lib import decorators
from tempest.lib import exceptions

from qinling_tempest_plugin.tests import base


class FunctionsTest(base.QinlingTest):
    @decorators.idempotent_id('6b2c9f7e-1d88-4b1e-8f7d-3e2f2d5f7b01')
    def test_life(self):
        row = self.function(description='first')
        sent = base.package('hello')
        self.assertEqual(hashlib.md5(sent).hexdigest(),
                         row['code']['md5sum'])
        self.assertEqual('main.main', row['entry'])
        functions = self.user.functions
        self.assertEqual(row, functions.show(row['id']))
        self.assertIn(row['id'], [r['id'] for r in functions.list()])
        self.assertEqual(sent, functions.download(row['id']))
        changed = functions.update(row['id'], description='second', timeout=7)
        self.assertEqual(('second', 7),
                         (changed['description'], changed['timeout']))
        functions.destroy(row['id'])
        self.assertRaises(exceptions.NotFound, functions.show, row['id'])

    @decorators.idempotent_id('6b2c9f7e-1d88-4b1e-8f7d-3e2f2d5f7b02')
    def test_other_projects(self):
        row = self.function()
        others = self.other.functions
        self.assertNotIn(row['id'], [r['id'] for r in others.list()])
        for call in (others.show, others.download, others.update,
                     others.destroy):
            self.refused(exceptions.NotFound, 'Function not found', call,
                         row['id'])
        self.refused(exceptions.Forbidden, 'Operation not allowed',
                     others.list, all_projects='true')
        self.assertNotIn(row['id'], [r['id'] for r in others.list(
            project_id=row['project_id'])])

    @decorators.idempotent_id('6b2c9f7e-1d88-4b1e-8f7d-3e2f2d5f7b03')
    def test_administrators(self):
        row = self.function()
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
        row = self.function()
        self.run_function(row['id'])
        workers = self.admin.functions.workers(row['id'])
        self.assertEqual([row['id']], [w['function_id'] for w in workers])
        self.admin.functions.detach(row['id'])
        self.wait(lambda: not self.admin.functions.workers(row['id']),
                  'the end of the workers')
        for call in (self.user.functions.workers, self.user.functions.detach):
            self.refused(exceptions.Forbidden, 'Operation not allowed', call,
                         row['id'])

    @decorators.attr(type='negative')
    @decorators.idempotent_id('6b2c9f7e-1d88-4b1e-8f7d-3e2f2d5f7b05')
    def test_what_is_wrong(self):
        sent = base.package('hello')
        code = {'source': 'package'}
        for words, code, package, fields in (
                ('timeout resource limitation not within the allowable range',
                 code, sent, {'timeout': 100000}),
                ('Invalid cpu resource specified. An integer is required.',
                 code, sent, {'cpu': 'many'}),
                ('md5', dict(code, md5sum='0' * 32), sent, {}),
                ('ZIP', code, b'no archive', {}),
                ('code', None, sent, {})):
            self.refused(exceptions.BadRequest, words,
                         self.user.functions.create, code, package,
                         runtime_id=self.runtime_id, **fields)
