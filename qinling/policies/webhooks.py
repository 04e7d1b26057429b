# SPDX-License-Identifier: Apache-2.0
"""Policies of webhooks."""

from qinling.policies import base

ALL = '/v1/webhooks'
ONE = ALL + '/{id}'

RULES = [
    base.rule('webhook:create', base.MEMBER, 'Create a webhook.',
              'POST', ALL),
    base.rule('webhook:get_all', base.READER, 'List webhooks.', 'GET', ALL),
    base.rule('webhook:get_all:all_projects', base.ADMIN,
              'List webhooks of all projects.', 'GET', ALL),
    base.rule('webhook:get', base.READER, 'Show a webhook.', 'GET', ONE),
    base.rule('webhook:update', base.MEMBER,
              'Change a webhook or its secret.', 'PUT', ONE),
    base.rule('webhook:delete', base.MEMBER, 'Delete a webhook.',
              'DELETE', ONE),
    base.rule('webhook:invoke', base.ANYONE,
              'Run the function of a webhook. No identity is looked at, so '
              'another check would change nothing.',
              'POST', ONE + '/invoke'),
]
