# SPDX-License-Identifier: Apache-2.0
"""Files about the API: bytes, made once, and the answers with the bytes."""

from collections.abc import Sequence
import functools
import typing

import orjson
from oslo_config import cfg
import webob

from qinling.api import body
from qinling.api import etag
from qinling.api.openapi import document
from qinling.api.openapi import page
from qinling.api import pecan_patches

#: The page loads only its own style.
_POLICY = "default-src 'none'; style-src 'self'"


class Files:
    """The document, the page and the style of the page.

    :param handlers: handlers of all routes.
    """

    def __init__(self, handlers: Sequence[typing.Any], conf: cfg.ConfigOpts
                 ) -> None:
        self._handlers = handlers
        self._conf = conf

    @functools.cached_property
    def _document(self) -> document.Document:
        return document.create_document(self._handlers, self._conf)

    @functools.cached_property
    def _json(self) -> bytes:
        return orjson.dumps(self._document)

    @functools.cached_property
    def _page(self) -> bytes:
        return page.create_page(self._document).encode()

    def answer_document(self, req: pecan_patches.Request) -> webob.Response:
        """Return the document, for the URL of a request."""
        servers = orjson.dumps([{'url': req.application_url}])
        return _answer(req, b'{"servers":%b,%b' % (servers, self._json[1:]),
                       body.JSON)

    def answer_page(self, req: pecan_patches.Request) -> webob.Response:
        """Return the page."""
        answer = _answer(req, self._page, 'text/html')
        answer.headers['Content-Security-Policy'] = _POLICY
        answer.headers['X-Content-Type-Options'] = 'nosniff'
        return answer

    def answer_style(self, req: pecan_patches.Request) -> webob.Response:
        """Return the style of the page."""
        return _answer(req, page.STYLE.encode(), 'text/css')


def _answer(req: pecan_patches.Request, content: bytes, media_type: str
            ) -> webob.Response:
    """Return content with an ETag, or 304 for a client with the content."""
    tag = etag.create_etag(content)
    headers = {'ETag': tag, 'Cache-Control': 'no-cache'}
    if etag.is_unchanged(req, tag):
        return webob.Response(status=304, headerlist=list(headers.items()))
    answer = webob.Response(content, content_type=media_type)
    answer.charset = None if media_type == body.JSON else 'utf-8'
    answer.headers.update(headers)
    return answer
