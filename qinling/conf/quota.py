# SPDX-License-Identifier: Apache-2.0
"""Options of quotas."""

from oslo_config import cfg

GROUP = 'quota'
GROUP_HELP = ('Default quotas of each project. Admins can set other limits '
              'for a project through the API.')


def _limit(name: str, subject: str) -> cfg.IntOpt:
    return cfg.IntOpt(name, default=-1, min=-1, mutable=True,
                      help=f'{subject} of a project; -1 for no limit.')


OPTS = [
    _limit('functions', 'Number of functions'),
    _limit('versions', 'Number of versions of all functions'),
    _limit('storage_bytes', 'Size of all packages in bytes'),
    _limit('jobs', 'Number of jobs that have not ended'),
    _limit('webhooks', 'Number of webhooks'),
    _limit('event_sources', 'Number of event sources'),
    _limit('concurrent_executions', 'Number of concurrent executions'),
]
