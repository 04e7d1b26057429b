# SPDX-License-Identifier: Apache-2.0
"""Login of the web interface: a token of Keystone for a password.

Browsers can seldom reach Keystone itself, so the API passes the request on.
It stores and logs neither the password nor the token.
"""

import dataclasses
import json
import typing

from keystoneauth1 import exceptions as keystone_exc
from keystoneauth1.identity import v3
from keystoneauth1 import session as keystone_session
import orjson
from oslo_config import cfg
from oslo_log import log
import webob
import webob.exc

from qinling.api import body
from qinling.api.identity import keystone as keystone_identity
from qinling.api.identity import login_throttle
from qinling.api import pecan_patches
from qinling import exception

LOG = log.getLogger(__name__)

MAX_BODY_SIZE = 4096
#: Seconds that a request may wait for Keystone.
KEYSTONE_TIMEOUT_SECONDS = 10


@dataclasses.dataclass(frozen=True)
class Credentials:
    """Values of the form of the login."""

    user: str
    password: str = dataclasses.field(repr=False)
    project: str
    domain: str = 'Default'


class Login:
    """Login at the Keystone of the token middleware."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._conf = conf
        self._throttle = login_throttle.LoginThrottle()

    def answer(self, req: pecan_patches.Request) -> webob.Response:
        """Return a token for the credentials in a request.

        :raises QinlingError, HTTPException: there is no token.
        """
        credentials = _parse(req)
        address = req.environ.get('REMOTE_ADDR', '')
        name = f'{credentials.domain}/{credentials.user}'
        self._throttle.check(name, address)
        try:
            token = self._request_token(credentials)
        except keystone_exc.Unauthorized:
            self._throttle.record_failure(name, address)
            raise exception.Unauthorized(
                'Keystone does not accept this user, password, project and '
                'domain.', challenge='Keystone uri="%s"'
                % self._options.www_authenticate_uri)
        except keystone_exc.ClientException as e:
            LOG.error('Could not request a token from Keystone: %s', e)
            raise exception.Unavailable(
                'Keystone cannot be asked for a token; try again.')
        self._throttle.record_success(name, address)
        return webob.Response(
            orjson.dumps({'token': token}), content_type='application/json',
            cache_control='no-store')

    @property
    def _options(self) -> cfg.ConfigOpts.GroupAttr:
        """Return the options, which the identification registers."""
        return self._conf[keystone_identity.GROUP]

    @property
    def _url(self) -> str:
        """Return the address of Keystone for this process.

        The address for callers may lead out of the network of the service.
        """
        return str(getattr(self._options, 'auth_url', None)
                   or self._options.www_authenticate_uri)

    def _request_token(self, credentials: Credentials) -> str:
        auth = v3.Password(
            self._url, username=credentials.user,
            password=credentials.password,
            user_domain_name=credentials.domain,
            project_name=credentials.project,
            project_domain_name=credentials.domain)
        verify = (False if self._options.insecure
                  else self._options.cafile or True)
        session = keystone_session.Session(
            verify=verify, timeout=KEYSTONE_TIMEOUT_SECONDS)
        return str(auth.get_token(session))


def create(conf: cfg.ConfigOpts) -> Login | None:
    """Return the login, ``None`` without Keystone."""
    if conf.api.auth_strategy != 'keystone':
        return None
    return Login(conf)


def _parse(req: pecan_patches.Request) -> Credentials:
    """Return the credentials in a body.

    A page of another site cannot send JSON without the consent of the API.
    """
    media_type = body.content_type(req).partition(';')[0].strip().lower()
    if media_type != body.JSON:
        raise webob.exc.HTTPUnsupportedMediaType('Send application/json.')
    try:
        values: typing.Any = json.loads(body.read_raw(req, MAX_BODY_SIZE))
        credentials = Credentials(**values)
    except (ValueError, TypeError, RecursionError):
        credentials = None
    if credentials is None or not all(
            isinstance(value, str) and value
            for value in vars(credentials).values()):
        raise exception.Invalid(
            'A login needs user, password, project and domain.')
    return credentials
