# SPDX-License-Identifier: Apache-2.0
"""OpenStack session of a function, with the token of an execution.

The bootstrap for Python imports this module on demand, since the module needs
keystoneauth1, from the runtime or from the package of the function.
"""

from __future__ import annotations

from keystoneauth1 import access
from keystoneauth1.identity import base
from keystoneauth1 import session as sessions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Expiry of a token with unknown expiry; services check the real expiry.
UNKNOWN_EXPIRY = '9999-12-31T23:59:59Z'


class GivenToken(base.BaseIdentityPlugin):
    """Plugin with an existing token, which cannot be renewed.

    :param auth_url: URL of Keystone with ``/v3``.
    :param scope: dict with ``project_id``, ``user_id`` and ``expires_at``, as
        far as known.
    """

    def __init__(self, auth_url: str, token: str,
                 scope: dict[str, Any] | None = None) -> None:
        super().__init__(auth_url=auth_url, reauthenticate=False)
        self._catalog_url = auth_url + '/auth/catalog'
        self._token = token
        self._scope = scope or {}

    def get_auth_ref(self, session: sessions.Session, **kwargs: Any
                     ) -> access.AccessInfoV3:
        """Return the token with the service catalog from Keystone."""
        answer = session.get(
            self._catalog_url, authenticated=False,
            headers={'X-Auth-Token': self._token,
                     'Accept': 'application/json'}, log=False)
        token = {'methods': ['token'], 'catalog': answer.json()['catalog'],
                 'expires_at': self._scope.get('expires_at')
                 or UNKNOWN_EXPIRY,
                 'project': {'id': self._scope.get('project_id')},
                 'user': {'id': self._scope.get('user_id')}}
        return access.AccessInfoV3({'token': token}, auth_token=self._token)


def create_session(context: dict[str, Any]) -> sessions.Session:
    """Return the ``os_session`` of a function.

    :param context: context of the execution, with ``auth_url``, ``token``,
        ``project_id``, ``user_id`` and ``expires_at``.
    """
    return sessions.Session(auth=GivenToken(
        context['auth_url'], context['token'], context))
