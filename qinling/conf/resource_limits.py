# SPDX-License-Identifier: Apache-2.0
"""Options that bound what a function may take."""

from oslo_config import cfg

GROUP = 'resource_limits'
GROUP_HELP = 'What a function may take, and what it gets unasked.'

MIB = 1024 * 1024


def _three(name, unit, least, default, most, mutable=False):
    """The most of some may not change while workers made for it live."""
    return [
        cfg.IntOpt(f'min_{name}', default=least, min=1, mutable=True,
                   help=f'Least {name} of a function, in {unit}.'),
        cfg.IntOpt(f'default_{name}', default=default, min=1,
                   mutable=True,
                   help=f'{name} of a function that names none, in {unit}.'),
        cfg.IntOpt(f'max_{name}', default=most, min=1, mutable=mutable,
                   help=f'Most {name} of a function, in {unit}.'),
    ]


OPTS = [
    *_three('cpu', 'thousandths of a core', 100, 100, 300),
    *_three('memory', 'bytes', 32 * MIB, 32 * MIB, 128 * MIB),
    *_three('timeout', 'seconds', 1, 5, 300, mutable=True),
    cfg.IntOpt(
        'max_package_size', default=50 * MIB, min=1, mutable=True,
        help='Bytes that a package (a ZIP file) may have; more is refused '
             'with 413.'),
    cfg.IntOpt(
        'max_unpacked_size', default=250 * MIB, min=1, mutable=True,
        help='Bytes that all files of a package may have when unpacked.'),
    cfg.IntOpt(
        'max_package_files', default=10000, min=1, mutable=True,
        help='Files that a package may hold.'),
    cfg.IntOpt(
        'max_package_ratio', default=100, min=1, mutable=True,
        help='How many times larger than its ZIP file a package may become '
             'when unpacked; packages that unpack to less than 1 MiB are '
             'exempt.'),
    cfg.IntOpt(
        'max_environment', default=100, min=0, mutable=True,
        help='Environment variables and secrets that a function may have, '
             'both together.'),
    cfg.IntOpt(
        'max_environment_size', default=32768, min=0, mutable=True,
        help='Bytes that the names and values of the environment variables '
             'and secrets of a function may have together.'),
    cfg.IntOpt(
        'max_versions', default=100, min=1, mutable=True,
        help='Versions that a function may have.'),
    cfg.IntOpt(
        'project_executions', default=0, min=0,
        help='Executions of one project that may wait or run at the same '
             'time; another one is refused with 429. 0 means no limit. What '
             'other API processes accept within one second may come on top '
             'of it, and executions of jobs are counted but never refused.'),
    cfg.IntOpt(
        'function_executions', default=0, min=0,
        help='The same for one function with all of its versions.'),
    cfg.IntOpt(
        'queue_length', default=10000, min=0,
        help='Asynchronous executions of all projects that may wait for an '
             'engine; another one is refused with 503. 0 means no limit. It '
             'is as exact as project_executions.'),
]
