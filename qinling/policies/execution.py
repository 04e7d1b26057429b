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

"""Policies of executions."""

from qinling.policies import base

ONE = '/v1/executions/{id}'

RULES = [
    base.rule('execution:create', base.MEMBER, 'Run a function.',
              'POST', '/v1/executions'),
    base.rule('execution:get', base.READER, 'Show an execution.',
              'GET', ONE),
    base.rule('execution:get_all', base.READER, 'List executions.',
              'GET', '/v1/executions'),
    base.rule('execution:get_all:all_projects', base.ADMIN,
              'List executions of all projects.', 'GET', '/v1/executions'),
    base.rule('execution:get_log', base.READER,
              'Show the log of an execution.', 'GET', ONE + '/log'),
    base.rule('execution:cancel', base.MEMBER, 'End an execution.',
              'POST', ONE + '/cancel'),
    base.rule('execution:rerun', base.MEMBER, 'Run something again.',
              'POST', ONE + '/rerun'),
    base.rule('execution:delete', base.MEMBER, 'Delete an execution.',
              'DELETE', ONE),
]
