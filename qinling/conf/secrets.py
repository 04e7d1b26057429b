# SPDX-License-Identifier: Apache-2.0
"""Options of the encryption of users' secrets."""

from oslo_config import cfg

GROUP = 'secrets'
GROUP_HELP = "Encryption of users' secrets in the database."

OPTS = [
    cfg.ListOpt(
        'encryption_keys', default=[], secret=True,
        help='Fernet keys (32 random bytes in URL-safe base64) for secrets '
             'in the database, the same on all hosts of API and engines. '
             'The first key encrypts, and every key decrypts. To change the '
             'key, append a new key on all hosts, then move the new key to '
             'the front, run "qinling-db-manage rotate_secrets", and remove '
             'the old key. Without a key, no secret can be stored; '
             'qinling-standalone generates a key.'),
]
