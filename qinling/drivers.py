# SPDX-License-Identifier: Apache-2.0
"""Drivers by name: modules of this package, or entry points."""

import importlib
from importlib import metadata
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
        f'There is no driver {name!r} in qinling.{family}; entry points '
        f'known: {", ".join(sorted(points.names)) or "none"}.')
