#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

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
