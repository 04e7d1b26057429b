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
