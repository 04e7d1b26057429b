# SPDX-License-Identifier: Apache-2.0
"""Policies of the deliveries to webhooks."""

from qinling.policies import base

LIST_PATH = '/v1/webhooks/{id}/deliveries'
ITEM_PATH = LIST_PATH + '/{delivery_id}'

RULES = [
    base.create_rule(
        'delivery:get_all', base.READER, 'List the deliveries to a webhook.',
        'GET', LIST_PATH),
    base.create_rule(
        'delivery:get', base.READER,
        'Show a delivery, and download its body.', 'GET', ITEM_PATH),
    base.create_rule(
        'delivery:replay', base.MEMBER,
        'Run a function with the bytes of deliveries again.', 'POST',
        ITEM_PATH + '/replay'),
]
