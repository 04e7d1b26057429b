# SPDX-License-Identifier: Apache-2.0
"""Function of the user in Python: import, context, and call."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

VARIABLE_KEYWORDS = 0x08      # inspect.CO_VARKEYWORDS
COROUTINE = 0x80              # inspect.CO_COROUTINE


class Function:
    """Function of the user.

    :param entry: ``module.function``; the module may have dots.
    :param directory: path of the package.
    :param library: :class:`python_library.StandardLibrary`.
    :param neighbours: modules of this directory.
    """

    def __init__(self, entry: str, directory: str, library: Any,
                 neighbours: Any) -> None:
        self._entry = entry
        self._directory = directory
        self._library = library
        self._neighbours = neighbours
        self._failures = neighbours.load('python_failures')
        self._function: Any = None
        self._takes_context = self._is_coroutine = False
        self._asyncio: Any = None
        self._loop: Any = None

    def is_loaded(self) -> bool:
        """Return whether the import has succeeded."""
        return self._function is not None

    def load(self) -> None:
        """Import the function.

        :raises Fault: the function does not exist.
        :raises BaseException: the import failed.
        """
        module_name, _dot, name = self._entry.rpartition('.')
        if not module_name or not name:
            raise self._failures.Fault(
                'The entry %r is malformed: it must be like module.function.'
                % self._entry)
        function = getattr(self._import(module_name), name, None)
        if function is None:
            raise self._failures.Fault(
                'The module %s has no function %s (entry %s).'
                % (module_name, name, self._entry))
        if not callable(function):
            raise self._failures.Fault(
                '%s is not callable, it is of type %s.'
                % (self._entry, type(function).__name__))
        self._takes_context = self._accepts_context(function)
        self._is_coroutine = bool(getattr(getattr(
            function, '__code__', None), 'co_flags', 0) & COROUTINE)
        if self._is_coroutine:
            self._import_asyncio()
        self._function = function

    def prepare(self) -> None:
        """Prepare calls by what processes cannot have in common."""
        if self._is_coroutine:
            self._create_loop()

    def _import(self, name: str) -> ModuleType:
        try:
            __import__(name)
        except ModuleNotFoundError as error:
            if error.name and (name + '.').startswith(error.name + '.'):
                raise self._failures.Fault(
                    'The package has no module %s (entry %s).'
                    % (error.name, self._entry)) from None
            raise self._failures.Fault(
                'The module %s cannot be imported: it needs the module %s, '
                'which is neither in the package nor in the runtime.'
                % (name, error.name)) from error
        except (SyntaxError, ValueError) as error:
            if not self._failures.is_bad_source(error):
                raise
            raise self._failures.Fault(
                'The module %s cannot be imported: %s' % (
                    name, self._failures.explain_syntax_error(
                        error, self._directory))) from error
        return sys.modules[name]

    def call(self, request: dict[str, Any]) -> Any:
        """Return the result of the function, also of a coroutine."""
        kwargs = request.get('kwargs') or {}
        kwargs.pop('context', None)
        if self._takes_context:
            kwargs['context'] = self._create_context(
                request.get('context') or {})
        result = self._function(*request.get('args') or (), **kwargs)
        if hasattr(result, '__await__'):
            return self.run_coroutine(wait_for(result))
        return result

    def run_coroutine(self, coroutine: Any) -> Any:
        """Return the result of a coroutine."""
        return self._create_loop().run_until_complete(coroutine)

    def _import_asyncio(self) -> None:
        if self._asyncio is None:
            with self._library:
                import asyncio
                self._asyncio = asyncio

    def _create_loop(self) -> Any:
        """Return an open event loop."""
        if self._loop is None or self._loop.is_closed():
            self._import_asyncio()
            with self._library:
                self._loop = self._asyncio.new_event_loop()
                self._asyncio.set_event_loop(self._loop)
        return self._loop

    def _create_context(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Return the context of an execution."""
        if not fields.get('token'):
            return fields
        return self._neighbours.load('python_context').Context(
            fields, self._neighbours)

    def _accepts_context(self, function: Callable[..., Any]) -> bool:
        """Return whether a callable accepts the keyword ``context``."""
        while True:
            code = getattr(function, '__code__', None)
            if code is None:
                with self._library:
                    return self._neighbours.load(
                        'python_context').takes_context(function)
            first = code.co_posonlyargcount
            last = code.co_argcount + code.co_kwonlyargcount
            if 'context' in code.co_varnames[first:last]:
                return True
            if not code.co_flags & VARIABLE_KEYWORDS:
                return False
            # The wrapper of a decorator accepts all keywords: check its
            # function.
            if not hasattr(function, '__wrapped__'):
                return True
            function = function.__wrapped__


async def wait_for(awaitable: Awaitable[Any]) -> Any:
    """Return the result of an awaitable."""
    return await awaitable
