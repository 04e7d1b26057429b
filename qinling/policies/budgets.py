# SPDX-License-Identifier: Apache-2.0
"""Policies of budgets."""

from qinling.policies import base

ITEM_PATH = '/v1/budgets/{project_id}'

RULES = [
    base.create_rule(
        'budget:get', base.READER, 'Show the budget of a project.', 'GET',
        ITEM_PATH),
    base.create_rule(
        'budget:update', base.ADMIN, 'Set the budget of a project.', 'PUT',
        ITEM_PATH),
    base.create_rule(
        'budget:delete', base.ADMIN, 'Delete the budget of a project.',
        'DELETE', ITEM_PATH),
]
