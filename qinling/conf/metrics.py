# SPDX-License-Identifier: Apache-2.0
"""Options of what operators measure."""

from oslo_config import cfg

GROUP = 'metrics'
GROUP_HELP = ('Figures for Prometheus at /metrics and the state of the '
              'process at /healthcheck, on a port that users do not reach.')

OPTS = [
    cfg.HostAddressOpt(
        'host', default='127.0.0.1',
        help='Address that the ports below listen on. Everybody who reaches '
             'them can read the figures.'),
    cfg.PortOpt(
        'api_port', min=0,
        help='Port for the figures of the API, also of qinling-standalone; '
             'not set, there is none. 0 takes a free one.'),
    cfg.PortOpt(
        'engine_port', min=0,
        help='Port for the figures of an engine; not set, there is none. '
             '0 takes a free one.'),
]
