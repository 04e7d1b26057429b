# SPDX-License-Identifier: Apache-2.0
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
