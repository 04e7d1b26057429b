# SPDX-License-Identifier: Apache-2.0
"""Function aliases."""

from tempest.lib import decorators
from tempest.lib import exceptions

from qinling_tempest_plugin.tests import base


class AliasesTest(base.QinlingTest):
    @decorators.idempotent_id('8d4eb09e-3faa-4d3e-8b9d-503f4f7f9d01')
    def test_life(self):
        id, aliases = self.function()['id'], self.user.aliases
        for _ in range(2):
            self.version(id)
        name = self.alias(id, 1, description='first')
        self.assertEqual(('first', id, 1), tuple(
            aliases.show(name)[key] for key in (
                'description', 'function_id', 'function_version')))
        self.assertIn(name, [row['name'] for row in aliases.list()])
        self.assertEqual(2, aliases.update(
            name, function_version=2)['function_version'])
        self.assertEqual([2, 1], [row['function_version']
                                  for row in aliases.history(name)])
        self.assertEqual(1, aliases.roll_back(name)['function_version'])
        aliases.destroy(name)
        self.assertRaises(exceptions.NotFound, aliases.show, name)

    @decorators.idempotent_id('8d4eb09e-3faa-4d3e-8b9d-503f4f7f9d02')
    def test_names_are_of_a_project(self):
        id = self.function()['id']
        name = self.alias(id)
        self.refused(exceptions.Conflict, 'Duplicate entry',
                     self.user.aliases.create, name=name, function_id=id)
        for call in (self.other.aliases.show, self.other.aliases.destroy,
                     self.admin.aliases.show):
            self.refused(exceptions.NotFound, 'FunctionAlias not found',
                         call, name)
        self.assertRaises(exceptions.NotFound, self.other.aliases.create,
                          name=name, function_id=id)
        self.assertRaises(exceptions.Forbidden, self.other.aliases.list,
                          all_projects='true')
        self.assertIn(name, [row['name'] for row in self.admin.aliases.list(
            all_projects='true')])

    @decorators.attr(type='negative')
    @decorators.idempotent_id('8d4eb09e-3faa-4d3e-8b9d-503f4f7f9d03')
    def test_what_is_wrong(self):
        id = self.function()['id']
        create = self.user.aliases.create
        self.refused(exceptions.BadRequest, 'Required param is missing.',
                     create, function_id=id)
        for error, values in (
                (exceptions.BadRequest, {'name': 'a/b', 'function_id': id}),
                (exceptions.NotFound,
                 {'name': 'a', 'function_id': base.NOTHING}),
                (exceptions.NotFound, {'name': 'a', 'function_id': id,
                                       'function_version': 9})):
            self.assertRaises(error, create, **values)
