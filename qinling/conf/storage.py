# SPDX-License-Identifier: Apache-2.0
"""Options of the package storage."""

from oslo_config import cfg

GROUP = 'storage'
GROUP_HELP = 'The storage of the packages of functions.'

OPTS = [
    cfg.StrOpt(
        'provider', default='file_system',
        help='Storage driver: "file_system"; "swift" or "s3" for an object '
             'store, with the option group of the same name; or the name of '
             'a driver in the entry point group qinling.storage.'),
    cfg.StrOpt(
        'file_system_dir', default='/var/lib/qinling/packages',
        help='Directory of the file_system driver, which all API and engine '
             'hosts must share.'),
]
