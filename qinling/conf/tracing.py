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

"""Options of traces."""

from oslo_config import cfg

GROUP = 'tracing'
GROUP_HELP = 'Traces of requests and executions, with OpenTelemetry.'

OPTS = [
    cfg.BoolOpt(
        'enabled', default=False,
        help='Trace requests, executions and calls of workers. It needs the '
             'extra "tracing" of this package.'),
    cfg.URIOpt(
        'endpoint', default='http://127.0.0.1:4318/v1/traces',
        help='Where a collector takes traces by OTLP over HTTP.'),
    cfg.FloatOpt(
        'sample_ratio', default=1.0, min=0, max=1,
        help='Share of the requests that are traced. A request that comes '
             'as a part of a trace is traced if the caller says so.'),
]
