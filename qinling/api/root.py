# SPDX-License-Identifier: Apache-2.0
"""Root of the API: the version documents, and the router."""

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import typing

import pecan
import webob
import webob.exc

from qinling.api.controllers.v1 import aliases
from qinling.api.controllers.v1 import budgets
from qinling.api.controllers.v1 import dead_letters
from qinling.api.controllers.v1 import deliveries
from qinling.api.controllers.v1 import event_sources
from qinling.api.controllers.v1 import executions
from qinling.api.controllers.v1 import explanations
from qinling.api.controllers.v1 import failures
from qinling.api.controllers.v1 import functions
from qinling.api.controllers.v1 import jobs
from qinling.api.controllers.v1 import openapi
from qinling.api.controllers.v1 import operations
from qinling.api.controllers.v1 import quotas
from qinling.api.controllers.v1 import replays
from qinling.api.controllers.v1 import rollouts
from qinling.api.controllers.v1 import runtimes
from qinling.api.controllers.v1 import statistics
from qinling.api.controllers.v1 import versions
from qinling.api.controllers.v1 import webhooks
from qinling.api import pecan_patches
from qinling.api.route import route
from qinling.api import types
from qinling.core import services as services_module

NOUNS = (runtimes.Controller, functions.Controller, versions.Controller,
         aliases.Controller, rollouts.Controller, executions.Controller,
         failures.Controller, operations.Controller, replays.Controller,
         jobs.Controller, webhooks.Controller, deliveries.Controller,
         event_sources.Controller, dead_letters.Controller,
         quotas.Controller,
         budgets.Controller, explanations.Controller,
         statistics.Controller)

#: Method of a controller with the attributes of :mod:`qinling.api.route`.
_Handler = typing.Any
#: Words of a path, ``None`` for a variable.
_Pattern = tuple[str | None, ...]


class Link(types.Type):
    """Location of a version of the API."""

    href = types.Text
    target = types.Text
    rel = types.Text


class Version(types.Type):
    """Version of the API."""

    id = types.Text
    status = types.Text
    links = [Link]

    def __init__(self, url: str) -> None:
        super().__init__(
            id='v1.0', status='CURRENT',
            links=[Link(href=url, target='v1', rel='self')])


class Versions(types.Type):
    """Document at ``/``."""

    versions = [Version]


class Uri(types.Type):
    """Document at ``/v1``."""

    uri = types.Text


class Documents:
    """Version documents."""

    def __init__(self, services: services_module.Services) -> None:
        self.services = services

    @route('GET', '/', policy='version:get', result=Versions, public=True)
    def versions(self, req: pecan_patches.Request) -> Versions:
        return Versions(versions=[Version(f'{req.application_url}/v1')])

    @route('GET', '/v1', policy='version:get', result=Uri, public=True)
    def v1(self, req: pecan_patches.Request) -> Uri:
        return Uri(uri=f'{req.application_url}/v1')


class Root:
    """Router over the handlers of all nouns."""

    def __init__(self, services: services_module.Services) -> None:
        self._handlers: dict[_Pattern, dict[str, _Handler]] = {}
        for controller in (
                *(noun(services) for noun in (Documents, *NOUNS)),
                openapi.Controller(list_declared(), services.conf)):
            for handler in _list_handlers(controller):
                self._handlers.setdefault(handler.pattern, {}).update(
                    dict.fromkeys(handler.route.methods, handler))
        # A literal word takes precedence over a variable.
        self._handlers = dict(sorted(self._handlers.items(),
                                     key=_count_variables))
        self._with_suffix = {
            pattern: methods for pattern, methods in self._handlers.items()
            if any(handler.route.has_suffix for handler in methods.values())}

    def find_handler(self, method: str, words: _Pattern) -> _Handler:
        """Return the handler of a path; ``None`` stands for a variable."""
        return self._handlers[words][method]

    @property
    def routes(self) -> list[_Handler]:
        """Return the handlers of all routes."""
        return [handler for methods in self._handlers.values()
                for handler in dict.fromkeys(methods.values())]

    @pecan.expose()  # type: ignore[untyped-decorator]
    def _route(self, args: Sequence[str], request: pecan_patches.Request
               ) -> tuple[_Handler, list[str]]:
        """Return the handler of a request and the variables of the path.

        Pecan calls the method for each request.
        """
        words = tuple(word for word in args if word) or ('',)
        # No name contains NUL, and not every database accepts NUL.
        methods = (None if '\0' in request.path_info
                   else self._match_path(words))
        if methods is None:
            raise webob.exc.HTTPNotFound(
                f'There is nothing at {request.path}.')
        handler = methods.get(request.method)
        if handler is None and request.method == 'HEAD':
            handler = methods.get('GET')
        if handler is None:
            raise pecan_patches.refuse_method(request.method, methods)
        return handler, [word for word, literal in zip(
            words, handler.pattern) if literal is None]

    def _match_path(self, words: tuple[str, ...]
                    ) -> Mapping[str, _Handler] | None:
        """Return the handlers of a path by method, ``None`` if unknown."""
        methods = self._handlers.get(words)
        if methods:
            return methods
        for pattern, methods in self._handlers.items():
            if len(pattern) == len(words) and all(
                    literal in (None, word)
                    for literal, word in zip(pattern, words)):
                return methods
        return self._match_suffix(words)

    def _match_suffix(self, words: tuple[str, ...]
                      ) -> Mapping[str, _Handler] | None:
        """Return the handlers of the path that words may follow."""
        for pattern, methods in self._with_suffix.items():
            if len(pattern) < len(words) and all(
                    literal in (None, word)
                    for literal, word in zip(pattern, words)):
                return methods
        return None


def list_declared() -> list[_Handler]:
    """Return the handlers of all routes, without controllers."""
    return [handler for noun in (Documents, openapi.Controller, *NOUNS)
            for handler in _list_handlers(noun)]


def _count_variables(item: tuple[_Pattern, object]) -> int:
    return item[0].count(None)


def _list_handlers(controller: object) -> Iterator[_Handler]:
    """Yield the handlers of a controller, or of its class."""
    kind = controller if isinstance(controller, type) else type(controller)
    for name in dir(kind):
        if hasattr(getattr(kind, name), 'pattern'):
            yield getattr(controller, name)
