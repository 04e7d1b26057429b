# SPDX-License-Identifier: Apache-2.0
"""Options of ``[DEFAULT]``."""

from oslo_config import cfg

GROUP = None
GROUP_HELP = ''

OPTS = [
    cfg.URIOpt(
        'qinling_endpoint',
        help='URL of the service for users, without /v1, at the start of '
             'webhook URLs. By default the URL of the request.'),
]
