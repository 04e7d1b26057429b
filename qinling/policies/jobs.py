# SPDX-License-Identifier: Apache-2.0
"""Policies of jobs."""

from qinling.policies import base

LIST_PATH = '/v1/jobs'
ITEM_PATH = LIST_PATH + '/{id}'

RULES = [
    base.create_rule(
        'job:create', base.MEMBER, 'Create a job.', 'POST', LIST_PATH),
    base.create_rule(
        'job:get_all', base.READER, 'List jobs.', 'GET', LIST_PATH),
    base.create_rule(
        'job:get_all:all_projects', base.ADMIN, 'List jobs of all projects.',
        'GET', LIST_PATH),
    base.create_rule(
        'job:get', base.READER, 'Show a job or the next fire times.', 'GET',
        ITEM_PATH),
    base.create_rule(
        'job:update', base.MEMBER, 'Change, pause or cancel a job.', 'PUT',
        ITEM_PATH),
    base.create_rule(
        'job:run', base.MEMBER, 'Run the function of a job now.', 'POST',
        ITEM_PATH + '/run'),
    base.create_rule(
        'job:backfill', base.MEMBER,
        'Run a job for the fire times that it missed.', 'POST',
        ITEM_PATH + '/backfill'),
    base.create_rule(
        'job:delete', base.MEMBER, 'Delete a job.', 'DELETE', ITEM_PATH),
]
