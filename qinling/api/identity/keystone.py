# SPDX-License-Identifier: Apache-2.0
"""The strategy ``keystone``: a token is asked of Keystone."""

from keystoneauth1 import exceptions as keystone_exc
from keystoneauth1 import loading
from keystonemiddleware import auth_token
from oslo_log import log

from qinling import context
from qinling import exception
from qinling import policy

LOG = log.getLogger(__name__)

GROUP = 'keystone_authtoken'
#: What is better for this service than what the middleware has: a Keystone
#: that is down is to be told soon, not after many tries.
DEFAULTS = {'service_type': 'function-engine', 'http_connect_timeout': 10,
            'http_request_max_retries': 1}


def make(conf):
    """See :mod:`qinling.api.identity`."""
    for group, opts in auth_token.list_opts():
        conf.register_opts(opts, group=group)
    for name, value in DEFAULTS.items():
        conf.set_default(name, value, group=GROUP)
    try:
        auth = loading.load_auth_from_conf_options(conf, GROUP)
    except keystone_exc.ClientException as e:
        raise ValueError(f'[{GROUP}] is not complete: {e}')
    if auth is None:
        raise ValueError(
            f'[api] auth_strategy = keystone needs [{GROUP}] auth_type, '
            'auth_url and what the type asks for.')
    # Where people are sent to log in.  Not to be looked up in the catalog,
    # since Keystone may be down just then.
    if not conf[GROUP].www_authenticate_uri:
        conf.set_override('www_authenticate_uri', auth.auth_url, group=GROUP)
    # Only what needs an identity comes here; there is nothing to delay.
    conf.set_override('delay_auth_decision', False, group=GROUP)
    return Identify(conf)


class Identify:
    """Has the middleware of Keystone look at the token of a request.

    It is not wrapped around the application, because some routes need no
    identity, and which these are is known only when the route is.
    """

    def __init__(self, conf):
        self._enforcer = policy.enforcer(conf)
        self._middleware = auth_token.AuthProtocol(
            _pass, {'oslo_config_config': conf})
        self._challenge = (
            f'Keystone uri="{conf[GROUP].www_authenticate_uri}"')

    def __call__(self, environ):
        status = self._ask(environ)
        if status == 401:
            raise self._unauthorized()
        if status != PASSED:
            raise exception.Unavailable(
                'Keystone cannot be asked who you are; try again.')
        if not environ.get('HTTP_X_PROJECT_ID'):
            raise exception.Forbidden(
                reason='the token is not of a project; ask Keystone for '
                       'one that is.')
        ctx = context.RequestContext.from_environ(
            environ, enforcer=self._enforcer)
        ctx.is_admin = 'admin' in ctx.roles
        return ctx

    def _ask(self, environ):
        """What the middleware answers.  Headers that claim an identity are
        replaced by those of the token, or taken away."""
        answers = []
        try:
            self._middleware(environ, lambda status, *_: answers.append(
                int(status.split()[0])))
        except keystone_exc.ClientException as e:
            LOG.error('Keystone cannot be asked for an identity: %s', e)
            return 503
        return answers[0]

    def _unauthorized(self):
        error = exception.Unauthorized(
            'The request needs a valid token of Keystone in X-Auth-Token.')
        error.challenge = self._challenge
        return error


PASSED = 204


def _pass(_environ, start_response):
    """The application behind the middleware."""
    start_response(f'{PASSED} No Content', [])
    return [b'']
