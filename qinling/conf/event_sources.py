# SPDX-License-Identifier: Apache-2.0
"""Options of event sources and dead letters."""

from oslo_config import cfg

GROUP = 'event_sources'
GROUP_HELP = ('Event sources: engines read messages of brokers and run '
              'functions with them.')

OPTS = [
    cfg.BoolOpt(
        'enabled', default=True,
        help='Let users create event sources, and let engines read them.'),
    cfg.ListOpt(
        'allowed_networks', default=[],
        help='Addresses and networks that event sources may use beside the '
             'public addresses of the Internet, such as 10.1.0.0/24. With '
             '[api] auth_strategy = noauth, sources may use all addresses '
             'except denied_networks.'),
    cfg.ListOpt(
        'denied_networks', default=[],
        help='Addresses and networks that event sources must not use, also '
             'if they are public or in allowed_networks.'),
    cfg.IntOpt(
        'max_sources', default=100, min=1,
        help='Number of event sources that one engine reads; each takes a '
             'thread and a connection. Further sources wait for another '
             'engine.'),
    cfg.IntOpt(
        'max_queued', default=1000, min=1, mutable=True,
        help='Number of executions that wait or run on an engine above which '
             'the engine reads no more events; they wait in their source.'),
    cfg.IntOpt(
        'max_batch_size', default=1000, min=1,
        help='Largest batch_size of an event source.'),
    cfg.IntOpt(
        'max_batch_bytes', default=4 * 1024 * 1024, min=1024,
        help='Bytes of the events of one execution. A larger event becomes a '
             'dead letter without its payload.'),
    cfg.IntOpt(
        'lease', default=15, min=3,
        help='Seconds after which another engine reads the event sources of '
             'an engine that died.'),
    cfg.IntOpt(
        'dead_letter_retention', default=14 * 24 * 3600, min=0, mutable=True,
        help='Seconds after which dead letters are deleted; 0 keeps them.'),
]
