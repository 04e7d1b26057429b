# SPDX-License-Identifier: Apache-2.0
"""Policies of replays; operations have the policies of their progress."""

from qinling.policies import base

RULES = [
    base.create_rule(
        'replay:create', base.MEMBER,
        'Run recorded executions of an alias on another version.', 'POST',
        '/v1/aliases/{name}/replay'),
    base.create_rule(
        'replay:get_results', base.READER, 'List the results of a replay.',
        'GET', '/v1/operations/{id}/results'),
]
