# SPDX-License-Identifier: Apache-2.0
"""Policies of dead letters."""

from qinling.policies import base

LIST_PATH = '/v1/dead_letters'
ITEM_PATH = LIST_PATH + '/{id}'

RULES = [
    base.create_rule(
        'dead_letter:get_all', base.READER, 'List dead letters.', 'GET',
        LIST_PATH),
    base.create_rule(
        'dead_letter:get_all:all_projects', base.ADMIN,
        'List dead letters of all projects.', 'GET', LIST_PATH),
    base.create_rule(
        'dead_letter:get', base.READER,
        'Show a dead letter with its payload.', 'GET', ITEM_PATH),
    base.create_rule(
        'dead_letter:redrive', base.MEMBER,
        'Run the payload of a dead letter.', 'POST', ITEM_PATH + '/redrive'),
    base.create_rule(
        'dead_letter:redrive_all', base.MEMBER,
        'Run the payloads of many dead letters, or count them.', 'POST',
        LIST_PATH + '/redrive'),
    base.create_rule(
        'dead_letter:delete', base.MEMBER, 'Delete a dead letter.', 'DELETE',
        ITEM_PATH),
]
