# SPDX-License-Identifier: Apache-2.0
"""Options of webhooks."""

from oslo_config import cfg

GROUP = 'webhooks'
GROUP_HELP = 'Webhooks: URLs for senders without an identity.'

OPTS = [
    cfg.IntOpt(
        'max_body_size', default=6 * 1024 * 1024, min=1024,
        help='Maximum size of the body of a delivery in bytes; larger '
             'bodies get status 413.'),
    cfg.ListOpt(
        'passed_credentials', default=[],
        help='Headers of senders that functions receive although the headers '
             'may identify the sender to this service: "authorization", '
             '"cookie", "proxy-authorization", "x-auth-token", '
             '"x-subject-token", "x-service-token", or the token of a proxy '
             'such as "x-forwarded-access-token". Any owner of a webhook can '
             'read the values.'),
    cfg.IntOpt(
        'signature_tolerance', default=300, min=1,
        help='Maximum difference between the signed time of a delivery and '
             'the clock of the host, in seconds.'),
    cfg.StrOpt(
        'rate_limit', default='600/minute',
        help='Maximum rate of deliveries of each webhook, as '
             '"<number>/<second, minute, hour or day>"; further deliveries '
             'get status 429. Empty for no limit. For a webhook with a '
             'secret, only deliveries with a valid signature count.'),
    cfg.StrOpt(
        'rate_limit_storage', default='memory://', secret=True,
        help='Storage of the counts of deliveries: "memory://" counts in '
             'each API process separately; a URL such as redis://host:6379 '
             'or memcached://host:11211 counts over all API hosts. All '
             'storages of the library "limits" are supported; install the '
             'driver with "pip install \'.[redis]\'" or "pip install '
             '\'.[memcached]\'" in the checkout. While the storage is down, '
             'deliveries are not limited. Set a timeout in seconds for Redis, '
             'so that deliveries do not wait for a silent server: '
             'redis://host:6379?socket_timeout=1&socket_connect_timeout=1.'),
    cfg.IntOpt(
        'delivery_retention', default=3 * 24 * 3600, min=0, mutable=True,
        help='Time that deliveries stay on record, in seconds. 0 records '
             'none.'),
    cfg.IntOpt(
        'max_deliveries', default=1000, min=1, mutable=True,
        help='Number of accepted deliveries that each webhook keeps; older '
             'ones are deleted within some minutes.'),
    cfg.IntOpt(
        'max_refused_deliveries', default=100, min=1, mutable=True,
        help='Number of refused, and of repeated deliveries that each '
             'webhook keeps. A flood of either is recorded in samples.'),
    cfg.IntOpt(
        'max_delivery_bytes', default=64 * 1024 * 1024, min=1024,
        mutable=True,
        help='Bytes of the bodies that each webhook keeps; older deliveries '
             'are deleted within some minutes.'),
    cfg.IntOpt(
        'kept_body_size', default=1024 * 1024, min=0, mutable=True,
        help='Maximum size of the body of a delivery on record, in bytes. '
             'A delivery with a larger body is recorded without the body, '
             'and cannot be replayed.'),
]
