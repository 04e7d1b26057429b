# SPDX-License-Identifier: Apache-2.0
"""Strategy ``http_basic``: users and passwords in a file."""

from wsgiref import types as wsgi_types

from oslo_config import cfg
from oslo_middleware import basic_auth
import webob.exc

from qinling.api import identity
from qinling.api.identity import password_file
from qinling.api.identity import password_verifier
from qinling import context
from qinling import exception
from qinling import policy

CHALLENGE = 'Basic realm="qinling", charset="UTF-8"'
#: Role -> roles that the role implies.
IMPLIED_ROLES = {'admin': ['admin', 'member', 'reader'],
                 'member': ['member', 'reader'], 'reader': ['reader']}


def create(conf: cfg.ConfigOpts) -> identity.Strategy:
    """Return the strategy; see :mod:`qinling.api.identity`."""
    users = password_file.PasswordFile(conf.http_basic.user_file)
    users.validate()
    return PasswordIdentity(conf, password_verifier.PasswordVerifier(
        users, conf.api.threads))


class PasswordIdentity:
    """Identification by the user file, which may change at any time.

    :ivar verifier: verifies the passwords.
    """

    def __init__(self, conf: cfg.ConfigOpts,
                 verifier: password_verifier.PasswordVerifier) -> None:
        self._options = conf.http_basic
        self._enforcer = policy.create_enforcer(conf)
        self.verifier = verifier

    def identify(self, environ: wsgi_types.WSGIEnvironment
                 ) -> context.RequestContext:
        """Return the context of the caller; see the strategies."""
        try:
            name, password = basic_auth.parse_token(
                basic_auth.parse_header(environ))
        except webob.exc.HTTPException:
            raise _unauthorized()
        if not self.verifier.verify(
                name, password, environ.get('REMOTE_ADDR', '')):
            raise _unauthorized()
        role = self._role(name)
        return context.RequestContext(
            enforcer=self._enforcer, user_id=name, user_name=name,
            project_id=self._options.projects.get(name, 'default'),
            roles=IMPLIED_ROLES[role], is_admin=role == 'admin')

    def _role(self, name: str) -> str:
        if name in self._options.admins:
            return 'admin'
        return 'reader' if name in self._options.readers else 'member'


def _unauthorized() -> exception.Unauthorized:
    return exception.Unauthorized(
        'The request needs the name and the password of a user.',
        challenge=CHALLENGE)
