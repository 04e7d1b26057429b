# SPDX-License-Identifier: Apache-2.0
"""OpenStack for functions: a session over the token of an execution.

Beside the bootstrap for Python, which loads this file only when a function
asks for its session, since it needs keystoneauth1: of the runtime or of the
function's own package.
"""

from keystoneauth1 import access
from keystoneauth1.identity import base
from keystoneauth1 import session

#: When a token expires whose end is not told: who checks it will say.
UNKNOWN = '9999-12-31T23:59:59Z'


class GivenToken(base.BaseIdentityPlugin):
    """Speaks with a token that somebody else opened, and cannot open
    another.

    :param auth_url: URL of Keystone with ``/v3``.
    :param scope: dict with what is known of ``project_id``, ``user_id`` and
        ``expires_at``.
    """

    def __init__(self, auth_url, token, scope=None):
        super().__init__(auth_url=auth_url, reauthenticate=False)
        self._token = token
        self._scope = scope or {}

    def get_auth_ref(self, session, **kwargs):
        """What the token is good for: with it goes the catalog, which
        Keystone tells to whoever has a token."""
        answer = session.get(
            self.auth_url + '/auth/catalog', authenticated=False,
            headers={'X-Auth-Token': self._token,
                     'Accept': 'application/json'}, log=False)
        token = {'methods': ['token'], 'catalog': answer.json()['catalog'],
                 'expires_at': self._scope.get('expires_at') or UNKNOWN,
                 'project': {'id': self._scope.get('project_id')},
                 'user': {'id': self._scope.get('user_id')}}
        return access.AccessInfoV3({'token': token}, auth_token=self._token)


def make_session(context):
    """The ``os_session`` of a function.

    :param context: the context of the execution, with ``auth_url``,
        ``token``, ``project_id``, ``user_id`` and ``expires_at``.
    """
    return session.Session(auth=GivenToken(
        context['auth_url'], context['token'], context))
