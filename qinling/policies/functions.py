# SPDX-License-Identifier: Apache-2.0
"""Policies of functions and their workers."""

from qinling.policies import base

ITEM_PATH = '/v1/functions/{id}'

RULES = [
    base.create_rule(
        'function:create', base.MEMBER, 'Create a function.', 'POST',
        '/v1/functions'),
    base.create_rule(
        'function:get', base.READER,
        'Show a function or download its package.', 'GET', ITEM_PATH),
    base.create_rule(
        'function:get_all', base.READER, 'List functions.', 'GET',
        '/v1/functions'),
    base.create_rule(
        'function:get_all:all_projects', base.ADMIN,
        'List functions of all projects.', 'GET', '/v1/functions'),
    base.create_rule(
        'function:update', base.MEMBER, 'Change a function.', 'PUT',
        ITEM_PATH),
    base.create_rule(
        'function:delete', base.MEMBER, 'Delete a function.', 'DELETE',
        ITEM_PATH),
    base.create_rule(
        'function:scale_up', base.ADMIN, 'Add workers.', 'POST',
        ITEM_PATH + '/scale_up'),
    base.create_rule(
        'function:scale_down', base.ADMIN, 'Remove workers.', 'POST',
        ITEM_PATH + '/scale_down'),
    base.create_rule(
        'function:provision', base.ADMIN, 'Keep workers warm.', 'POST',
        ITEM_PATH + '/provision'),
    base.create_rule(
        'function:detach', base.ADMIN, 'Remove all workers.', 'POST',
        ITEM_PATH + '/detach'),
    base.create_rule(
        'function_build:get', base.READER,
        'Show the build of a function or a version, with the log.', 'GET',
        ITEM_PATH + '/build'),
    base.create_rule(
        'function_build:create', base.MEMBER, 'Repeat a failed build.', 'POST',
        ITEM_PATH + '/build'),
    base.create_rule(
        'function_worker:get_all', base.ADMIN, 'List workers.', 'GET',
        ITEM_PATH + '/workers'),
]
