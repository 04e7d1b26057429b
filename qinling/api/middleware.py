#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

"""What stands in front of the application where the operator asks for it."""

from oslo_middleware import cors
from oslo_middleware import http_proxy_to_wsgi

from qinling.conf import opts


def wrap(app, conf):
    """The application behind the middleware that is switched on."""
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
