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
