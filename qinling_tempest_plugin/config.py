# SPDX-License-Identifier: Apache-2.0
"""Options of the tests."""

from oslo_config import cfg

AVAILABLE = cfg.BoolOpt(
    'qinling', default=True,
    help='Whether Qinling is expected to be available.')
GROUP = cfg.OptGroup('qinling', title='Function service options')
OPTS = [
    cfg.StrOpt('catalog_type', default='function-engine',
               help='Type of the service in the catalog.'),
    cfg.StrOpt('region', default='',
               help='Region of the service; that of [identity] if empty.'),
    cfg.StrOpt('endpoint_type', default='publicURL',
               choices=['public', 'admin', 'internal', 'publicURL',
                        'adminURL', 'internalURL'],
               help='Which endpoint of the service to use.'),
    cfg.IntOpt('build_timeout', default=120,
               help='Seconds in which a runtime must be available, and an '
                    'execution must end.'),
    cfg.IntOpt('build_interval', default=1,
               help='Seconds between two looks at them.'),
    cfg.StrOpt('python_runtime_image', default='python3',
               help='Image of a runtime for Python functions: the name of a '
                    'language where workers are processes, a container '
                    'image where they are pods.'),
]
