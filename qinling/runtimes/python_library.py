# SPDX-License-Identifier: Apache-2.0
"""Standard library of the bootstrap, beside the modules of a package.

A package may have modules with names of the standard library, such as
``token.py``.  The package gets its own modules, as in any program of Python,
and the bootstrap gets the library.
"""

from __future__ import annotations

import _frozen_importlib_external
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

SUFFIXES = ('.py', '.so', '.pyc')


class StandardLibrary:
    """Context in which imports find the standard library.

    :param fixed: names of modules that no package replaces.
    :param directory: path of the code of the function.
    """

    def __init__(self, fixed: frozenset[str], directory: str) -> None:
        self._fixed = fixed
        self._directory = directory + '/'
        self._path = list(sys.path)
        self._user_path = sys.path
        #: Modules of the library that modules of the package hide.
        self._hidden: dict[str, ModuleType] = {}
        self._names: set[str] = set()
        self._other_names: set[str] = set()  # of packages, not of the library

    def open(self, directories: list[str]) -> None:
        """Let imports find the package before the library.

        :param directories: search path of the package.
        """
        for directory in directories:
            self._names.update(filter(self._is_library,
                                      list_modules(directory)))
        self._hidden = self._take_modules()
        sys.path[:0] = directories

    def __enter__(self) -> None:
        # The user may have extended the search path.
        checked_names = self._names | self._other_names
        for name, module in list(sys.modules.items()):
            if (type(name) is not str or '.' in name
                    or name in checked_names):
                continue
            if find_file(module).startswith(self._directory):
                (self._names if self._is_library(name)
                 else self._other_names).add(name)
        self._user_path, sys.path = sys.path, list(self._path)
        self._user_modules = self._take_modules()
        sys.modules.update(self._hidden)

    def __exit__(self, *_exception: object) -> None:
        self._hidden.update(self._take_modules())
        sys.modules.update(self._user_modules)
        sys.path = self._user_path

    def _is_library(self, name: str) -> bool:
        """Return whether a package may hide a module of the library."""
        if name in self._fixed:
            return False
        return (name in sys.builtin_module_names
                or _frozen_importlib_external.PathFinder.find_spec(
                    name, self._path) is not None)

    def _take_modules(self) -> dict[str, ModuleType]:
        """Remove the modules with names of both from ``sys.modules``."""
        if not self._names:
            return {}
        modules = {name: module for name, module in list(sys.modules.items())
                   if type(name) is str
                   and name.partition('.')[0] in self._names}
        for name in modules:
            del sys.modules[name]
        return modules


def find_file(module: object) -> str:
    """Return the path of a module, empty if unknown.

    The user may store any object as a module.
    """
    try:
        path = getattr(module, '__file__', None)
    except BaseException:
        return ''
    return path if type(path) is str else ''


def list_modules(directory: str) -> list[str]:
    """Return the names of the modules and packages in a directory."""
    try:
        entries = os.listdir(directory)
    except OSError:
        return []
    names = []
    for entry in entries:
        name, dot, _suffix = entry.partition('.')
        if name.isidentifier() and (not dot or entry.endswith(SUFFIXES)):
            names.append(name)
    return names
