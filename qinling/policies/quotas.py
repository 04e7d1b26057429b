# SPDX-License-Identifier: Apache-2.0
"""Policies of quotas."""

from qinling.policies import base

ONE = '/v1/quotas/{project_id}'

RULES = [
    base.rule('quota:get', base.READER,
              'Show the limits of a project and what it uses.', 'GET', ONE),
    base.rule('quota:update', base.ADMIN, 'Set limits of a project.',
              'PUT', ONE),
    base.rule('quota:delete', base.ADMIN,
              'Give a project the default limits.', 'DELETE', ONE),
]
