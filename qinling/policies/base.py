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

"""The roles that the rules of all nouns are made of."""

from oslo_policy import policy

ADMIN = 'rule:admin_required'
MEMBER = 'rule:project_member'
READER = 'rule:project_reader'
ANYONE = ''

RULES = [
    policy.RuleDefault(
        'admin_required', 'role:admin',
        description='An operator of the cloud.'),
    policy.RuleDefault(
        'project_member',
        '(role:member and project_id:%(project_id)s) or role:admin',
        description='May change things in the project.'),
    policy.RuleDefault(
        'project_reader',
        '(role:reader and project_id:%(project_id)s) or '
        'rule:project_member',
        description='May look at things in the project.'),
]


def rule(name, check, description, method, path):
    """One documented rule."""
    return policy.DocumentedRuleDefault(
        name, check, description, [{'method': method, 'path': path}])
