# SPDX-License-Identifier: Apache-2.0
"""Context of functions, in cases that few functions need.

The bootstrap for Python imports this module on demand.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Context(dict):
    """Context of an execution with a token.

    Token and session are available by name, but hidden in output and results:
    a function that prints or returns the context does not leak the token.

    :param fields: context from the service.
    :param neighbours: modules of this directory.
    """

    def __init__(self, fields: dict[str, Any],
                 neighbours: Any) -> None:
        super().__init__(fields, token=None, os_session=None)
        self._fields = fields
        self._neighbours = neighbours
        self._session: Any = None

    def __getitem__(self, name: str) -> Any:
        if name == 'token':
            return self._fields['token']
        if name == 'os_session':
            return self._create_session()
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        """Return a field, like :meth:`dict.get`."""
        return self[name] if name in self else default

    def _create_session(self) -> Any:
        """Return a keystoneauth session, ``None`` without keystoneauth1."""
        if self._session is None:
            try:
                module = self._neighbours.load('python_openstack')
                self._session = module.create_session(self._fields)
            except ModuleNotFoundError as error:
                if (error.name or '').split('.')[0] != 'keystoneauth1':
                    raise
        return self._session


def takes_context(function: Callable[..., Any]) -> bool:
    """Return whether a callable other than a function takes ``context``."""
    import inspect
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    return any(parameter.kind is parameter.VAR_KEYWORD
               or parameter.name == 'context' and parameter.kind
               in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
               for parameter in parameters)
