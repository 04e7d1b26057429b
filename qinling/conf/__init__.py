# SPDX-License-Identifier: Apache-2.0
"""Configuration: one module per option group.

A module declares ``GROUP`` (``None`` for ``[DEFAULT]``), ``GROUP_HELP`` and
``OPTS``; the package collects the modules.  No module reads options at import
time, and no configuration is global: :func:`load` returns a ``ConfigOpts``,
which callers pass on.
"""

from collections.abc import Iterable
from collections.abc import Sequence
import importlib
import pkgutil

from oslo_config import cfg

from qinling import version

#: Connections that a pool retains: a connection takes longer to open than an
#: execution takes to run.
DB_POOL_SIZE = 16


def groups() -> list[tuple[cfg.OptGroup | None, list[cfg.Opt]]]:
    """Return all option groups of the service with their options."""
    return [_load_group(module_info.name)
            for module_info in pkgutil.iter_modules(__path__)
            if module_info.name != 'opts']


def _load_group(name: str) -> tuple[cfg.OptGroup | None, list[cfg.Opt]]:
    module = importlib.import_module(f'{__name__}.{name}')
    group = module.GROUP and cfg.OptGroup(
        module.GROUP, title=module.GROUP, help=module.GROUP_HELP)
    return group, module.OPTS


def register(conf: cfg.ConfigOpts) -> cfg.ConfigOpts:
    """Register every option of the service; return the configuration."""
    # The programs that load a part are without database and log.
    from oslo_db import options as db_options
    from oslo_log import log

    for group, opts in groups():
        conf.register_opts(opts, group=group)
    conf.register_opts(db_options.database_opts, group='database')
    conf.set_default('max_pool_size', DB_POOL_SIZE, group='database')
    log.register_options(conf)
    return conf


def load(args: Iterable[str] = (), files: list[str] | None = None,
         cli_opts: Sequence[cfg.Opt] = (), prog: str | None = None,
         description: str | None = None) -> cfg.ConfigOpts:
    """Return a new configuration from files and the command line.

    :param args: arguments of the command line.
    :param files: default configuration files; ``None`` searches the usual
        places.
    :param cli_opts: options of this program only.
    """
    conf = register(cfg.ConfigOpts())
    conf.register_cli_opts(cli_opts)
    conf(list(args), project='qinling', prog=prog, version=version.release(),
         default_config_files=files, description=description)
    return conf


def load_part(*names: str) -> cfg.ConfigOpts:
    """Return a new configuration of some groups, without files.

    Environment variables such as ``OS_BUILD__INDEX_URL`` apply.

    :param names: modules of this package.
    """
    conf = cfg.ConfigOpts()
    for group, opts in map(_load_group, names):
        conf.register_opts(opts, group=group)
    conf([], project='qinling', default_config_files=[],
         default_config_dirs=[])
    return conf


def check_files(conf: cfg.ConfigOpts) -> None:
    """Read the files of a configuration again, and convert every value.

    oslo.config converts a value at the first use, so an invalid value would
    break the first reader after a reload.

    :raises cfg.Error, ValueError: a file or a value is not valid.
    """
    args = [arg for option, paths in (
        ('--config-file', conf.config_file or conf.default_config_files),
        ('--config-dir', conf.config_dir or conf.default_config_dirs))
        for path in paths or () for arg in (option, path)]
    fresh = register(cfg.ConfigOpts())
    fresh(args, project='qinling', default_config_files=[],
          default_config_dirs=[])
    for group in (fresh, *(value for value in fresh.values() if isinstance(
            value, cfg.ConfigOpts.GroupAttr))):
        for name in group:
            group[name]
