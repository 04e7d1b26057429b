# SPDX-License-Identifier: Apache-2.0
"""Policies of statistics."""

from qinling.policies import base

FUNCTION_PATH = '/v1/functions/{id}'

RULES = [
    base.create_rule(
        'statistics:get_project', base.READER,
        'Show the statistics of a project.', 'GET', '/v1/stats'),
    base.create_rule(
        'statistics:get_project:all_projects', base.ADMIN,
        'Show the statistics of all projects.', 'GET', '/v1/stats'),
    base.create_rule(
        'statistics:get_function', base.READER,
        'Show the statistics of a function.', 'GET',
        FUNCTION_PATH + '/stats'),
    base.create_rule(
        'statistics:get_version', base.READER,
        'Show the statistics of a version.', 'GET',
        FUNCTION_PATH + '/versions/{version}/stats'),
    base.create_rule(
        'statistics:get_alias', base.READER,
        'Show the statistics of an alias.', 'GET',
        '/v1/aliases/{name}/stats'),
]
