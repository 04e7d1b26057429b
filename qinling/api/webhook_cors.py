# SPDX-License-Identifier: Apache-2.0
"""Cross-origin resource sharing (CORS) of webhooks.

The service answers the preflight requests of browsers itself and runs no
function.  Cookies and passwords are never allowed: a webhook has no identity.
Webhooks without origins have no such headers, except those of their functions
and of ``[cors]``.
"""

import re
import typing

import webob

from qinling.api import pecan_patches
from qinling.core.trigger import methods
from qinling.core.trigger import origins
from qinling import exception

#: Seconds that a browser remembers the answer to a preflight request.
MAX_AGE_SECONDS = 600
_HEADER_NAMES = re.compile("[!#$%&'*+.^_`|~0-9A-Za-z, \t-]{1,4096}")
_PREFIX = 'access-control-'


def answer_preflight(webhook: typing.Any, req: pecan_patches.Request
                     ) -> webob.Response:
    """Return the answer to OPTIONS.

    :raises MethodRefused: the webhook has no origins, or the request is no
        preflight request.
    :raises OriginRefused: the webhook does not allow the origin or method.
    """
    origin = req.headers.get('Origin')
    method = req.headers.get('Access-Control-Request-Method')
    if not (webhook.origins and origin and method):
        methods.refuse(webhook, req.method)
    allowed = methods.list_allowed(webhook)
    permitted = origins.find_allowed(webhook.origins, origin)
    if permitted is None or method not in allowed:
        raise exception.OriginRefused(method=method, origin=origin)
    headers = {'Access-Control-Allow-Origin': permitted,
               'Access-Control-Allow-Methods': ', '.join(allowed),
               'Access-Control-Max-Age': str(MAX_AGE_SECONDS),
               'Vary': 'Origin'}
    names = req.headers.get('Access-Control-Request-Headers', '')
    if _HEADER_NAMES.fullmatch(names):
        headers['Access-Control-Allow-Headers'] = names
    return webob.Response(status=204, headerlist=list(headers.items()))


def add_headers(webhook: typing.Any, req: pecan_patches.Request,
                response: webob.Response) -> None:
    """Add the headers of CORS to an answer.

    If the webhook has origins, the headers of its function do not count.
    """
    if not webhook.origins:
        return
    for name in {name.lower() for name in response.headers}:
        if name.startswith(_PREFIX):
            del response.headers[name]
    response.vary = (*(response.vary or ()), 'Origin')
    permitted = origins.find_allowed(
        webhook.origins, req.headers.get('Origin'))
    if permitted is not None:
        response.headers['Access-Control-Allow-Origin'] = permitted
        response.headers['Access-Control-Expose-Headers'] = '*'
