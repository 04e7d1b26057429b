# SPDX-License-Identifier: Apache-2.0
"""What happens around every request: identity, policy, errors."""

import json

from oslo_db import exception as db_exc
from oslo_log import log
from pecan import hooks
import webob
import webob.exc
import wsme

from qinling import context
from qinling import exception

LOG = log.getLogger(__name__)


class ContextHook(hooks.PecanHook):
    """Finds out who asks, and refuses what the policy of the route does not
    allow.  A route without a policy is refused to everybody; one that is
    public needs no identity, and none is looked at."""

    def __init__(self, identify, limits):
        self._identify = identify
        self._limits = limits

    def on_route(self, state):
        state.request.limits = self._limits
        # All answers are JSON unless a method says otherwise, whatever the
        # client says that it accepts.
        state.request.pecan['content_type'] = 'application/json'

    def before(self, state):
        request, rule = state.request, getattr(
            state.controller, 'policy', None)
        route = getattr(state.controller, 'route', None)
        environ = request.environ
        environ['qinling.route'] = route
        # Words of the path are told even if the request is refused.
        environ['qinling.subject'] = next(
            iter(state.arguments.varargs), None)
        request.ctx = environ['qinling.ctx'] = self._who(
            request, rule, route)
        request.ctx.is_part_of(environ)
        request.ctx.use_in_log()
        if rule is None or not request.ctx.can(rule):
            raise exception.PolicyForbidden(rule=rule)
        # An HTML page alone is not to be had.
        if not route.raw and request.environ.get(
                'HTTP_ACCEPT', '').strip() == 'text/html':
            raise webob.exc.HTTPNotAcceptable(
                'Only application/json is served here.')

    def _who(self, request, rule, route):
        if route is not None and route.public:
            return context.nobody(rule)
        return self._identify(request.environ)


class ErrorHook(hooks.PecanHook):
    """Makes JSON of every error."""

    def on_error(self, state, error):
        return response(error)


def response(error):
    """The answer for an error: JSON with ``faultstring``.

    Errors of the service's own kinds and of WSME say what was wrong; of
    anything else, which is a fault of ours, the user learns nothing but
    that.
    """
    code, sentence = _describe(error)
    made = webob.Response(
        status=code, content_type='application/json', charset='utf-8',
        body=fault(code, sentence))
    wait = 1 if code == 503 else getattr(error, 'fields', {}).get(
        'retry_after')
    if wait:
        made.headers['Retry-After'] = str(wait)
    allow = getattr(error, 'allow', None)
    if code == 405 and allow:
        made.allow = allow
    challenge = getattr(error, 'challenge', None)
    if challenge:
        made.headers['WWW-Authenticate'] = challenge
    return made


def fault(code, sentence):
    """The JSON bytes of an error answer."""
    return json.dumps({
        'faultcode': 'Client' if code < 500 else 'Server',
        'faultstring': sentence, 'debuginfo': None}).encode()


def _describe(error):
    if isinstance(error, exception.QinlingError):
        if error.http_code == 500:
            LOG.error('%s', error, exc_info=error)
        return error.http_code, str(error)
    if isinstance(error, webob.exc.HTTPException):
        return error.status_int, str(error.detail or error.explanation)
    if isinstance(error, wsme.exc.ClientSideError):
        return error.code, error.faultstring
    if isinstance(error, UnicodeDecodeError):
        return 400, 'The request is not valid UTF-8.'
    if isinstance(error, (exception.TemporaryError,
                          db_exc.DBConnectionError)):
        LOG.error('A request is refused for now: %s', error)
        return 503, 'The service cannot do this at the moment; try again.'
    LOG.error('A request met an unexpected fault.', exc_info=error)
    return 500, 'Internal server error.'
