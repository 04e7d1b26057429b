# SPDX-License-Identifier: Apache-2.0
"""Options of traces."""

from oslo_config import cfg

GROUP = 'tracing'
GROUP_HELP = 'Traces of requests and executions, with OpenTelemetry.'

OPTS = [
    cfg.BoolOpt(
        'enabled', default=False,
        help='Trace requests, executions and calls of workers. Needs '
             '"pip install \'.[tracing]\'" in the checkout.'),
    cfg.URIOpt(
        'endpoint', default='http://127.0.0.1:4318/v1/traces',
        help='URL of a collector for OTLP over HTTP.'),
    cfg.FloatOpt(
        'sample_ratio', default=1.0, min=0, max=1,
        help='Ratio of traced requests, from 0 to 1. For a request with a '
             'trace context, the caller decides.'),
]
