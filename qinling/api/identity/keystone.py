# SPDX-License-Identifier: Apache-2.0
"""Strategy ``keystone``: tokens of Keystone."""

from collections.abc import Iterable
import typing
from wsgiref import types as wsgi_types

from keystoneauth1 import exceptions as keystone_exc
from keystoneauth1 import loading
from keystonemiddleware import auth_token
from oslo_config import cfg
from oslo_log import log

from qinling.api import identity
from qinling import context
from qinling import exception
from qinling import policy

LOG = log.getLogger(__name__)

GROUP = 'keystone_authtoken'
#: Defaults of this service; few retries, so that callers notice an outage of
#: Keystone early.
DEFAULTS = {'service_type': 'function-engine', 'http_connect_timeout': 10,
            'http_request_max_retries': 1}
#: Status with which the application behind the middleware accepts a token.
PASSED = 204


def create(conf: cfg.ConfigOpts) -> identity.Strategy:
    """Return the strategy; see :mod:`qinling.api.identity`."""
    for group, opts in auth_token.list_opts():
        conf.register_opts(opts, group=group)
    for name, value in DEFAULTS.items():
        conf.set_default(name, value, group=GROUP)
    try:
        auth: typing.Any = loading.load_auth_from_conf_options(conf, GROUP)
    except keystone_exc.ClientException as e:
        raise ValueError(f'[{GROUP}] is not complete: {e}')
    if auth is None:
        raise ValueError(
            f'[api] auth_strategy = keystone needs [{GROUP}] auth_type, '
            'auth_url and the credentials of the type.')
    # The middleware would otherwise ask the catalog, also while Keystone is
    # down.
    if not conf[GROUP].www_authenticate_uri:
        conf.set_override('www_authenticate_uri', auth.auth_url, group=GROUP)
    # Only routes that need an identity call the middleware.
    conf.set_override('delay_auth_decision', False, group=GROUP)
    return TokenIdentity(conf)


class TokenIdentity:
    """Identification by the token middleware of Keystone.

    The middleware does not wrap the application: some routes need no
    identity, and the route is known only after routing.
    """

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._enforcer = policy.create_enforcer(conf)
        self._middleware = auth_token.AuthProtocol(
            _accept, {'oslo_config_config': conf})
        self._challenge = (
            f'Keystone uri="{conf[GROUP].www_authenticate_uri}"')

    def identify(self, environ: wsgi_types.WSGIEnvironment
                 ) -> context.RequestContext:
        """Return the context of the caller; see the strategies."""
        status = self._validate(environ)
        if status == 401:
            raise exception.Unauthorized(
                'The request needs a valid token of Keystone in '
                'X-Auth-Token.', challenge=self._challenge)
        if status != PASSED:
            raise exception.Unavailable(
                'Keystone cannot be asked who you are; try again.')
        if not environ.get('HTTP_X_PROJECT_ID'):
            raise exception.Forbidden(
                reason='the token is not of a project; ask Keystone for '
                       'one that is.')
        ctx: context.RequestContext = context.RequestContext.from_environ(
            environ, enforcer=self._enforcer)
        ctx.is_admin = 'admin' in ctx.roles
        return ctx

    def _validate(self, environ: wsgi_types.WSGIEnvironment) -> int:
        """Return the status of the middleware.

        The middleware replaces or removes identity headers of the client.
        """
        statuses = []

        def start_response(status: str, *_args: typing.Any) -> None:
            statuses.append(int(status.split()[0]))
        try:
            self._middleware(environ, start_response)
        except keystone_exc.ClientException as e:
            LOG.error('Could not validate a token: %s', e)
            return 503
        return statuses[0]


def _accept(_environ: wsgi_types.WSGIEnvironment,
            start_response: wsgi_types.StartResponse) -> Iterable[bytes]:
    """Accept every request that passes the middleware."""
    start_response(f'{PASSED} No Content', [])
    return [b'']
