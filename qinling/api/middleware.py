# SPDX-License-Identifier: Apache-2.0
"""Optional middleware of oslo.middleware in front of the application."""

from wsgiref import types as wsgi_types

from oslo_config import cfg
from oslo_middleware import cors
from oslo_middleware import http_proxy_to_wsgi

from qinling.conf import opts


def wrap_app(app: wsgi_types.WSGIApplication, conf: cfg.ConfigOpts
             ) -> wsgi_types.WSGIApplication:
    """Return the application behind the enabled middleware."""
    if conf.api.enable_proxy_headers_parsing:
        conf.register_opts(
            http_proxy_to_wsgi.OPTS, group='oslo_middleware')
        conf.set_override('enable_proxy_headers_parsing', True,
                          group='oslo_middleware')
        app = http_proxy_to_wsgi.HTTPProxyToWSGI(app, conf)
    opts.set_defaults()
    conf.register_opts(cors.OPTS, group='cors')
    if conf.cors.allowed_origin:
        app = cors.CORS(app, conf)
    return app
