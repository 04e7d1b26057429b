# SPDX-License-Identifier: Apache-2.0
"""WSGI application of the REST API."""

from wsgiref import types as wsgi_types

import pecan

from qinling.api import audit as audit_module
from qinling.api import compression
from qinling.api import decoding
from qinling.api import hooks
from qinling.api import identity
from qinling.api.mcp import application as mcp
from qinling.api import middleware
from qinling.api import pecan_patches
from qinling.api import request_middleware
from qinling.api import root
from qinling.api import short_path
from qinling.api.ui import application as ui
from qinling.core import services as services_module
from qinling.telemetry import health as health_module
from qinling.telemetry import tracing


def create_app(services: services_module.Services,
               strategy: identity.Strategy | None = None,
               health: health_module.Health | None = None,
               audit: audit_module.Audit | None = None,
               tracer: tracing.Tracer | None = None
               ) -> request_middleware.RequestMiddleware:
    """Return the application over the core.

    :param strategy: replaces the one of ``[api] auth_strategy``.
    :param health: health checks; by default the process is always ready.
    :raises ValueError: the options of the strategy are not valid.
    """
    conf = services.conf
    pecan_patches.cache_signatures()
    decoding.resolve_types()
    router = root.Root(services)
    hook = hooks.ContextHook(strategy or identity.load(conf), conf.api)
    app: wsgi_types.WSGIApplication = compression.Compression(pecan.make_app(
        router, debug=False, force_canonical=False,
        guess_content_type_from_ext=False, use_context_locals=False,
        request_cls=pecan_patches.Request,
        hooks=[hook, hooks.ErrorHook()]))
    if conf.api.ui:
        app = ui.WebInterface(app, conf)
    app = mcp.ToolServer(short_path.ShortPath(app, router, hook), conf)
    return request_middleware.RequestMiddleware(
        middleware.wrap_app(app, conf),
        health or health_module.Health(conf, {}), audit, tracer)
