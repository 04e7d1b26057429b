# SPDX-License-Identifier: Apache-2.0
"""Policies of operations.

The creation also needs the policy of the action, such as
``execution:delete``.
"""

from qinling.policies import base

PATH = '/v1/operations'
ITEM_PATH = PATH + '/{id}'

RULES = [
    base.create_rule(
        'operation:create', base.MEMBER,
        'Rerun, cancel or delete many executions.', 'POST', PATH),
    base.create_rule(
        'operation:get', base.READER, 'Show an operation.', 'GET', ITEM_PATH),
    base.create_rule(
        'operation:get_all', base.READER, 'List operations.', 'GET', PATH),
    base.create_rule(
        'operation:get_all:all_projects', base.ADMIN,
        'List operations of all projects.', 'GET', PATH),
    base.create_rule(
        'operation:update', base.MEMBER,
        'Pause, resume or cancel an operation.', 'POST',
        ITEM_PATH + '/pause'),
]
