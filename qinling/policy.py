# SPDX-License-Identifier: Apache-2.0
"""The policy enforcer."""

from oslo_config import cfg
from oslo_policy import policy

from qinling import conf as qinling_conf
from qinling import policies


def enforcer(conf):
    """An enforcer with every rule of the service registered."""
    made = policy.Enforcer(conf)
    made.register_defaults(policies.list_rules())
    return made


def get_enforcer():
    """What the oslo.policy command line tools ask for."""
    return enforcer(qinling_conf.register(cfg.ConfigOpts()))
