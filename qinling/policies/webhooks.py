# SPDX-License-Identifier: Apache-2.0
"""Policies of webhooks."""

from qinling.policies import base

LIST_PATH = '/v1/webhooks'
ITEM_PATH = LIST_PATH + '/{id}'

RULES = [
    base.create_rule(
        'webhook:create', base.MEMBER, 'Create a webhook.', 'POST', LIST_PATH),
    base.create_rule(
        'webhook:get_all', base.READER, 'List webhooks.', 'GET', LIST_PATH),
    base.create_rule(
        'webhook:get_all:all_projects', base.ADMIN,
        'List webhooks of all projects.', 'GET', LIST_PATH),
    base.create_rule(
        'webhook:get', base.READER, 'Show a webhook.', 'GET', ITEM_PATH),
    base.create_rule(
        'webhook:update', base.MEMBER, 'Change a webhook or its secret.',
        'PUT', ITEM_PATH),
    base.create_rule(
        'webhook:delete', base.MEMBER, 'Delete a webhook.', 'DELETE',
        ITEM_PATH),
    base.create_rule(
        'webhook:invoke', base.ANYONE,
        'Run the function of a webhook. The route needs no identity, so '
        'another check has no effect. The variants of the URL for versions '
        'and aliases have the same rule.', 'POST', ITEM_PATH + '/invoke'),
]
