# SPDX-License-Identifier: Apache-2.0
"""Options of Swift."""

from oslo_config import cfg

GROUP = 'swift'
GROUP_HELP = (
    'Swift: where functions of source swift have their code, and where the '
    'storage driver "swift" keeps packages. That driver uses the '
    'credentials of this group if it has any (auth_type and what goes with '
    'it), else those of the group keystone.')

OPTS = [
    cfg.StrOpt(
        'container', default='qinling-packages',
        help='Container of the storage driver; it is made when it is '
             'missing.'),
    cfg.StrOpt(
        'region_name',
        help='Region whose object store is used; the first one of the '
             'catalog if it is not set.'),
    cfg.StrOpt(
        'interface', default='internal',
        choices=['public', 'internal', 'admin'],
        help='Which endpoint of the catalog is used.'),
    cfg.IntOpt(
        'max_object_size', default=51 * 1024 * 1024, min=1,
        help='Bytes that an object with the code of a function may have.'),
    cfg.StrOpt(
        'cache_dir',
        help='Directory in which each process keeps a cache of code that it '
             'fetched; the usual one for temporary files if it is not set. '
             'The cache goes with its process.'),
    cfg.IntOpt(
        'cache_size', default=1024 * 1024 * 1024, min=0,
        help='Bytes that the cache of one process may hold; what was used '
             'longest ago goes first.'),
]
