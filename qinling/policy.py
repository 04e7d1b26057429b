# SPDX-License-Identifier: Apache-2.0
"""Policy enforcer."""

from oslo_config import cfg
from oslo_policy import policy

from qinling import conf as qinling_conf
from qinling import policies


def create_enforcer(conf: cfg.ConfigOpts) -> policy.Enforcer:
    """Return an enforcer with every rule of the service."""
    enforcer = policy.Enforcer(conf)
    enforcer.register_defaults(policies.list_rules())
    return enforcer


def get_enforcer() -> policy.Enforcer:
    """Return the enforcer for the tools of oslo.policy."""
    return create_enforcer(qinling_conf.register(cfg.ConfigOpts()))
