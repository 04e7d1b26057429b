# SPDX-License-Identifier: Apache-2.0
"""Policies of function aliases."""

from qinling.policies import base

LIST_PATH = '/v1/aliases'
ITEM_PATH = LIST_PATH + '/{name}'

RULES = [
    base.create_rule(
        'function_alias:create', base.MEMBER, 'Create an alias.', 'POST',
        LIST_PATH),
    base.create_rule(
        'function_alias:get_all', base.READER, 'List aliases.', 'GET',
        LIST_PATH),
    base.create_rule(
        'function_alias:get_all:all_projects', base.ADMIN,
        'List aliases of all projects.', 'GET', LIST_PATH,
        deprecated_rule=base.deprecate_rule(
            'function_version:get_all:all_projects', base.ADMIN)),
    base.create_rule(
        'function_alias:get', base.READER, 'Show an alias or its history.',
        'GET', ITEM_PATH),
    base.create_rule(
        'function_alias:update', base.MEMBER, 'Change or roll back an alias.',
        'PUT', ITEM_PATH),
    base.create_rule(
        'function_alias:delete', base.MEMBER, 'Delete an alias.', 'DELETE',
        ITEM_PATH),
]
