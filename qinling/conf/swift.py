# SPDX-License-Identifier: Apache-2.0
"""Options of Swift."""

from oslo_config import cfg

GROUP = 'swift'
GROUP_HELP = (
    'Swift, which holds the code of functions with the source swift, and the '
    'packages of the storage driver "swift". The driver uses the '
    'credentials of this group, if set (auth_type and further options), '
    'else the credentials of the group keystone.')

OPTS = [
    cfg.StrOpt(
        'container', default='qinling-packages',
        help='Container of the storage driver; a missing container is '
             'created.'),
    cfg.StrOpt(
        'region_name',
        help='Region of the object store, by default the first region of '
             'the catalog.'),
    cfg.StrOpt(
        'interface', default='internal',
        choices=['public', 'internal', 'admin'],
        help='Interface of the endpoint in the catalog.'),
    cfg.IntOpt(
        'max_object_size', default=51 * 1024 * 1024, min=1,
        help='Maximum size of an object with the code of a function in '
             'bytes.'),
    cfg.StrOpt(
        'cache_dir',
        help='Directory for the cache of fetched code in each process, by '
             'default the usual directory for temporary files. The cache is '
             'deleted at the end of the process.'),
    cfg.IntOpt(
        'cache_size', default=1024 * 1024 * 1024, min=0,
        help='Maximum size of the cache of one process in bytes; the least '
             'recently used code is deleted first.'),
]
