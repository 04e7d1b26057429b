# SPDX-License-Identifier: Apache-2.0
"""Strategy ``http_basic``: users and passwords in a file."""

import hmac
import os
import secrets
from wsgiref import types as wsgi_types

from oslo_config import cfg
from oslo_log import log
from oslo_middleware import basic_auth
from oslo_middleware import exceptions as middleware_exc
import webob.exc

from qinling.api import identity
from qinling import context
from qinling import exception
from qinling import policy

LOG = log.getLogger(__name__)

CHALLENGE = 'Basic realm="qinling", charset="UTF-8"'
#: Digests of verified passwords in the cache.
MAX_CACHED_DIGESTS = 1024
#: Role -> roles that the role implies.
IMPLIED_ROLES = {'admin': ['admin', 'member', 'reader'],
                 'member': ['member', 'reader'], 'reader': ['reader']}


def create(conf: cfg.ConfigOpts) -> identity.Identify:
    """Return the strategy; see :mod:`qinling.api.identity`."""
    path = conf.http_basic.user_file
    try:
        basic_auth.validate_auth_file(path)
    except (middleware_exc.ConfigInvalid, webob.exc.HTTPException) as e:
        raise ValueError(
            f'[http_basic] user_file {path} cannot be used: '
            f'{getattr(e, "detail", None) or e}. Create the file with: '
            f'htpasswd -B -c {path} NAME')
    return PasswordIdentity(conf)


class PasswordIdentity:
    """Identification by the user file, which may change at any time."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._options = conf.http_basic
        self._enforcer = policy.create_enforcer(conf)
        self._key = secrets.token_bytes(32)
        # bcrypt takes a tenth of a second by design, so verified passwords
        # are cached until the file changes.
        self._verified: set[bytes] = set()

    def __call__(self, environ: wsgi_types.WSGIEnvironment
                 ) -> context.RequestContext:
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
            roles=IMPLIED_ROLES[role], is_admin=role == 'admin')

    def _authenticate(self, name: str, password: bytes) -> None:
        """Verify a password.

        :raises Unauthorized: the name or the password is wrong.
        :raises Unavailable: the user file cannot be read.
        """
        path = self._options.user_file
        try:
            digest = self._digest(name, password, os.stat(path))
            if digest in self._verified:
                return
            basic_auth.authenticate(path, name, password)
        # bcrypt raises ValueError for passwords that bcrypt cannot hash.
        except (webob.exc.HTTPUnauthorized, ValueError):
            raise _unauthorized()
        except (webob.exc.HTTPException, OSError) as e:
            LOG.error('Could not read [http_basic] user_file: %s', e)
            raise exception.Unavailable(
                'Users cannot be looked up at the moment; try again.')
        if len(self._verified) >= MAX_CACHED_DIGESTS:
            self._verified.clear()
        self._verified.add(digest)

    def _digest(self, name: str, password: bytes, stat: os.stat_result
                ) -> bytes:
        """Return a digest of the credentials and the state of the file."""
        content = repr((name, password, stat.st_mtime_ns, stat.st_size,
                        stat.st_ino))
        return hmac.digest(self._key, content.encode(), 'sha256')

    def _role(self, name: str) -> str:
        if name in self._options.admins:
            return 'admin'
        return 'reader' if name in self._options.readers else 'member'


def _unauthorized() -> exception.Unauthorized:
    return exception.Unauthorized(
        'The request needs the name and the password of a user.',
        challenge=CHALLENGE)
