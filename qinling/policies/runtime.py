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

"""Policies of runtimes."""

from qinling.policies import base

ONE = '/v1/runtimes/{id}'

RULES = [
    base.rule('runtime:create', base.ADMIN, 'Create a runtime.',
              'POST', '/v1/runtimes'),
    base.rule('runtime:get', base.READER, 'Show a runtime.', 'GET', ONE),
    base.rule('runtime:get_all', base.READER, 'List runtimes.',
              'GET', '/v1/runtimes'),
    base.rule('runtime:update', base.ADMIN, 'Change a runtime.', 'PUT', ONE),
    base.rule('runtime:delete', base.ADMIN, 'Delete a runtime.',
              'DELETE', ONE),
    base.rule('runtime_pool:get_all', base.ADMIN,
              'Show the pool of a runtime.', 'GET', ONE + '/pool'),
]
