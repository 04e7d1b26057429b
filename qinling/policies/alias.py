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

"""Policies of function aliases."""

from qinling.policies import base

ALL = '/v1/aliases'
ONE = ALL + '/{name}'

RULES = [
    base.rule('function_alias:create', base.MEMBER, 'Create an alias.',
              'POST', ALL),
    base.rule('function_alias:get_all', base.READER, 'List aliases.',
              'GET', ALL),
    base.rule('function_alias:get_all:all_projects', base.ADMIN,
              'List aliases of all projects.', 'GET', ALL,
              deprecated_rule=base.formerly(
                  'function_version:get_all:all_projects', base.ADMIN)),
    base.rule('function_alias:get', base.READER,
              'Show an alias or its history.', 'GET', ONE),
    base.rule('function_alias:update', base.MEMBER,
              'Move an alias, or roll it back.', 'PUT', ONE),
    base.rule('function_alias:delete', base.MEMBER, 'Delete an alias.',
              'DELETE', ONE),
]
