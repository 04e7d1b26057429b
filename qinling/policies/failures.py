# SPDX-License-Identifier: Apache-2.0
"""Policies of failures."""

from qinling.policies import base

RULES = [
    base.create_rule(
        'failure:get', base.READER, 'Show a group of failed executions.',
        'GET', '/v1/failures/{fingerprint}'),
    base.create_rule(
        'failure:get_all', base.READER, 'List groups of failed executions.',
        'GET', '/v1/failures'),
    base.create_rule(
        'failure:get_all:all_projects', base.ADMIN,
        'List groups of failed executions of all projects.', 'GET',
        '/v1/failures'),
]
