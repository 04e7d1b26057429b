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

"""Policies of function versions."""

from qinling.policies import base

ALL = '/v1/functions/{id}/versions'
ONE = ALL + '/{version}'

RULES = [
    base.rule('function_version:create', base.MEMBER,
              'Publish a version.', 'POST', ALL),
    base.rule('function_version:get_all', base.READER, 'List versions.',
              'GET', ALL),
    base.rule('function_version:get', base.READER,
              'Show a version or download its package.', 'GET', ONE),
    base.rule('function_version:update', base.MEMBER,
              'Change the description of a version.', 'PUT', ONE),
    base.rule('function_version:delete', base.MEMBER, 'Delete a version.',
              'DELETE', ONE),
    base.rule('function_version:scale_up', base.ADMIN, 'Add workers.',
              'POST', ONE + '/scale_up'),
    base.rule('function_version:scale_down', base.ADMIN,
              'Take workers away.', 'POST', ONE + '/scale_down'),
    base.rule('function_version:provision', base.ADMIN,
              'Keep workers warm.', 'POST', ONE + '/provision'),
    base.rule('function_version:detach', base.ADMIN, 'Drop all workers.',
              'POST', ONE + '/detach'),
]
