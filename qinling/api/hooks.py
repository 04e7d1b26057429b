# SPDX-License-Identifier: Apache-2.0
"""Hooks around every request: identity, policy and errors."""

import errno
import typing
from wsgiref import types as wsgi_types

from oslo_config import cfg
from oslo_db import exception as db_exc
from oslo_log import log
from pecan import hooks
import webob
import webob.exc
import wsme

from qinling.api import identity
from qinling.api import limit_headers
from qinling.api import problems
from qinling import context
from qinling import exception
from qinling.web import response as web_response

if typing.TYPE_CHECKING:
    from qinling.api import route as route_module

LOG = log.getLogger(__name__)

HTML = 'text/html'
#: Seconds of ``Retry-After`` when the service is unavailable.
RETRY_AFTER_SECONDS = 1
#: Errors of a full disk, or of a disk quota that is used up.
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


class ContextHook(hooks.PecanHook):  # type: ignore[misc]
    """Identification of the caller, and check of the policy of the route.

    A route without a policy rejects every caller.  A public route needs no
    identity and ignores credentials.
    """

    def __init__(self, strategy: identity.Strategy,
                 limits: cfg.ConfigOpts.GroupAttr) -> None:
        self._strategy = strategy
        self._limits = limits

    def on_route(self, state: typing.Any) -> None:
        """Select JSON for the answer, for all accepted types."""
        state.request.pecan['content_type'] = 'application/json'

    def before(self, state: typing.Any) -> None:
        """Identify the caller and check the policy.

        :raises PolicyForbidden: the policy rejects the caller.
        """
        self.authorize(state.request, state.controller,
                       next(iter(state.arguments.varargs), None))

    def authorize(self, request: typing.Any, handler: typing.Any,
                  subject: str | None = None) -> None:
        """Identify the caller of a handler and check the policy.

        :param subject: id of the resource, which the audit trail names also
            for rejected requests.
        :raises PolicyForbidden: the policy rejects the caller.
        """
        request.limits = self._limits
        rule: str | None = getattr(handler, 'policy', None)
        route: route_module.route | None = getattr(handler, 'route', None)
        environ = request.environ
        environ['qinling.route'] = route
        environ['qinling.subject'] = subject
        if route is not None and route.public:
            request.ctx = context.anonymous(route.policy)
        else:
            request.ctx = self._strategy.identify(environ)
        environ['qinling.ctx'] = request.ctx
        request.ctx.join_request(environ)
        request.ctx.use_in_log()
        if rule is None or not request.ctx.can(rule):
            raise exception.PolicyForbidden(rule=rule)
        if route is not None and not route.raw and environ.get(
                'HTTP_ACCEPT', '').strip() == HTML != route.media_types[0]:
            raise webob.exc.HTTPNotAcceptable(
                'Only application/json is served here.')


class ErrorHook(hooks.PecanHook):  # type: ignore[misc]
    """Translation of every error into JSON."""

    def on_error(self, state: typing.Any, error: Exception
                 ) -> webob.Response:
        """Return the answer for an error."""
        return create_response(error, state.request.environ)


def create_response(error: Exception, environ: wsgi_types.WSGIEnvironment
                    ) -> webob.Response:
    """Return the answer for an error.

    The answer is JSON with ``faultstring``, or a problem of RFC 9457 if the
    request accepts problems.  Unexpected errors, which may contain internals,
    get a fixed sentence.
    """
    code, sentence = _describe(error)
    if problems.is_accepted(environ):
        media_type = problems.MEDIA_TYPE
        content = problems.encode(error, code, sentence, environ)
    else:
        media_type = 'application/json'
        content = web_response.encode_fault(code, sentence)
    response = webob.Response(status=code, content_type=media_type,
                              charset='utf-8', body=content)
    fields = getattr(error, 'fields', {})
    retry_after = (RETRY_AFTER_SECONDS if code == 503
                   else fields.get('retry_after'))
    if retry_after:
        response.headers['Retry-After'] = str(retry_after)
    if 'quota' in fields:
        response.headers.update(limit_headers.create(**{
            name: fields[name] for name in limit_headers.FIELDS}))
    allow = getattr(error, 'allow', None)
    if code == 405 and allow:
        response.allow = allow
    if fields.get('challenge'):
        response.headers['WWW-Authenticate'] = fields['challenge']
    return response


def _describe(error: Exception) -> tuple[int, str]:
    """Return the status and the sentence for an error."""
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
        LOG.error('Could not serve a request: %s', error)
        return 503, 'The service cannot do this at the moment; try again.'
    if isinstance(error, OSError) and error.errno in _NO_SPACE:
        LOG.error('Could not serve a request: %s', error)
        return 503, ('The service has no disk space left; tell its operator, '
                     'or try again later.')
    LOG.error('Could not serve a request: unexpected error.',
              exc_info=error)
    return 500, 'Internal server error.'
