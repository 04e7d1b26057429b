# SPDX-License-Identifier: Apache-2.0
"""Options of the strategy ``http_basic``."""

from oslo_config import cfg

GROUP = 'http_basic'
GROUP_HELP = ('Users with a password, for [api] auth_strategy = http_basic. '
              'The password goes with each request, so put TLS in front.')

OPTS = [
    cfg.StrOpt(
        'user_file', default='/etc/qinling/htpasswd',
        help='File with a line NAME:HASH for each user, with bcrypt hashes '
             'only, as "htpasswd -B" writes it. A change is seen at the '
             'next request.'),
    cfg.DictOpt(
        'projects', default={},
        help='The project of a user, as NAME:PROJECT, divided by commas. '
             'Who is not named belongs to the project "default".'),
    cfg.ListOpt(
        'admins', default=[],
        help='Users with the role admin.'),
    cfg.ListOpt(
        'readers', default=[],
        help='Users with the role reader, who may look at things only. Who '
             'is neither here nor an administrator has the role member.'),
]
