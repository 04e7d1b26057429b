# SPDX-License-Identifier: Apache-2.0
"""Options that limit the resources of a function."""

from oslo_config import cfg

from qinling.runtimes import agent_archive

GROUP = 'resource_limits'
GROUP_HELP = 'Limits and defaults of the resources of a function.'

MIB = 1024 * 1024


def _range(name: str, unit: str, minimum: int, default: int, maximum: int,
           mutable: bool = False) -> list[cfg.Opt]:
    """Return the options for one resource.

    :param mutable: the maximum may change while workers live.
    """
    return [
        cfg.IntOpt(f'min_{name}', default=minimum, min=1, mutable=True,
                   help=f'Minimum {name} of a function in {unit}.'),
        cfg.IntOpt(f'default_{name}', default=default, min=1,
                   mutable=True,
                   help=f'Default {name} of a function in {unit}.'),
        cfg.IntOpt(f'max_{name}', default=maximum, min=1, mutable=mutable,
                   help=f'Maximum {name} of a function in {unit}.'),
    ]


OPTS = [
    *_range('cpu', 'thousandths of a core', 100, 100, 300),
    *_range('memory', 'bytes', 32 * MIB, 32 * MIB, 128 * MIB),
    *_range('timeout', 'seconds', 1, 5, 300, mutable=True),
    cfg.IntOpt(
        'max_package_size', default=50 * MIB, min=1, mutable=True,
        help='Maximum size of a package (a ZIP file) in bytes; larger '
             'packages get status 413.'),
    cfg.IntOpt(
        'max_unpacked_size', default=250 * MIB, min=1, mutable=True,
        help='Maximum size of all files of a package after unpacking, in '
             'bytes.'),
    cfg.IntOpt(
        'max_package_files', default=10000, min=1,
        max=agent_archive.MAX_MEMBERS, mutable=True,
        help='Maximum number of files in a package.'),
    cfg.IntOpt(
        'max_package_ratio', default=100, min=1, mutable=True,
        help='Maximum ratio of the unpacked size of a package to the size '
             'of the ZIP file; packages that unpack to less than 1 MiB are '
             'exempt.'),
    cfg.IntOpt(
        'max_environment', default=100, min=0, mutable=True,
        help='Maximum number of environment variables and secrets of a '
             'function together.'),
    cfg.IntOpt(
        'max_environment_size', default=32768, min=0, mutable=True,
        help='Maximum size of the names and values of the environment '
             'variables and secrets of a function together, in bytes.'),
    cfg.IntOpt(
        'max_versions', default=100, min=1, mutable=True,
        help='Maximum number of versions of a function.'),
    cfg.IntOpt(
        'max_operations', default=10, min=1, mutable=True,
        help='Maximum number of operations on many executions that a project '
             'may have at the same time, paused ones included.'),
    cfg.IntOpt(
        'project_executions', default=0, min=0,
        help='Maximum number of waiting and running executions of one '
             'project; further executions get status 429. 0 means no limit. '
             'Executions that other API processes accept within one second '
             'may exceed the limit, and executions of jobs count but are '
             'never rejected.'),
    cfg.IntOpt(
        'function_executions', default=0, min=0,
        help='Maximum number of waiting and running executions of one '
             'function with all versions, like project_executions.'),
    cfg.IntOpt(
        'queue_length', default=10000, min=0,
        help='Maximum number of asynchronous executions of all projects '
             'that wait for an engine; further executions get status 503. 0 '
             'means no limit. The limit is as exact as '
             'project_executions.'),
]
