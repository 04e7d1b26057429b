# SPDX-License-Identifier: Apache-2.0
"""Client of Keystone: credentials of the service, and trusts."""

from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import datetime
import time
import typing

from keystoneauth1 import access
from keystoneauth1 import exceptions
from keystoneauth1 import identity
from keystoneauth1 import loading
from keystoneauth1 import session as sessions
from oslo_config import cfg
import requests

from qinling import exception
from qinling.runtimes import python_openstack

GROUP = 'keystone'
#: Group without credentials -> group whose credentials apply.
SHARED = {'swift': GROUP, GROUP: 'keystone_authtoken'}
#: Default of the option ``timeout``.
TIMEOUT_SECONDS = 10
#: Additional fields of a trust.
OWNER, MADE_AT = 'qinling_owner', 'qinling_made_at'
#: Options with the scope of credentials, which a trust replaces.
_SCOPE = ('project_id', 'project_name', 'project_domain_id',
          'project_domain_name', 'domain_id', 'domain_name', 'system_scope')
#: HTTP statuses below 500 that a retry may resolve.
_TEMPORARY = (408, 429)


class Caller(typing.Protocol):
    """User who sends a request."""

    auth_token: str
    user_id: str
    project_id: str


@contextlib.contextmanager
def translate_errors(peer: str) -> Iterator[None]:
    """Raise the exceptions of drivers instead of those of the libraries.

    :param peer: name of the service.
    :raises TemporaryError, PermanentError: the call failed.
    """
    try:
        yield
    except exceptions.HttpError as e:
        raise create_error(peer, e.http_status, e.message) from e
    except exceptions.CatalogException as e:
        raise exception.PermanentError(f'{peer} cannot be found: {e}') from e
    except (exceptions.ClientException, requests.RequestException) as e:
        raise exception.TemporaryError(f'{peer} does not answer: {e}') from e


def create_error(peer: str, status: int, message: str | None
                 ) -> exception.TemporaryError | exception.PermanentError:
    """Return the error for an HTTP status."""
    if status >= 500 or status in _TEMPORARY:
        return exception.TemporaryError(
            f'{peer} does not answer: {message} (HTTP {status})')
    return exception.PermanentError(
        f'{peer} refuses: {message} (HTTP {status})')


def create_session(conf: cfg.ConfigOpts, group: str) -> sessions.Session:
    """Return a session with the options of a group.

    Each session logs in, too, so the certificate authority of Keystone is
    the default of other groups.
    """
    for name in {GROUP, group}:
        loading.register_session_conf_options(conf, name)
        conf.set_default('timeout', TIMEOUT_SECONDS, group=name)
    if group != GROUP:
        conf.set_default('cafile', conf[GROUP].cafile, group=group)
    return loading.load_session_from_conf_options(conf, group)


def load_credentials(conf: cfg.ConfigOpts, group: str,
                     **scope: str | None) -> identity.BaseIdentityPlugin:
    """Return the credentials of a group, or of the group in :data:`SHARED`.

    :param scope: replacements of configured options.
    :raises ValueError: no group has credentials.
    """
    source = group
    loading.register_auth_conf_options(conf, source)
    while not (conf[source].auth_type or conf[source].auth_section):
        if source not in SHARED:
            raise ValueError(
                f'There are no credentials: set [{group}] auth_type (or '
                f'[{source}] auth_type) and the options of this type.')
        source = SHARED[source]
        loading.register_auth_conf_options(conf, source)
    if conf[source].auth_section:
        loading.register_auth_conf_options(conf, conf[source].auth_section)
    plugin = loading.load_auth_from_conf_options(conf, source, **scope)
    return typing.cast(identity.BaseIdentityPlugin, plugin)


class Keystone:
    """Account of the service, and its trusts."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._conf = conf
        self._service = load_credentials(conf, GROUP)
        self._session = create_session(conf, GROUP)
        self._url = _add_version(self._service.auth_url or '')
        self.region: str | None = conf.keystone.region_name
        #: URL of Keystone for functions.
        self.public_url = _add_version(
            conf.keystone.public_auth_url or self._url)

    def caller_plugin(self, token: str) -> identity.BaseIdentityPlugin:
        """Return the keystoneauth plugin for the token of a request."""
        return python_openstack.GivenToken(self._url, token)

    def trustee_plugin(self, trust_id: str) -> identity.BaseIdentityPlugin:
        """Return the keystoneauth plugin that acts for a trustor."""
        return load_credentials(self._conf, GROUP, trust_id=trust_id,
                                **dict.fromkeys(_SCOPE))

    def open_token(self, plugin: identity.BaseIdentityPlugin, seconds: float
                   ) -> access.AccessInfo:
        """Return a token of a plugin.

        :param seconds: minimum remaining life of the token; at most half of
            the life of a new token.
        """
        with translate_errors('Keystone'):
            token: typing.Any = plugin.get_access(self._session)
            life = (token.expires - token.issued).total_seconds()
            if token.will_expire_soon(min(seconds, life / 2)):
                plugin.invalidate()
                token = plugin.get_access(self._session)
            result: access.AccessInfo = token
        return result

    def create_trust(self, ctx: Caller, roles: Sequence[str], owner: str
                     ) -> str:
        """Create a trust from a caller to the service, and return its id.

        :param roles: names of the roles.
        :param owner: text that distinguishes several services.
        """
        with translate_errors('Keystone'):
            trustee = self._service.get_user_id(self._session)
        trust = {'trustor_user_id': ctx.user_id, 'trustee_user_id': trustee,
                 'project_id': ctx.project_id, 'impersonation': True,
                 'allow_redelegation': False,
                 'roles': [{'name': name} for name in roles],
                 OWNER: owner, MADE_AT: int(time.time())}
        answer = self._post_trust(ctx, trust)
        # Keystone rejects a second trust with the same microsecond of expiry.
        if answer.status_code == requests.codes.conflict:
            answer = self._post_trust(ctx, trust)
        if answer.status_code != requests.codes.created:
            raise create_error('Keystone', answer.status_code,
                               _find_message(answer))
        return str(answer.json()['trust']['id'])

    def _post_trust(self, ctx: Caller, trust: dict[str, typing.Any]
                    ) -> requests.Response:
        expires = (datetime.datetime.now(datetime.timezone.utc)
                   + datetime.timedelta(
                       seconds=self._conf.keystone.trust_lifetime))
        trust['expires_at'] = expires.strftime('%Y-%m-%dT%H:%M:%S.%fZ')
        with translate_errors('Keystone'):
            return self._session.post(
                f'{self._url}/OS-TRUST/trusts', json={'trust': trust},
                authenticated=False, raise_exc=False,
                headers={'X-Auth-Token': ctx.auth_token})

    def delete_trust(self, id: str) -> None:
        """Delete a trust.

        Only the trustor may delete a trust, so use a token of the trust.

        :raises PermanentError: the trust is deleted or not valid any more.
        """
        with translate_errors('Keystone'):
            self._session.delete(f'{self._url}/OS-TRUST/trusts/{id}',
                                 auth=self.trustee_plugin(id))

    def list_trusts(self, owner: str, older_than: float) -> list[str]:
        """Return the ids of the trusts of an owner.

        :param older_than: minimum age in seconds.
        """
        limit = time.time() - older_than
        with translate_errors('Keystone'):
            trustee = self._service.get_user_id(self._session)
            answer = self._session.get(
                f'{self._url}/OS-TRUST/trusts', auth=self._service,
                params={'trustee_user_id': trustee}).json()
        return [trust['id'] for trust in answer['trusts']
                if trust.get(OWNER) == owner
                and trust.get(MADE_AT, limit + 1) <= limit]


def _add_version(url: str) -> str:
    url = url.rstrip('/')
    return url if url.endswith('/v3') else f'{url}/v3'


def _find_message(answer: requests.Response) -> str | None:
    try:
        return str(answer.json()['error']['message'])
    except (ValueError, LookupError, TypeError):
        return answer.reason
