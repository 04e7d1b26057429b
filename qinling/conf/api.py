# SPDX-License-Identifier: Apache-2.0
"""Options of the REST API."""

from oslo_config import cfg

GROUP = 'api'
GROUP_HELP = 'The REST API.'

OPTS = [
    cfg.HostAddressOpt(
        'host', default='0.0.0.0',
        help='Address that the API listens on.'),
    cfg.PortOpt(
        'port', default=7070, min=0,
        help='Port that the API listens on; 0 takes a free one.'),
    cfg.IntOpt(
        'threads', default=64, min=1,
        help='Requests that one API process serves at the same time. A '
             'synchronous execution holds one of them until it ends. One '
             'function may hold up to twice as many as are free, and one '
             'project three times as many; more are refused with 429.'),
    cfg.IntOpt(
        'stop_timeout', default=20, min=1,
        help='Seconds that a stopping API process lets requests in progress '
             'go on.'),
    cfg.IntOpt(
        'max_body_size', default=6 * 1024 * 1024, min=1024, mutable=True,
        help='Bytes that the JSON or form body of a request may have; more '
             'is refused with 413. Packages have a limit of their own, see '
             '[resource_limits] max_package_size.'),
    cfg.IntOpt(
        'max_page_size', default=0, min=0, mutable=True,
        help='Items that one answer to a list request may have. 0 means no '
             'limit: a request without "limit" gets everything, which '
             'clients that do not follow "next" links rely on.'),
    cfg.StrOpt(
        'auth_strategy', default='noauth', choices=[
            ('noauth', 'no identity is asked for; everything belongs to the '
                       'project "default"'),
            ('http_basic', 'users with a password, see [http_basic]'),
            ('keystone', 'tokens of Keystone, see [keystone_authtoken]')],
        help='How callers are identified.'),
    cfg.BoolOpt(
        'enable_proxy_headers_parsing', default=False,
        help='Believe the X-Forwarded-* headers of a proxy when links are '
             'made. Set it only when a proxy that replaces these headers '
             'stands in front.'),
]
