# SPDX-License-Identifier: Apache-2.0
"""The roles that the rules of all nouns are made of."""

from oslo_policy import policy

ADMIN = 'rule:admin_required'
MEMBER = 'rule:project_member'
READER = 'rule:project_reader'
ANYONE = ''
#: Who could do all in the first Qinling that operators did not keep.
OWNER = 'rule:admin_required or project_id:%(project_id)s'

#: Why rules have another name or check than in the first Qinling.
REASON = ('The roles reader and member say who may look and who may change '
          'things.')
SINCE = '6.0.0'


def formerly(name, check):
    """What stands for a rule in a policy file of the first Qinling; and the
    check that is good enough, too, while ``[oslo_policy]
    enforce_new_defaults`` is false."""
    return policy.DeprecatedRule(
        name, check, deprecated_reason=REASON, deprecated_since=SINCE)


RULES = [
    policy.RuleDefault(
        'admin_required', 'role:admin',
        description='An operator of the cloud.',
        deprecated_rule=formerly('context_is_admin', 'role:admin')),
    policy.RuleDefault(
        'project_member',
        '(role:member and project_id:%(project_id)s) or '
        'rule:admin_required',
        description='May change things in the project.',
        deprecated_rule=formerly('admin_or_owner', OWNER)),
    policy.RuleDefault(
        'project_reader',
        '(role:reader and project_id:%(project_id)s) or '
        'rule:project_member',
        description='May look at things in the project.',
        deprecated_rule=formerly('admin_or_owner', OWNER)),
]


def rule(name, check, description, method, path, **kwargs):
    """One documented rule."""
    return policy.DocumentedRuleDefault(
        name, check, description, [{'method': method, 'path': path}],
        **kwargs)
