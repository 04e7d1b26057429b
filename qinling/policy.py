# SPDX-License-Identifier: Apache-2.0
"""Policy enforcer."""

from collections.abc import Mapping
import operator
import os
import time
import typing

from oslo_config import cfg
from oslo_context import context
from oslo_log import log
from oslo_policy import policy

from qinling import conf as qinling_conf
from qinling import policies

LOG = log.getLogger(__name__)

#: Default of ``[oslo_policy] policy_file``, which need not exist.
DEFAULT_FILE = 'policy.yaml'
_FILES = '[oslo_policy] policy_file and policy_dirs'
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
        self._last_mistake = ''
        self._decisions: dict[tuple[typing.Any, ...], bool] = {}
        self._decisions_end = 0.0  # time.monotonic()

    def read_files(self) -> None:
        """Read the policy files for the first time.

        :raises ValueError: a file or a rule is not valid.
        """
        if (self.policy_file != DEFAULT_FILE
                and not self.conf.find_file(self.policy_file)):
            LOG.warning('[oslo_policy] policy_file: there is no file %s; the '
                        'default policies apply.', self.policy_file)
        try:
            super().load_rules()
        except Exception as e:
            raise ValueError(_describe(e))
        if wrong := self._list_wrong_rules():
            raise ValueError(f'{_FILES}: these rules cannot be understood: '
                             f'{", ".join(wrong)}.')
        self._warn_of_unknown_rules()

    def load_rules(self, force_reload: bool = False) -> None:
        """Load changed files; old rules stay while a file is wrong."""
        before = self.rules, self.file_rules
        try:
            if self.policy_path and not os.path.exists(self.policy_path):
                raise FileNotFoundError(f'{self.policy_path} is missing.')
            super().load_rules(force_reload)
        except Exception as e:
            self.rules, self.file_rules = before
            if self._last_mistake != str(e):
                LOG.error('%s The rules from before stay.', _describe(e))
            self._last_mistake = str(e)
            return
        self._last_mistake = ''
        if self.rules is not before[0]:
            self._warn_of_unknown_rules()

    def _list_wrong_rules(self) -> list[str]:
        """Return the rules of files that refuse everyone by mistake."""
        return sorted(
            name for name, rule in self.file_rules.items()
            if str(rule.check) == '!' and str(rule.check_str).strip() != '!')

    def _warn_of_unknown_rules(self) -> None:
        """Log the rules of files that no request and no rule asks for."""
        effective = {self.default_rule, *self.registered_rules}
        effective.update(rule.deprecated_rule.name
                         for rule in self.registered_rules.values()
                         if rule.deprecated_rule)
        texts = [str(rule.check_str) for rule in self.file_rules.values()]
        unknown = sorted(
            name for name in self.file_rules if name not in effective
            and not any(f'rule:{name}' in text for text in texts))
        if unknown:
            LOG.warning('%s: Qinling has no rule %s; see the list of '
                        'policies.', _FILES, ', '.join(unknown))

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


def _describe(error: Exception) -> str:
    """Return a sentence in one line about a file that cannot be used."""
    text = ' '.join(str(error).split())
    return f'{_FILES}: a file cannot be used: {text.rstrip(".")}.'


def create_enforcer(conf: cfg.ConfigOpts) -> Enforcer:
    """Return the enforcer of a program.

    :raises ValueError: a policy file is not valid.
    """
    enforcer = Enforcer(conf)
    enforcer.read_files()
    return enforcer


def get_enforcer() -> Enforcer:
    """Return the enforcer for the tools of oslo.policy."""
    return Enforcer(qinling_conf.register(cfg.ConfigOpts()))
