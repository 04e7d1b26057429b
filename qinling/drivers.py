# SPDX-License-Identifier: Apache-2.0
"""Finding a driver by its name."""

import importlib
from importlib import metadata


def load(family, name):
    """The ``Driver`` class of the module ``qinling.<family>.<name>``.

    :param family: ``orchestrators``, ``storage`` or ``sources``.
    :param name: the module's name; one that is not ours is looked up among
        the entry points of the group ``qinling.<family>``.
    :raises ValueError: there is no such driver; names those there are.
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
