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

"""Options of the secrets that users entrust to the service."""

from oslo_config import cfg

GROUP = 'secrets'
GROUP_HELP = 'How secrets of users are stored.'

OPTS = [
    cfg.ListOpt(
        'encryption_keys', default=[], secret=True,
        help='Keys that encrypt secrets in the database: Fernet keys, which '
             'are 32 random bytes in URL-safe base64, the same on all hosts '
             'of API and engines. The first one encrypts, and each of them '
             'decrypts: to change the key, put a new one behind the old one '
             'on all hosts, then in front of it, run "qinling-db-manage '
             'rotate_secrets", and take the old one away. Without a key no '
             'secret can be stored; qinling-standalone makes one by '
             'itself.'),
]
