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

"""Policies of jobs."""

from qinling.policies import base

ALL = '/v1/jobs'
ONE = ALL + '/{id}'

RULES = [
    base.rule('job:create', base.MEMBER, 'Create a job.', 'POST', ALL),
    base.rule('job:get_all', base.READER, 'List jobs.', 'GET', ALL),
    base.rule('job:get_all:all_projects', base.ADMIN,
              'List jobs of all projects.', 'GET', ALL),
    base.rule('job:get', base.READER, 'Show a job or its next ticks.',
              'GET', ONE),
    base.rule('job:update', base.MEMBER, 'Change, pause or end a job.',
              'PUT', ONE),
    base.rule('job:delete', base.MEMBER, 'Delete a job.', 'DELETE', ONE),
]
