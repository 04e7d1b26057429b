# SPDX-License-Identifier: Apache-2.0
"""Options of the installation of dependencies."""

from oslo_config import cfg

GROUP = 'build'
GROUP_HELP = ('Installation of the dependencies of functions: '
              'requirements.txt, or package.json with package-lock.json, in '
              'the root of a package.')

MIB = 1024 * 1024

OPTS = [
    cfg.BoolOpt(
        'enabled', default=True,
        help='Install the dependencies of packages in a separate sandbox on '
             'the host of an engine. Only the process orchestrator supports '
             'installations; other orchestrators reject such packages. '
             'If disabled, the files have no special meaning.'),
    cfg.StrOpt(
        'index_url', secret=True,
        sample_default='https://index.example/simple',
        help='URL of the index for pip. The URL may contain a name and a '
             'password, which logs never show.'),
    cfg.StrOpt(
        'npm_registry', secret=True,
        sample_default='https://npm.example',
        help='URL of the registry for npm.'),
    cfg.ListOpt(
        'pip_options', default=[],
        help='Additional options for "pip install", for instance '
             '--trusted-host=index.example.'),
    cfg.BoolOpt(
        'allow_source_builds', default=False,
        help='Install packages without wheels, and run the scripts of npm '
             'packages. Such foreign code can read the password in index_url '
             'and, without restrict_network, use the network of the host.'),
    cfg.BoolOpt(
        'restrict_network', default=True,
        help='Let installations connect only to the hosts of index_url, '
             'npm_registry and the addresses in pip_options, and to '
             'index_hosts. Effective where workers have namespaces. Disable '
             'the option if the host reaches the index only through a proxy '
             '(--proxy in pip_options).'),
    cfg.ListOpt(
        'index_hosts', default=[], sample_default=['files.example:443'],
        help='Further hosts for installations, with optional ports (443 by '
             'default), for instance of files that the index refers to. '
             'Without index_url, pypi.org and files.pythonhosted.org are '
             'permitted; without npm_registry, registry.npmjs.org.'),
    cfg.IntOpt(
        'timeout', default=300, min=1,
        help='Maximum duration of one installation in seconds.'),
    cfg.IntOpt(
        'memory', default=1024 * MIB, min=64 * MIB,
        help='Memory limit of one installation in bytes, and maximum size '
             'of its files: downloads, temporary and installed files.'),
    cfg.IntOpt(
        'max_size', default=250 * MIB, min=1,
        help='Maximum size of the installed files as a ZIP file in bytes; '
             '[resource_limits] max_unpacked_size limits the files.'),
    cfg.IntOpt(
        'max_concurrent', default=2, min=1,
        help='Number of concurrent installations of one engine.'),
    cfg.IntOpt(
        'keep', default=30, min=1,
        help='Days after which a build is deleted if no worker has used the '
             'build. The next use repeats the installation.'),
]
