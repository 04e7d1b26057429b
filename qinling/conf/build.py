# SPDX-License-Identifier: Apache-2.0
"""Options of the installation of dependencies."""

from oslo_config import cfg

GROUP = 'build'
GROUP_HELP = ('What functions depend on: requirements.txt, or package.json '
              'with package-lock.json, in the root of a package.')

MIB = 1024 * 1024

OPTS = [
    cfg.BoolOpt(
        'enabled', default=True,
        help='Install what packages depend on, in a sandbox of its own on '
             'the host of an engine. Only the process orchestrator can; with '
             'another one such packages are refused. When this is off these '
             'files are like any others.'),
    cfg.StrOpt(
        'index_url', secret=True,
        sample_default='https://index.example/simple',
        help='The index that pip installs from. It may have a name and a '
             'password, which no log shows.'),
    cfg.StrOpt(
        'npm_registry', secret=True,
        sample_default='https://npm.example',
        help='The registry that npm installs from.'),
    cfg.ListOpt(
        'pip_options', default=[],
        help='Options that "pip install" gets as well, for instance '
             '--trusted-host=index.example.'),
    cfg.BoolOpt(
        'allow_source_builds', default=False,
        help='Also install what has no wheel, and run the scripts of npm '
             'packages. That runs code of others, which has the network of '
             'the host and can read index_url with its password.'),
    cfg.IntOpt(
        'timeout', default=300, min=1,
        help='Seconds that one installation may take.'),
    cfg.IntOpt(
        'memory', default=1024 * MIB, min=64 * MIB,
        help='Bytes of memory for one installation, with the files that it '
             'writes; [process] code_size limits these, too.'),
    cfg.IntOpt(
        'max_size', default=50 * MIB, min=1,
        help='Bytes that what was installed may have as a ZIP file.'),
    cfg.IntOpt(
        'max_concurrent', default=2, min=1,
        help='Installations that one engine makes at the same time.'),
    cfg.IntOpt(
        'keep', default=30, min=1,
        help='Days after which what was installed is removed when no worker '
             'was started with it. It is installed again when it is '
             'needed.'),
]
