# SPDX-License-Identifier: Apache-2.0
"""The strategy ``http_basic``: users and passwords in a file."""

import hmac
import os
import secrets

from oslo_log import log
from oslo_middleware import basic_auth
from oslo_middleware import exceptions as middleware_exc
import webob.exc

from qinling import context
from qinling import exception
from qinling import policy

LOG = log.getLogger(__name__)

CHALLENGE = 'Basic realm="qinling", charset="UTF-8"'
#: Right passwords that are remembered, as digests.
MOST_KNOWN = 1024
#: What a role has in it.
IMPLIED = {'admin': ['admin', 'member', 'reader'],
           'member': ['member', 'reader'], 'reader': ['reader']}


def make(conf):
    """See :mod:`qinling.api.identity`."""
    path = conf.http_basic.user_file
    try:
        basic_auth.validate_auth_file(path)
    except (middleware_exc.ConfigInvalid, webob.exc.HTTPException) as e:
        raise ValueError(
            f'[http_basic] user_file {path} cannot be used: '
            f'{getattr(e, "detail", None) or e}. Make it with: '
            f'htpasswd -B -c {path} NAME')
    return Identify(conf)


class Identify:
    """Looks a user up in the file, which may change at any time."""

    def __init__(self, conf):
        self._options = conf.http_basic
        self._enforcer = policy.enforcer(conf)
        self._key = secrets.token_bytes(32)
        # To check a password takes a tenth of a second, on purpose; so it
        # is not done twice while the file is the same.
        self._known = set()

    def __call__(self, environ):
        try:
            name, password = basic_auth.parse_token(
                basic_auth.parse_header(environ))
        except webob.exc.HTTPException:
            raise _unauthorized()
        self._authenticate(name, password)
        role = self._role(name)
        return context.RequestContext(
            enforcer=self._enforcer, user_id=name, user_name=name,
            project_id=self._options.projects.get(name, 'default'),
            roles=IMPLIED[role], is_admin=role == 'admin')

    def _authenticate(self, name, password):
        path = self._options.user_file
        try:
            found = os.stat(path)
            words = repr((name, password, found.st_mtime_ns, found.st_size,
                          found.st_ino))
            digest = hmac.digest(self._key, words.encode(), 'sha256')
            if digest in self._known:
                return
            basic_auth.authenticate(path, name, password)
        # A password that bcrypt cannot take is a wrong one.
        except (webob.exc.HTTPUnauthorized, ValueError):
            raise _unauthorized()
        except (webob.exc.HTTPException, OSError) as e:
            LOG.error('[http_basic] user_file cannot be used: %s', e)
            raise exception.Unavailable(
                'Users cannot be looked up at the moment; try again.')
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known.add(digest)

    def _role(self, name):
        if name in self._options.admins:
            return 'admin'
        return 'reader' if name in self._options.readers else 'member'


def _unauthorized():
    error = exception.Unauthorized(
        'The request needs the name and the password of a user.')
    error.challenge = CHALLENGE
    return error
