# SPDX-License-Identifier: Apache-2.0
"""Policies of rollouts."""

from qinling.policies import base

PATH = '/v1/aliases/{name}/rollout'

RULES = [
    base.create_rule(
        'rollout:create', base.MEMBER, 'Start a rollout of an alias.', 'POST',
        PATH),
    base.create_rule(
        'rollout:get', base.READER, 'Show the rollout of an alias.', 'GET',
        PATH),
    base.create_rule(
        'rollout:update', base.MEMBER,
        'Pause, resume, promote or abort a rollout.', 'POST',
        PATH + '/promote'),
]
