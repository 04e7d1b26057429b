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
