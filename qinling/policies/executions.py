# SPDX-License-Identifier: Apache-2.0
"""Policies of executions."""

from qinling.policies import base

ONE = '/v1/executions/{id}'

RULES = [
    base.rule('execution:create', base.MEMBER, 'Run a function.',
              'POST', '/v1/executions'),
    base.rule('execution:get', base.READER, 'Show an execution.',
              'GET', ONE),
    base.rule('execution:get_all', base.READER, 'List executions.',
              'GET', '/v1/executions'),
    base.rule('execution:get_all:all_projects', base.ADMIN,
              'List executions of all projects.', 'GET', '/v1/executions'),
    base.rule('execution:get_log', base.READER,
              'Show the log of an execution.', 'GET', ONE + '/log'),
    base.rule('execution:cancel', base.MEMBER, 'End an execution.',
              'POST', ONE + '/cancel'),
    base.rule('execution:rerun', base.MEMBER, 'Run something again.',
              'POST', ONE + '/rerun'),
    base.rule('execution:delete', base.MEMBER, 'Delete an execution.',
              'DELETE', ONE),
]
