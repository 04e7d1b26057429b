# SPDX-License-Identifier: Apache-2.0
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
