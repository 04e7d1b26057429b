# SPDX-License-Identifier: Apache-2.0
"""Policy of the description of the API."""

from qinling.policies import base

RULES = [
    base.create_rule(
        'openapi:get', base.ANYONE, 'Show the description of the API.', 'GET',
        '/v1/openapi.json'),
]
