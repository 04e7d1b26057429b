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

"""The WSGI application."""

import functools

from oslo_middleware import http_proxy_to_wsgi
import pecan

from qinling.api import fast
from qinling.api import hooks
from qinling.api import root
from qinling import context


def identify_nobody(_environ):
    """The strategy ``noauth``: everything belongs to one project, and
    headers that claim an identity are ignored."""
    return context.RequestContext(
        project_id='default', user_id='default', is_admin=True,
        roles=['admin'])


STRATEGIES = {'noauth': identify_nobody}


def make(services, identify=None):
    """The application over the core.

    :param services: :class:`qinling.core.services.Services`.
    :param identify: function of a WSGI environment that returns a request
        context; what ``[api] auth_strategy`` says when not given.
    """
    conf = services.conf
    fast.remember_signatures()
    identify = identify or STRATEGIES[conf.api.auth_strategy]
    app = pecan.make_app(
        root.Root(services), debug=False, force_canonical=False,
        guess_content_type_from_ext=False, use_context_locals=False,
        request_cls=fast.Request,
        hooks=[hooks.ContextHook(identify, conf.api), hooks.ErrorHook()])
    if conf.api.enable_proxy_headers_parsing:
        conf.register_opts(
            http_proxy_to_wsgi.OPTS, group='oslo_middleware')
        conf.set_override('enable_proxy_headers_parsing', True,
                          group='oslo_middleware')
        app = http_proxy_to_wsgi.HTTPProxyToWSGI(app, conf)
    return functools.partial(_answer, app)


def _answer(app, environ, start_response):
    """The last resort: what fails outside of Pecan's reach is JSON, too."""
    try:
        return app(environ, start_response)
    except Exception as e:
        return hooks.response(e)(environ, start_response)
