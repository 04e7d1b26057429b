# SPDX-License-Identifier: Apache-2.0
"""Options of quotas."""

from oslo_config import cfg

GROUP = 'quota'
GROUP_HELP = ('What each project may have. An admin can set other limits for '
              'one project by the API.')


def _limit(name, what):
    return cfg.IntOpt(name, default=-1, min=-1, mutable=True,
                      help=f'{what} of a project; -1 for no limit.')


OPTS = [
    _limit('functions', 'Functions'),
    _limit('versions', 'Versions of all functions together'),
    _limit('storage_bytes', 'Bytes of all packages together'),
    _limit('jobs', 'Jobs that have not ended'),
    _limit('webhooks', 'Webhooks'),
    _limit('concurrent_executions', 'Executions at the same time'),
]
