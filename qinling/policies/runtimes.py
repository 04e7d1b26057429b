# SPDX-License-Identifier: Apache-2.0
"""Policies of runtimes."""

from qinling.policies import base

ITEM_PATH = '/v1/runtimes/{id}'

RULES = [
    base.create_rule(
        'runtime:create', base.ADMIN, 'Create a runtime.', 'POST',
        '/v1/runtimes'),
    base.create_rule(
        'runtime:get', base.READER, 'Show a runtime.', 'GET', ITEM_PATH),
    base.create_rule(
        'runtime:get_all', base.READER, 'List runtimes.', 'GET',
        '/v1/runtimes'),
    base.create_rule(
        'runtime:update', base.ADMIN, 'Change a runtime.', 'PUT', ITEM_PATH),
    base.create_rule(
        'runtime:delete', base.ADMIN, 'Delete a runtime.', 'DELETE',
        ITEM_PATH),
    base.create_rule(
        'runtime_pool:get_all', base.ADMIN, 'Show the pool of a runtime.',
        'GET', ITEM_PATH + '/pool'),
]
