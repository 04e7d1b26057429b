# SPDX-License-Identifier: Apache-2.0
"""Drivers by name: modules of this package, or entry points."""

import importlib
from importlib import metadata
import pkgutil
import typing


def load(family: str, name: str) -> typing.Any:
    """Return the ``Driver`` class of the module ``qinling.<family>.<name>``.

    :param family: ``orchestrators`` or ``storage``.
    :param name: name of a module, else of an entry point in the group
        ``qinling.<family>``.
    :raises ValueError: no such driver exists.
    """
    module = f'qinling.{family}.{name}'
    if name.isidentifier() and name != 'base':
        try:
            return importlib.import_module(module).Driver
        except ModuleNotFoundError as e:
            if e.name != module:
                raise
    points = metadata.entry_points(group=f'qinling.{family}')
    if name in points.names:
        return points[name].load()
    raise ValueError(
        f'There is no driver {name!r} in qinling.{family}; choose from '
        f'{", ".join(sorted({*_list_modules(family), *points.names}))}.')


def _list_modules(family: str) -> list[str]:
    package = importlib.import_module(f'qinling.{family}')
    return [module.name for module in pkgutil.iter_modules(package.__path__)
            if module.name != 'base'
            and _has_driver(f'{package.__name__}.{module.name}')]


def _has_driver(module: str) -> bool:
    try:
        return hasattr(importlib.import_module(module), 'Driver')
    except ImportError:
        # A driver whose libraries are an extra of the installation.
        return True
