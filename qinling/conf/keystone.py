# SPDX-License-Identifier: Apache-2.0
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
