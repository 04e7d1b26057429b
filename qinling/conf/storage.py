# SPDX-License-Identifier: Apache-2.0
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
