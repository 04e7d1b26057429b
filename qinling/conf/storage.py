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

"""Options of the package storage."""

from oslo_config import cfg

GROUP = 'storage'
GROUP_HELP = 'Where the packages of functions are kept.'

OPTS = [
    cfg.StrOpt(
        'provider', default='file_system',
        help='Storage driver: "file_system"; "swift" or "s3" for an object '
             'store, each with a group of options of its own; or the name '
             'of a driver that a package registers as entry point in the '
             'group qinling.storage.'),
    cfg.StrOpt(
        'file_system_dir', default='/var/lib/qinling/packages',
        help='Directory of the file_system driver. All API and engine '
             'hosts must share it.'),
]
