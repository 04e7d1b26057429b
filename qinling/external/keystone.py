# SPDX-License-Identifier: Apache-2.0
"""Keystone: who the service is, and in whose name it may act."""

import contextlib
import datetime
import time

from keystoneauth1 import exceptions
from keystoneauth1 import loading
import requests

from qinling import exception
from qinling.runtimes import python_openstack

GROUP = 'keystone'
#: A group without credentials -> the one whose it uses.
SHARED = {'swift': GROUP, GROUP: 'keystone_authtoken'}
#: Seconds to wait for an answer if the option ``timeout`` is not set.
TIMEOUT = 10
#: What a trust carries besides what Keystone knows of it.
OWNER, MADE_AT = 'qinling_owner', 'qinling_made_at'
#: Options that give credentials a scope; a trust has one of its own.
_SCOPE = ('project_id', 'project_name', 'project_domain_id',
          'project_domain_name', 'domain_id', 'domain_name', 'system_scope')
#: Answers that another try may overcome.
_TEMPORARY = (408, 429)


@contextlib.contextmanager
def faults(peer):
    """What goes wrong with a service, in the words of drivers."""
    try:
        yield
    except exceptions.HttpError as e:
        raise refusal(peer, e.http_status, e.message) from e
    except exceptions.CatalogException as e:
        raise exception.PermanentError(f'{peer} cannot be found: {e}') from e
    except (exceptions.ClientException, requests.RequestException) as e:
        raise exception.TemporaryError(f'{peer} does not answer: {e}') from e


def refusal(peer, status, message):
    """The error for an HTTP status."""
    if status >= 500 or status in _TEMPORARY:
        return exception.TemporaryError(
            f'{peer} does not answer: {message} (HTTP {status})')
    return exception.PermanentError(
        f'{peer} refuses: {message} (HTTP {status})')


def session(conf, group):
    """A keystoneauth session with the options of a group; certificates are
    checked unless they say otherwise.  Each session logs in, too, so that
    it needs to know who vouches for Keystone."""
    for each in {GROUP, group}:
        loading.register_session_conf_options(conf, each)
        conf.set_default('timeout', TIMEOUT, group=each)
    if group != GROUP:
        conf.set_default('cafile', conf[GROUP].cafile, group=group)
    return loading.load_session_from_conf_options(conf, group)


def credentials(conf, group, **scope):
    """The keystoneauth plugin that a group describes, or the group whose
    account it shares.

    :param scope: options that it shall have instead of those configured.
    :raises ValueError: there is none.
    """
    found = group
    loading.register_auth_conf_options(conf, found)
    while not (conf[found].auth_type or conf[found].auth_section):
        if found not in SHARED:
            raise ValueError(f'There are no credentials: set [{group}] '
                             f'auth_type (or [{found}] auth_type) and what '
                             'goes with it.')
        found = SHARED[found]
        loading.register_auth_conf_options(conf, found)
    if conf[found].auth_section:
        loading.register_auth_conf_options(conf, conf[found].auth_section)
    return loading.load_auth_from_conf_options(conf, found, **scope)


class Keystone:
    """The service's own account, and the trusts that it has."""

    def __init__(self, conf):
        self._conf = conf
        self._service = credentials(conf, GROUP)
        self._session = session(conf, GROUP)
        self._url = _v3(self._service.auth_url)
        self.region = conf.keystone.region_name
        #: Where functions find Keystone.
        self.public_url = _v3(conf.keystone.public_auth_url or self._url)

    def caller(self, token):
        """The keystoneauth plugin of whoever sent a request."""
        return python_openstack.GivenToken(self._url, token)

    def trustee(self, trust_id):
        """The keystoneauth plugin of a trust, for its trustor."""
        return credentials(self._conf, GROUP, trust_id=trust_id,
                           **dict.fromkeys(_SCOPE))

    def open(self, plugin, seconds):
        """The token of a plugin, which is good for so many seconds at
        least, or for half of its life if that is short.

        :returns: a keystoneauth ``AccessInfo``.
        """
        with faults('Keystone'):
            access = plugin.get_access(self._session)
            life = (access.expires - access.issued).total_seconds()
            if access.will_expire_soon(min(seconds, life / 2)):
                plugin.invalidate()
                access = plugin.get_access(self._session)
        return access

    def create_trust(self, ctx, roles, owner):
        """Let the service act for a caller, in his project.

        :param ctx: what has ``auth_token``, ``user_id`` and ``project_id``.
        :param roles: names of the roles.
        :param owner: text that tells trusts of several services apart.
        :returns: its id.
        """
        with faults('Keystone'):
            trustee = self._service.get_user_id(self._session)
        trust = {'trustor_user_id': ctx.user_id, 'trustee_user_id': trustee,
                 'project_id': ctx.project_id, 'impersonation': True,
                 'allow_redelegation': False,
                 'roles': [{'name': name} for name in roles],
                 OWNER: owner, MADE_AT: int(time.time())}
        made = self._create(ctx, trust)
        # Two that expire in the same microsecond are one to Keystone.
        if made.status_code == requests.codes.conflict:
            made = self._create(ctx, trust)
        if made.status_code != requests.codes.created:
            raise refusal('Keystone', made.status_code, _message(made))
        return made.json()['trust']['id']

    def _create(self, ctx, trust):
        expires = (datetime.datetime.now(datetime.timezone.utc)
                   + datetime.timedelta(
                       seconds=self._conf.keystone.trust_lifetime))
        trust['expires_at'] = expires.strftime('%Y-%m-%dT%H:%M:%S.%fZ')
        with faults('Keystone'):
            return self._session.post(
                f'{self._url}/OS-TRUST/trusts', json={'trust': trust},
                authenticated=False, raise_exc=False,
                headers={'X-Auth-Token': ctx.auth_token})

    def delete_trust(self, id):
        """Give a trust back.

        Only the trustor may, and whoever has his trust: the token that the
        trust itself gives.

        :raises PermanentError: it is gone, or gives nothing any more.
        """
        with faults('Keystone'):
            self._session.delete(f'{self._url}/OS-TRUST/trusts/{id}',
                                 auth=self.trustee(id))

    def trusts(self, owner, older_than):
        """Ids of the trusts that were made for ``owner`` at least so many
        seconds ago."""
        limit = time.time() - older_than
        with faults('Keystone'):
            trustee = self._service.get_user_id(self._session)
            found = self._session.get(
                f'{self._url}/OS-TRUST/trusts', auth=self._service,
                params={'trustee_user_id': trustee}).json()
        return [trust['id'] for trust in found['trusts']
                if trust.get(OWNER) == owner
                and trust.get(MADE_AT, limit + 1) <= limit]


def _v3(url):
    url = url.rstrip('/')
    return url if url.endswith('/v3') else f'{url}/v3'


def _message(answer):
    try:
        return answer.json()['error']['message']
    except (ValueError, LookupError, TypeError):
        return answer.reason
