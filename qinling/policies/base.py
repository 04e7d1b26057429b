# SPDX-License-Identifier: Apache-2.0
"""Roles in the rules of all nouns."""

import typing

from oslo_policy import policy

ADMIN = 'rule:admin_required'
MEMBER = 'rule:project_member'
READER = 'rule:project_reader'
ANYONE = ''
#: Permission for every operation in Qinling before 6.0.
OWNER = 'rule:admin_required or project_id:%(project_id)s'

#: Reason for other names and checks than in Qinling before 6.0.
DEPRECATION_REASON = (
    'The role reader permits reading, and the role member permits changes.')
DEPRECATED_SINCE = '6.0.0'


def deprecate_rule(name: str, check: str) -> policy.DeprecatedRule:
    """Return the former name and check of a rule.

    A policy file may contain the former name.  The former check also permits
    access while ``[oslo_policy] enforce_new_defaults`` is false.
    """
    return policy.DeprecatedRule(
        name, check, deprecated_reason=DEPRECATION_REASON,
        deprecated_since=DEPRECATED_SINCE)


RULES = [
    policy.RuleDefault(
        'admin_required', 'role:admin',
        description='Operator of the cloud.',
        deprecated_rule=deprecate_rule('context_is_admin', 'role:admin')),
    policy.RuleDefault(
        'project_member',
        '(role:member and project_id:%(project_id)s) or '
        'rule:admin_required',
        description='Caller who may change resources of the project.',
        deprecated_rule=deprecate_rule('admin_or_owner', OWNER)),
    policy.RuleDefault(
        'project_reader',
        '(role:reader and project_id:%(project_id)s) or '
        'rule:project_member',
        description='Caller who may read resources of the project.',
        deprecated_rule=deprecate_rule('admin_or_owner', OWNER)),
]


def create_rule(name: str, check: str, description: str, method: str,
                path: str, **kwargs: typing.Any
                ) -> policy.DocumentedRuleDefault:
    """Return a documented rule for one operation."""
    return policy.DocumentedRuleDefault(
        name, check, description, [{'method': method, 'path': path}],
        **kwargs)
