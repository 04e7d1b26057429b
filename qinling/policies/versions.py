# SPDX-License-Identifier: Apache-2.0
"""Policies of function versions."""

from qinling.policies import base

ALL = '/v1/functions/{id}/versions'
ONE = ALL + '/{version}'

RULES = [
    base.rule('function_version:create', base.MEMBER,
              'Publish a version.', 'POST', ALL),
    base.rule('function_version:get_all', base.READER, 'List versions.',
              'GET', ALL),
    base.rule('function_version:get', base.READER,
              'Show a version or download its package.', 'GET', ONE),
    base.rule('function_version:update', base.MEMBER,
              'Change the description of a version.', 'PUT', ONE),
    base.rule('function_version:delete', base.MEMBER, 'Delete a version.',
              'DELETE', ONE),
    base.rule('function_version:scale_up', base.ADMIN, 'Add workers.',
              'POST', ONE + '/scale_up'),
    base.rule('function_version:scale_down', base.ADMIN,
              'Take workers away.', 'POST', ONE + '/scale_down'),
    base.rule('function_version:provision', base.ADMIN,
              'Keep workers warm.', 'POST', ONE + '/provision'),
    base.rule('function_version:detach', base.ADMIN, 'Drop all workers.',
              'POST', ONE + '/detach'),
]
