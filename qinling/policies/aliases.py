# SPDX-License-Identifier: Apache-2.0
"""Policies of function aliases."""

from qinling.policies import base

ALL = '/v1/aliases'
ONE = ALL + '/{name}'

RULES = [
    base.rule('function_alias:create', base.MEMBER, 'Create an alias.',
              'POST', ALL),
    base.rule('function_alias:get_all', base.READER, 'List aliases.',
              'GET', ALL),
    base.rule('function_alias:get_all:all_projects', base.ADMIN,
              'List aliases of all projects.', 'GET', ALL,
              deprecated_rule=base.formerly(
                  'function_version:get_all:all_projects', base.ADMIN)),
    base.rule('function_alias:get', base.READER,
              'Show an alias or its history.', 'GET', ONE),
    base.rule('function_alias:update', base.MEMBER,
              'Move an alias, or roll it back.', 'PUT', ONE),
    base.rule('function_alias:delete', base.MEMBER, 'Delete an alias.',
              'DELETE', ONE),
]
