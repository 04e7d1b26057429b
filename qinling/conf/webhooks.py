# SPDX-License-Identifier: Apache-2.0
"""Options of webhooks."""

from oslo_config import cfg

GROUP = 'webhooks'
GROUP_HELP = 'Webhooks: URLs that anybody may call.'

OPTS = [
    cfg.IntOpt(
        'max_body_size', default=6 * 1024 * 1024, min=1024,
        help='Bytes that the body of a delivery may have; more is refused '
             'with 413.'),
    cfg.IntOpt(
        'signature_tolerance', default=300, min=1,
        help='Seconds by which the time that a sender has signed may differ '
             'from the clock of this host.'),
    cfg.StrOpt(
        'rate_limit', default='600/minute',
        help='Deliveries that each webhook takes, as "<number>/<second, '
             'minute, hour or day>"; more are refused with 429. Empty for '
             'no limit. Of a webhook with a secret, only deliveries whose '
             'signature is right are counted.'),
    cfg.StrOpt(
        'rate_limit_storage', default='memory://', secret=True,
        help='Where deliveries are counted for the rate limit: "memory://" '
             'in each API process by itself, or a URL such as '
             'redis://host:6379 or memcached://host:11211, for one limit '
             'over all API hosts. What the library "limits" knows can be '
             'used; its drivers are the extras "redis" and "memcached" of '
             'this package. While the storage refuses, deliveries are not '
             'limited; so that they need not wait for one that is silent, '
             'give Redis a limit in seconds, as in '
             'redis://host:6379?socket_timeout=1&socket_connect_timeout=1.'),
]
