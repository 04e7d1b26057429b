# SPDX-License-Identifier: Apache-2.0
"""Policies of the version documents."""

from qinling.policies import base

RULES = [
    base.create_rule(
        'version:get', base.ANYONE, 'Show the API versions.', 'GET', '/'),
]
