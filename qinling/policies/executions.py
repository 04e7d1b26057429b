# SPDX-License-Identifier: Apache-2.0
"""Policies of executions."""

from qinling.policies import base

ITEM_PATH = '/v1/executions/{id}'

RULES = [
    base.create_rule(
        'execution:create', base.MEMBER, 'Run a function.', 'POST',
        '/v1/executions'),
    base.create_rule(
        'execution:choose_version', base.MEMBER,
        'Run another version than an alias selects.', 'POST',
        '/v1/executions'),
    base.create_rule(
        'execution:create_batch', base.MEMBER, 'Run a batch of executions.',
        'POST', '/v1/executions/batch'),
    base.create_rule(
        'execution:get', base.READER, 'Show an execution.', 'GET', ITEM_PATH),
    base.create_rule(
        'execution:get_all', base.READER, 'List executions.', 'GET',
        '/v1/executions'),
    base.create_rule(
        'execution:get_all:all_projects', base.ADMIN,
        'List executions of all projects.', 'GET', '/v1/executions'),
    base.create_rule(
        'execution:get_log', base.READER, 'Show the log of an execution.',
        'GET', ITEM_PATH + '/log'),
    base.create_rule(
        'execution:cancel', base.MEMBER, 'Cancel an execution.', 'POST',
        ITEM_PATH + '/cancel'),
    base.create_rule(
        'execution:rerun', base.MEMBER, 'Repeat an execution.', 'POST',
        ITEM_PATH + '/rerun'),
    base.create_rule(
        'execution:delete', base.MEMBER, 'Delete an execution.', 'DELETE',
        ITEM_PATH),
]
