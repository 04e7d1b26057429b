# SPDX-License-Identifier: Apache-2.0
"""Policies of quotas."""

from qinling.policies import base

ITEM_PATH = '/v1/quotas/{project_id}'

RULES = [
    base.create_rule(
        'quota:get', base.READER,
        'Show the limits and the usage of a project.', 'GET', ITEM_PATH),
    base.create_rule(
        'quota:update', base.ADMIN, 'Set limits of a project.', 'PUT',
        ITEM_PATH),
    base.create_rule(
        'quota:delete', base.ADMIN, 'Reset a project to the default limits.',
        'DELETE', ITEM_PATH),
]
