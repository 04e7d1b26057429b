# SPDX-License-Identifier: Apache-2.0
"""Policies of functions and their workers."""

from qinling.policies import base

ONE = '/v1/functions/{id}'

RULES = [
    base.rule('function:create', base.MEMBER, 'Create a function.',
              'POST', '/v1/functions'),
    base.rule('function:get', base.READER,
              'Show a function or download its package.', 'GET', ONE),
    base.rule('function:get_all', base.READER, 'List functions.',
              'GET', '/v1/functions'),
    base.rule('function:get_all:all_projects', base.ADMIN,
              'List functions of all projects.', 'GET', '/v1/functions'),
    base.rule('function:update', base.MEMBER, 'Change a function.',
              'PUT', ONE),
    base.rule('function:delete', base.MEMBER, 'Delete a function.',
              'DELETE', ONE),
    base.rule('function:scale_up', base.ADMIN, 'Add workers.',
              'POST', ONE + '/scale_up'),
    base.rule('function:scale_down', base.ADMIN, 'Take workers away.',
              'POST', ONE + '/scale_down'),
    base.rule('function:provision', base.ADMIN, 'Keep workers warm.',
              'POST', ONE + '/provision'),
    base.rule('function:detach', base.ADMIN, 'Drop all workers.',
              'POST', ONE + '/detach'),
    base.rule('function_build:get', base.READER,
              'Show what was installed for a function or a version, and the '
              'log of it.', 'GET', ONE + '/build'),
    base.rule('function_build:create', base.MEMBER,
              'Have what could not be installed tried again.',
              'POST', ONE + '/build'),
    base.rule('function_worker:get_all', base.ADMIN, 'List workers.',
              'GET', ONE + '/workers'),
]
