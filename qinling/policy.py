# SPDX-License-Identifier: Apache-2.0
"""Policy enforcer."""

from collections.abc import Mapping
import operator
import time
import typing

from oslo_config import cfg
from oslo_context import context
from oslo_policy import policy

from qinling import conf as qinling_conf
from qinling import policies

#: Seconds that a decision holds: about 900 calls, and a look at the policy
#: files, make a new decision.
DECISION_SECONDS = 1.0
#: What policies may ask about a caller, as ``to_policy_values`` has it.
CALLER_ATTRIBUTES = (
    'user_id', 'user_domain_id', 'system_scope', 'domain_id', 'project_id',
    'project_domain_id', 'is_admin_project', 'service_user_id',
    'service_user_domain_id', 'service_project_id',
    'service_project_domain_id')
_identify = operator.attrgetter(*CALLER_ATTRIBUTES)


class Enforcer(policy.Enforcer):
    """Enforcer that repeats a decision for the same caller for a moment."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        super().__init__(conf)
        self.register_defaults(policies.list_rules())
        self._decisions: dict[tuple[typing.Any, ...], bool] = {}
        self._decisions_end = 0.0  # time.monotonic()

    def permits(self, rule: str, target: Mapping[str, typing.Any],
                caller: context.RequestContext) -> bool:
        """Return whether a rule permits a caller to act on a target.

        :raises oslo_policy.policy.PolicyNotRegistered: no such rule.
        """
        now = time.monotonic()
        if now >= self._decisions_end:
            self._decisions, self._decisions_end = {}, now + DECISION_SECONDS
        decisions = self._decisions
        key = (rule, *target.items(), *_identify(caller),
               *caller.roles, None, *caller.service_roles)
        decision = decisions.get(key)
        if decision is None:
            decision = decisions[key] = bool(self.authorize(
                rule, target, caller.to_policy_values(), do_raise=False))
        return decision


def get_enforcer() -> Enforcer:
    """Return the enforcer for the tools of oslo.policy."""
    return Enforcer(qinling_conf.register(cfg.ConfigOpts()))
