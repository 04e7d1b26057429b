# SPDX-License-Identifier: Apache-2.0
"""Policies of runtimes."""

from qinling.policies import base

ONE = '/v1/runtimes/{id}'

RULES = [
    base.rule('runtime:create', base.ADMIN, 'Create a runtime.',
              'POST', '/v1/runtimes'),
    base.rule('runtime:get', base.READER, 'Show a runtime.', 'GET', ONE),
    base.rule('runtime:get_all', base.READER, 'List runtimes.',
              'GET', '/v1/runtimes'),
    base.rule('runtime:update', base.ADMIN, 'Change a runtime.', 'PUT', ONE),
    base.rule('runtime:delete', base.ADMIN, 'Delete a runtime.',
              'DELETE', ONE),
    base.rule('runtime_pool:get_all', base.ADMIN,
              'Show the pool of a runtime.', 'GET', ONE + '/pool'),
]
