# SPDX-License-Identifier: Apache-2.0
"""Configuration: one module for each option group.

A module here declares ``GROUP`` (``None`` for ``[DEFAULT]``), ``GROUP_HELP``
and ``OPTS``, and is found by being here.  No module reads options at import
time and none keeps a global: :func:`load` makes a ``ConfigOpts``, which is
handed to whoever needs it.
"""

import importlib
import pkgutil

from oslo_config import cfg
from oslo_db import options as db_options
from oslo_log import log

from qinling import version


def groups():
    """All groups of the service as (``OptGroup`` or ``None``, options)."""
    found = []
    for info in pkgutil.iter_modules(__path__):
        if info.name == 'opts':
            continue
        module = importlib.import_module(f'{__name__}.{info.name}')
        group = module.GROUP and cfg.OptGroup(
            module.GROUP, title=module.GROUP, help=module.GROUP_HELP)
        found.append((group, module.OPTS))
    return found


def register(conf):
    """Register every option of the service on ``conf``."""
    for group, opts in groups():
        conf.register_opts(opts, group=group)
    conf.register_opts(db_options.database_opts, group='database')
    # To make a connection takes longer than an execution does, so that those
    # of a busy moment are kept.
    conf.set_default('max_pool_size', 16, group='database')
    log.register_options(conf)
    return conf


def load(args=(), files=None, cli_opts=(), prog=None, description=None):
    """Read configuration files and the command line.

    :param args: the words of the command line behind the program's name.
    :param files: default configuration files; ``None`` searches the usual
        places.
    :param cli_opts: options that only this program knows.
    :returns: a ``ConfigOpts`` of its own, with everything registered.
    """
    conf = register(cfg.ConfigOpts())
    conf.register_cli_opts(cli_opts)
    conf(list(args), project='qinling', prog=prog, version=version.release(),
         default_config_files=files, description=description)
    return conf


def check_files(conf):
    """Read the files of a configuration anew, and every value in them.

    To take over a value that is none of its kind would break whoever reads
    it next, for oslo.config converts a value when it is read.

    :raises cfg.Error, ValueError: a file cannot be used.
    """
    words = [word for option, values in (
        ('--config-file', conf.config_file or conf.default_config_files),
        ('--config-dir', conf.config_dir or conf.default_config_dirs))
        for value in values or () for word in (option, value)]
    fresh = register(cfg.ConfigOpts())
    fresh(words, project='qinling', default_config_files=[],
          default_config_dirs=[])
    for group in (fresh, *(value for value in fresh.values() if isinstance(
            value, cfg.ConfigOpts.GroupAttr))):
        for name in group:
            group[name]
