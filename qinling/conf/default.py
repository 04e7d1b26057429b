# SPDX-License-Identifier: Apache-2.0
"""Options of ``[DEFAULT]``."""

from oslo_config import cfg

GROUP = None
GROUP_HELP = ''

OPTS = [
    cfg.URIOpt(
        'qinling_endpoint',
        help='URL under which users reach the service, without /v1; webhook '
             'URLs begin with it. Taken from the request when not set.'),
]
