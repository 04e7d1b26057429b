# SPDX-License-Identifier: Apache-2.0
"""Policies of event sources."""

from qinling.policies import base

LIST_PATH = '/v1/event_sources'
ITEM_PATH = LIST_PATH + '/{id}'

RULES = [
    base.create_rule(
        'event_source:create', base.MEMBER, 'Create an event source.',
        'POST', LIST_PATH),
    base.create_rule(
        'event_source:get_all', base.READER, 'List event sources.', 'GET',
        LIST_PATH),
    base.create_rule(
        'event_source:get_all:all_projects', base.ADMIN,
        'List event sources of all projects.', 'GET', LIST_PATH),
    base.create_rule(
        'event_source:get', base.READER, 'Show an event source.', 'GET',
        ITEM_PATH),
    base.create_rule(
        'event_source:update', base.MEMBER, 'Change an event source.', 'PUT',
        ITEM_PATH),
    base.create_rule(
        'event_source:pause', base.MEMBER, 'Pause an event source.', 'POST',
        ITEM_PATH + '/pause'),
    base.create_rule(
        'event_source:resume', base.MEMBER, 'Resume an event source.',
        'POST', ITEM_PATH + '/resume'),
    base.create_rule(
        'event_source:delete', base.MEMBER, 'Delete an event source.',
        'DELETE', ITEM_PATH),
]
