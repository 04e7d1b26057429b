# SPDX-License-Identifier: Apache-2.0
"""Configuration options of the plugin."""

from oslo_config import cfg

AVAILABLE = cfg.BoolOpt(
    'qinling', default=True,
    help='Whether Qinling is expected to be available.')
GROUP = cfg.OptGroup('qinling', title='Function service options')
OPTS = [
    cfg.StrOpt('catalog_type', default='function-engine',
               help='Type of the service in the catalog.'),
    cfg.StrOpt('region', default='',
               help='Region of the service; empty for the region in '
                    '[identity].'),
    cfg.StrOpt('endpoint_type', default='publicURL',
               choices=['public', 'admin', 'internal', 'publicURL',
                        'adminURL', 'internalURL'],
               help='Type of the endpoint of the service.'),
    cfg.IntOpt('build_timeout', default=120,
               help='Limit in seconds for the creation of a runtime, and '
                    'for an execution.'),
    cfg.IntOpt('build_interval', default=1,
               help='Interval in seconds between two polls of a status.'),
    cfg.StrOpt('python_runtime_image', default='python3',
               help='Image of a runtime for Python functions: the name of a '
                    'language if workers are processes, a container image if '
                    'workers are pods.'),
]
