# SPDX-License-Identifier: Apache-2.0
"""Options of metrics and health checks."""

from oslo_config import cfg

GROUP = 'metrics'
GROUP_HELP = ('Metrics for Prometheus at /metrics, and health checks at '
              '/healthcheck, at a port that users do not reach.')

OPTS = [
    cfg.HostAddressOpt(
        'host', default='127.0.0.1',
        help='Address that the ports below listen on. All clients that '
             'reach the ports can read the metrics.'),
    cfg.PortOpt(
        'api_port', min=0,
        help='Port for the metrics of the API, also of qinling-standalone; '
             '0 selects a free port. By default no port is opened.'),
    cfg.PortOpt(
        'engine_port', min=0,
        help='Port for the metrics of an engine; 0 selects a free port. By '
             'default no port is opened.'),
    cfg.BoolOpt(
        'function_labels', default=False,
        help='Measure the executions of each function in a metric with the '
             'id of the function as label. Each function adds about 20 time '
             'series.'),
]
