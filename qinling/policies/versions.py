# SPDX-License-Identifier: Apache-2.0
"""Policies of function versions."""

from qinling.policies import base

LIST_PATH = '/v1/functions/{id}/versions'
ITEM_PATH = LIST_PATH + '/{version}'

RULES = [
    base.create_rule(
        'function_version:create', base.MEMBER, 'Publish a version.', 'POST',
        LIST_PATH),
    base.create_rule(
        'function_version:get_all', base.READER, 'List versions.', 'GET',
        LIST_PATH),
    base.create_rule(
        'function_version:get', base.READER,
        'Show a version or download its package.', 'GET', ITEM_PATH),
    base.create_rule(
        'function_version:verify', base.READER,
        'Compare a version with its digest.', 'GET', ITEM_PATH + '/verify'),
    base.create_rule(
        'function_version:update', base.MEMBER,
        'Change the description or the tags of a version.', 'PUT', ITEM_PATH),
    base.create_rule(
        'function_version:delete', base.MEMBER, 'Delete a version.', 'DELETE',
        ITEM_PATH),
    base.create_rule(
        'function_version:scale_up', base.ADMIN, 'Add workers.', 'POST',
        ITEM_PATH + '/scale_up'),
    base.create_rule(
        'function_version:scale_down', base.ADMIN, 'Remove workers.', 'POST',
        ITEM_PATH + '/scale_down'),
    base.create_rule(
        'function_version:provision', base.ADMIN, 'Keep workers warm.', 'POST',
        ITEM_PATH + '/provision'),
    base.create_rule(
        'function_version:detach', base.ADMIN, 'Remove all workers.', 'POST',
        ITEM_PATH + '/detach'),
]
