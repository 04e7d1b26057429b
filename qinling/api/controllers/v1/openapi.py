# SPDX-License-Identifier: Apache-2.0
"""Description of the API: ``/v1/openapi.json`` and ``/v1/docs``."""

from collections.abc import Sequence
import typing

from oslo_config import cfg
import webob

from qinling.api.openapi import served
from qinling.api import pecan_patches
from qinling.api.route import route


class Controller:
    """Operations on the description of the API.

    :param handlers: handlers of all routes.
    """

    def __init__(self, handlers: Sequence[typing.Any], conf: cfg.ConfigOpts
                 ) -> None:
        self._files = served.Files(handlers, conf)

    @route('GET', '/v1/openapi.json', policy='openapi:get', public=True,
           sets_etag=True)
    def document(self, req: pecan_patches.Request) -> webob.Response:
        """Show the description of the API in OpenAPI 3.1."""
        return self._files.answer_document(req)

    @route('GET', '/v1/docs', policy='openapi:get', public=True,
           media_types=('text/html',), sets_etag=True)
    def page(self, req: pecan_patches.Request) -> webob.Response:
        """Show the description of the API as a page."""
        return self._files.answer_page(req)

    @route('GET', '/v1/docs.css', policy='openapi:get', public=True,
           media_types=('text/css',), sets_etag=True)
    def style(self, req: pecan_patches.Request) -> webob.Response:
        """Show the style of the page."""
        return self._files.answer_style(req)
