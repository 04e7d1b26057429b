# SPDX-License-Identifier: Apache-2.0
"""Tests of function aliases."""

from tempest.lib import decorators
from tempest.lib import exceptions

from qinling_tempest_plugin.tests import base


class AliasesTest(base.QinlingTest):
    @decorators.idempotent_id('8d4eb09e-3faa-4d3e-8b9d-503f4f7f9d01')
    def test_life_cycle(self):
        id, aliases = self.create_function()['id'], self.user.aliases
        for _ in range(2):
            self.create_version(id)
        name = self.create_alias(id, 1, description='first')
        self.assertEqual(('first', id, 1), tuple(
            aliases.show(name)[key] for key in (
                'description', 'function_id', 'function_version')))
        self.assertIn(name, [row['name'] for row in aliases.list()])
        self.assertEqual(2, aliases.update(
            name, function_version=2)['function_version'])
        self.assertEqual([2, 1], [row['function_version']
                                  for row in aliases.list_history(name)])
        self.assertEqual(1, aliases.roll_back(name)['function_version'])
        aliases.destroy(name)
        self.assertRaises(exceptions.NotFound, aliases.show, name)

    @decorators.idempotent_id('8d4eb09e-3faa-4d3e-8b9d-503f4f7f9d02')
    def test_names_are_of_a_project(self):
        id = self.create_function()['id']
        name = self.create_alias(id)
        self.assert_fault(exceptions.Conflict, 'Duplicate entry',
                          self.user.aliases.create, name=name, function_id=id)
        for call in (self.alt.aliases.show, self.alt.aliases.destroy,
                     self.admin.aliases.show):
            self.assert_fault(exceptions.NotFound, 'FunctionAlias not found',
                              call, name)
        self.assertRaises(exceptions.NotFound, self.alt.aliases.create,
                          name=name, function_id=id)
        self.assertRaises(exceptions.Forbidden, self.alt.aliases.list,
                          all_projects='true')
        self.assertIn(name, [row['name'] for row in self.admin.aliases.list(
            all_projects='true')])

    @decorators.attr(type='negative')
    @decorators.idempotent_id('8d4eb09e-3faa-4d3e-8b9d-503f4f7f9d03')
    def test_faults(self):
        id = self.create_function()['id']
        create = self.user.aliases.create
        self.assert_fault(exceptions.BadRequest, 'Required param is missing.',
                          create, function_id=id)
        for error, values in (
                (exceptions.BadRequest, {'name': 'a/b', 'function_id': id}),
                (exceptions.NotFound,
                 {'name': 'a', 'function_id': base.UNKNOWN_ID}),
                (exceptions.NotFound, {'name': 'a', 'function_id': id,
                                       'function_version': 9})):
            self.assertRaises(error, create, **values)
