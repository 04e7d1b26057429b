#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

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
