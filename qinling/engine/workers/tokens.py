# SPDX-License-Identifier: Apache-2.0
"""Keystone tokens for executions, issued by the trust of the function.

Keystone takes a third of a second to issue a token, so tokens are cached in
memory for the executions that follow.
"""

import collections
import dataclasses
import threading
import time
import typing

from oslo_log import log

from qinling.core import targets
from qinling.engine import background as background_module
from qinling import exception

if typing.TYPE_CHECKING:
    from qinling.external import keystone as keystone_module

LOG = log.getLogger(__name__)

#: Functions with cached tokens; the least recently used is dropped.
MAX_CACHED_FUNCTIONS = 1000
#: Seconds that a token has to be valid beyond the timeout of the execution:
#: for the wait for a worker, and the import.
TOKEN_MARGIN_SECONDS = 120
#: Seconds before the expiry at which a background thread renews a token.
RENEWAL_SECONDS = 300
#: Share of the life of a token after which it is renewed at the earliest.
MAX_RENEWAL_SHARE = 3 / 4
#: Context of an execution without a token.
NO_CONTEXT = {'auth_url': None, 'token': None, 'user_id': None,
              'region': None, 'expires_at': None, 'os_session': None}


class NoToken(Exception):
    """Keystone issued no token; the message is for the user."""


class TrustLost(NoToken):
    """The trust grants nothing any more; the function may have another."""


@dataclasses.dataclass(frozen=True)
class CachedContext:
    """OpenStack context for executions of at most ``timeout`` seconds.

    Valid for executions that start before ``until``, of ``time.time()``.
    """

    context: dict[str, typing.Any]
    timeout: int
    until: float


class Tokens:
    """Tokens of one engine.

    :param keystone: ``None`` without an account in Keystone.
    """

    def __init__(self, keystone: 'keystone_module.Keystone | None',
                 background: background_module.Background) -> None:
        self._keystone = keystone
        self._background = background
        self._lock = threading.Lock()
        self._plugins: collections.OrderedDict[str, typing.Any] = (
            collections.OrderedDict())
        self._renewing: set[str] = set()
        #: trust id -> context
        self._contexts: dict[str, CachedContext] = {}

    def auth(self, target: targets.Target) -> typing.Any:
        """Return the keystoneauth plugin of the trust, or ``None``."""
        if self._keystone is None or target.trust_id is None:
            return None
        with self._lock:
            plugin = self._plugins.get(target.trust_id)
            if plugin is not None:
                self._plugins.move_to_end(target.trust_id)
                return plugin
        return self._add_plugin(self._keystone, target.trust_id)

    def _add_plugin(self, keystone: 'keystone_module.Keystone',
                    trust_id: str) -> typing.Any:
        plugin = keystone.trustee_plugin(trust_id)
        with self._lock:
            self._plugins[trust_id] = plugin
            if len(self._plugins) > MAX_CACHED_FUNCTIONS:
                oldest, _ = self._plugins.popitem(last=False)
                self._contexts.pop(oldest, None)
        return plugin

    def context(self, target: targets.Target) -> dict[str, typing.Any]:
        """Return the OpenStack part of the context of an execution.

        :raises NoToken, TrustLost: the function has a trust, but Keystone
            gives no token for the trust.
        """
        if target.trust_id is None:
            return NO_CONTEXT
        if self._keystone is None:
            raise NoToken('The function acts for its owner, but this engine '
                          'has no account in Keystone.')
        cached = self._contexts.get(target.trust_id)
        if (cached is None or target.timeout > cached.timeout
                or time.time() >= cached.until):
            cached = self._create_context(
                self._keystone, target, target.trust_id)
        return cached.context

    def _create_context(self, keystone: 'keystone_module.Keystone',
                        target: targets.Target, trust_id: str
                        ) -> CachedContext:
        access = self._open(keystone, target, trust_id)
        seconds = target.timeout + TOKEN_MARGIN_SECONDS
        renewal = _renewal_seconds(access, seconds)
        if access.will_expire_soon(renewal):
            self._start_renewal(keystone, trust_id, seconds)
        cached = CachedContext(
            {'auth_url': keystone.public_url, 'token': access.auth_token,
             'user_id': access.user_id, 'region': keystone.region,
             'expires_at': access.expires.strftime('%Y-%m-%dT%H:%M:%SZ'),
             'os_session': None},
            target.timeout, access.expires.timestamp() - renewal)
        self._contexts[trust_id] = cached
        return cached

    def _open(self, keystone: 'keystone_module.Keystone',
              target: targets.Target, trust_id: str) -> typing.Any:
        try:
            return keystone.open_token(self.auth(target),
                                       target.timeout + TOKEN_MARGIN_SECONDS)
        except exception.TemporaryError as e:
            LOG.error('Could not get a token for function %s: %s',
                      target.function_id, e)
            raise NoToken('The function acts for its owner, but Keystone '
                          'does not answer; try again later.') from e
        except exception.PermanentError as e:
            with self._lock:
                self._plugins.pop(trust_id, None)
                self._contexts.pop(trust_id, None)
            raise TrustLost(
                'The function acts for its owner, but its trust gives '
                f'nothing any more: {e}. It has expired, or its owner has '
                'lost the roles that it gives. An update of the function '
                'with trust=true makes another.') from e

    def _start_renewal(self, keystone: 'keystone_module.Keystone',
                       trust_id: str, seconds: float) -> None:
        with self._lock:
            if trust_id in self._renewing:
                return
            self._renewing.add(trust_id)
        try:
            self._background.submit(self._renew, keystone, trust_id, seconds)
        except exception.Unavailable:  # the engine stops
            self._renewing.discard(trust_id)

    def _renew(self, keystone: 'keystone_module.Keystone', trust_id: str,
               seconds: float) -> None:
        """Replace a token that expires soon."""
        try:
            plugin = keystone.trustee_plugin(trust_id)
            keystone.open_token(plugin, seconds)
            with self._lock:
                if trust_id in self._plugins:
                    self._plugins[trust_id] = plugin
        finally:
            self._renewing.discard(trust_id)


def _renewal_seconds(access: typing.Any, seconds: float) -> float:
    """Return the seconds before its expiry at which a token is renewed.

    The limit keeps short-lived tokens from permanent renewal.
    """
    life: float = (access.expires - access.issued).total_seconds()
    return min(seconds + RENEWAL_SECONDS, life * MAX_RENEWAL_SHARE)
