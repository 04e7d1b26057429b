# SPDX-License-Identifier: Apache-2.0
"""Options of the code sources."""

from oslo_config import cfg

GROUP = 'sources'
GROUP_HELP = 'Checks of uploaded code.'

OPTS = [
    cfg.BoolOpt(
        'check_syntax', default=True, mutable=True,
        help='Reject a package at the upload if the module of the entry is '
             'not valid Python or JavaScript. The check needs a runtime with '
             'the minor version of Python of the API, or the major version '
             'of Node.js on its host; packages of other runtimes are '
             'accepted, and fail in a worker.'),
]
