# SPDX-License-Identifier: Apache-2.0
"""Options of the Keystone account of the service, and of trusts."""

from oslo_config import cfg

GROUP = 'keystone'
GROUP_HELP = (
    'The account of the service in Keystone, as options of keystoneauth1 '
    '(auth_type = password with the credentials; cafile, timeout), and the '
    'trusts of the owners of functions. Without auth_type, the account of '
    'keystone_authtoken is used. Engines need the same options as the API, '
    'including [api] auth_strategy; only the strategy keystone uses this '
    'group.')

OPTS = [
    cfg.BoolOpt(
        'function_tokens', default=True,
        help='Default of the field "trust" of a function: create a trust '
             'for the function, and a token for each execution. Functions '
             'with the source swift always have a trust.'),
    cfg.ListOpt(
        'trust_roles', default=['member'],
        help='Roles that the trust of a function contains, if the owner has '
             'the role in the project.'),
    cfg.IntOpt(
        'trust_lifetime', default=365 * 24 * 3600, min=60,
        help='Seconds after which a trust expires. Each change of the code '
             'creates a new trust.'),
    cfg.StrOpt(
        'region_name',
        help='Region in the context of functions.'),
    cfg.URIOpt(
        'public_auth_url', schemes=['http', 'https'],
        help='URL of Keystone for functions, by default the auth_url of the '
             'service.'),
]
