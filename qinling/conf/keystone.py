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

"""Options of the service's own account, and of the trusts that it gets."""

from oslo_config import cfg

GROUP = 'keystone'
GROUP_HELP = (
    'The account of the service in Keystone, as options of keystoneauth1 '
    '(auth_type = password and what goes with it; cafile, timeout), and the '
    'trusts that owners of functions give to it. Without auth_type the '
    'account of keystone_authtoken is used. Engines need the same as the '
    'API, and its [api] auth_strategy; only keystone uses this group.')

OPTS = [
    cfg.BoolOpt(
        'function_tokens', default=True,
        help='Whether a function gets a trust, and each of its executions a '
             'token, when its owner does not say: "trust" of a function. '
             'Functions of source swift always have a trust.'),
    cfg.ListOpt(
        'trust_roles', default=['member'],
        help='Roles that an owner gives to a function by its trust: those '
             'of this list that he has in the project.'),
    cfg.IntOpt(
        'trust_lifetime', default=365 * 24 * 3600, min=60,
        help='Seconds after which a trust expires. Each change of the code '
             'makes another.'),
    cfg.StrOpt(
        'region_name',
        help='Region that functions are told.'),
    cfg.URIOpt(
        'public_auth_url', schemes=['http', 'https'],
        help='URL of Keystone for functions, if it is not the auth_url that '
             'the service uses.'),
]
