#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

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
