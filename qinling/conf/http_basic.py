# SPDX-License-Identifier: Apache-2.0
"""Options of the strategy ``http_basic``."""

from oslo_config import cfg

GROUP = 'http_basic'
GROUP_HELP = ('Users with passwords, for [api] auth_strategy = http_basic. '
              'Each request contains the password, so use TLS.')

OPTS = [
    cfg.StrOpt(
        'user_file', default='/etc/qinling/htpasswd',
        help='File with a line NAME:HASH for each user, with bcrypt hashes '
             'only, as written by "htpasswd -B". Changes apply to the next '
             'request.'),
    cfg.DictOpt(
        'projects', default={},
        help='Projects of users, as NAME:PROJECT, separated by commas. '
             'Other users belong to the project "default".'),
    cfg.ListOpt(
        'admins', default=[],
        help='Users with the role admin.'),
    cfg.ListOpt(
        'readers', default=[],
        help='Users with the role reader, without permission for changes. '
             'Users in neither list have the role member.'),
]
