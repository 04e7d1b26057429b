# SPDX-License-Identifier: Apache-2.0
"""WSGI application of the web interface, in front of that of Pecan.

``/ui/`` is the page, ``/ui/{digest}/{name}`` a file, ``/ui/config.json`` the
options that the page needs before a login, and ``/ui/login`` the login at
Keystone.  All of them are public: the page reads and changes nothing but
through the API, with the identity of the user.
"""

from collections.abc import Iterable
import functools
from wsgiref import types as wsgi_types

import orjson
from oslo_config import cfg
import webob
import webob.exc

from qinling.api import etag
from qinling.api import pecan_patches
from qinling.api.ui import assets as assets_module
from qinling.api.ui import login as login_module
from qinling import version

PREFIX = '/ui'
#: The page loads only files of its own, runs one script within itself by its
#: digest, and talks only to its own API.
POLICY = ("default-src 'none'; script-src 'self' {}; style-src 'self'; "
          "img-src 'self'; connect-src 'self'; base-uri 'none'; "
          "form-action 'none'; frame-ancestors 'none'")
_PROTECTION = {'X-Content-Type-Options': 'nosniff',
               'Referrer-Policy': 'no-referrer'}
#: Seconds that clients keep a file: a year.
_IMMUTABLE = 'public, max-age=31536000, immutable'


class WebInterface:
    """The web interface, and another application for all other paths."""

    def __init__(self, app: wsgi_types.WSGIApplication, conf: cfg.ConfigOpts
                 ) -> None:
        self._app = app
        self._conf = conf
        self._assets = assets_module.Assets()
        self._login = login_module.create(conf)

    @functools.cached_property
    def _protection(self) -> dict[str, str]:
        return {'Content-Security-Policy': POLICY.format(
            self._assets.early_digest), **_PROTECTION}

    def __call__(self, environ: wsgi_types.WSGIEnvironment,
                 start_response: wsgi_types.StartResponse
                 ) -> Iterable[bytes]:
        path = environ['PATH_INFO']
        if path != PREFIX and not path.startswith(f'{PREFIX}/'):
            return self._app(environ, start_response)
        answer = self._answer(pecan_patches.Request(environ),
                              path[len(PREFIX):])
        answer.headers.update(self._protection)
        result: Iterable[bytes] = answer(environ, start_response)
        return result

    def _answer(self, req: pecan_patches.Request, path: str
                ) -> webob.Response:
        login = self._login if path == '/login' else None
        methods = ('POST',) if login else ('GET', 'HEAD')
        if req.method not in methods:
            raise pecan_patches.refuse_method(req.method, methods)
        if login:
            return login.answer(req)
        if not path:
            # A relative location works behind every proxy.
            return webob.Response(status=302, headerlist=[
                ('Location', 'ui/'), ('Content-Length', '0')])
        if path == '/':
            return self._show_page(req)
        if path == '/config.json':
            return self._show_options(req)
        name = path[1:].removeprefix(f'{self._assets.digest}/')
        asset = self._assets.files.get(name)
        if asset is None or name == path[1:]:
            raise webob.exc.HTTPNotFound(
                f'There is nothing at {req.path}.')
        return _send(req, asset, {'Cache-Control': _IMMUTABLE})

    def _show_page(self, req: pecan_patches.Request) -> webob.Response:
        page = self._assets.create_page(self._build_options(req))
        tag = etag.create_etag(page.content)
        headers = {'ETag': tag, 'Cache-Control': 'no-cache'}
        if etag.is_unchanged(req, tag):
            return webob.Response(status=304, headerlist=list(
                headers.items()))
        return _send(req, page, headers)

    def _show_options(self, req: pecan_patches.Request) -> webob.Response:
        """Return the options, for a page that asks whether the API answers."""
        return webob.Response(
            self._build_options(req), content_type='application/json',
            cache_control='no-store')

    def _build_options(self, req: pecan_patches.Request) -> bytes:
        """Return what a page needs before the login, in JSON."""
        return orjson.dumps({
            'auth': self._conf.api.auth_strategy,
            'version': version.release(),
            'api_url': req.application_url})


def _send(req: pecan_patches.Request, asset: assets_module.Asset,
          headers: dict[str, str]) -> webob.Response:
    """Return a file, compressed for clients that accept gzip."""
    answer = webob.Response()
    if 'gzip' in req.headers.get('Accept-Encoding', '').lower():
        answer.body = asset.compressed
        answer.headers['Content-Encoding'] = 'gzip'
    else:
        answer.body = asset.content
    answer.headers['Content-Type'] = asset.media_type
    answer.headers['Vary'] = 'Accept-Encoding'
    answer.headers.update(headers)
    return answer
