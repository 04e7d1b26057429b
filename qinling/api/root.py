# SPDX-License-Identifier: Apache-2.0
"""The root of the API: the version documents, and the router."""

import pecan
import webob
import webob.exc

from qinling.api.controllers.v1 import aliases
from qinling.api.controllers.v1 import executions
from qinling.api.controllers.v1 import functions
from qinling.api.controllers.v1 import jobs
from qinling.api.controllers.v1 import quotas
from qinling.api.controllers.v1 import runtimes
from qinling.api.controllers.v1 import versions
from qinling.api.controllers.v1 import webhooks
from qinling.api.route import expose
from qinling.api import types

NOUNS = (runtimes.Controller, functions.Controller, versions.Controller,
         aliases.Controller, executions.Controller, jobs.Controller,
         webhooks.Controller, quotas.Controller)


class Link(types.Type):
    """Where a version of the API is."""

    href = types.Text
    target = types.Text
    rel = types.Text


class Version(types.Type):
    """A version of the API."""

    id = types.Text
    status = types.Text
    links = [Link]

    def __init__(self, url):
        super().__init__(
            id='v1.0', status='CURRENT',
            links=[Link(href=url, target='v1', rel='self')])


class Versions(types.Type):
    """What ``/`` tells."""

    versions = [Version]


class Uri(types.Type):
    """What ``/v1`` tells."""

    uri = types.Text


class Documents:
    """The version documents."""

    def __init__(self, services):
        self.services = services

    @expose('GET', '/', policy='version:get', result=Versions, public=True)
    def versions(self, req):
        return Versions(versions=[Version(f'{req.application_url}/v1')])

    @expose('GET', '/v1', policy='version:get', result=Uri, public=True)
    def v1(self, req):
        return Uri(uri=f'{req.application_url}/v1')


class Root:
    """Finds the method for a path among all that are exposed."""

    def __init__(self, services):
        self._routes = {}
        for noun in (Documents, *NOUNS):
            controller = noun(services)
            for method in _exposed(controller):
                self._routes.setdefault(method.pattern, {}).update(
                    dict.fromkeys(method.route.methods, method))

    @property
    def routes(self):
        """Every exposed method."""
        return [route for methods in self._routes.values()
                for route in dict.fromkeys(methods.values())]

    @pecan.expose()
    def _route(self, args, request):
        words = tuple(word for word in args if word) or ('',)
        # No name has a NUL, and not every database takes one.
        methods = None if '\0' in request.path_info else self._find(words)
        if methods is None:
            raise webob.exc.HTTPNotFound(
                f'There is nothing at {request.path}.')
        route = methods.get(request.method)
        if route is None and request.method == 'HEAD':
            route = methods.get('GET')
        if route is None:
            error = webob.exc.HTTPMethodNotAllowed(
                f'{request.method} is not possible here; use '
                f'{" or ".join(sorted(methods))}.')
            error.allow = sorted(methods)
            raise error
        return route, [word for word, fixed in zip(words, route.pattern)
                       if fixed is None]

    def _find(self, words):
        found = self._routes.get(words)
        if found:
            return found
        for pattern, methods in self._routes.items():
            if len(pattern) == len(words) and all(
                    fixed in (None, word)
                    for fixed, word in zip(pattern, words)):
                return methods
        return None


def _exposed(controller):
    for name in dir(type(controller)):
        if hasattr(getattr(type(controller), name), 'pattern'):
            yield getattr(controller, name)
