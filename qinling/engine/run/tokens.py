# SPDX-License-Identifier: Apache-2.0
"""Tokens for executions: opened with the trust of their function.

Opening one takes Keystone a third of a second, so it is kept for the
executions that follow, in memory only.
"""

import collections
import dataclasses
import threading
import time

from oslo_log import log

from qinling import exception

LOG = log.getLogger(__name__)

#: Functions whose tokens are kept; what was used longest ago is forgotten.
MOST = 1000
#: Seconds that a token is good for beyond the timeout of the execution.
MARGIN = 60
#: Seconds before its time at which another is opened, by a thread for which
#: nobody waits.
EARLY = 300
#: What the context of an execution says without a token.
NOTHING = {'auth_url': None, 'token': None, 'user_id': None, 'region': None,
           'expires_at': None, 'os_session': None}


class NoToken(Exception):
    """There is none to be had; the message is for the user."""


@dataclasses.dataclass(frozen=True)
class Ready:
    """What is told to executions of at most ``timeout`` seconds that begin
    before ``until``, on ``time.time()``."""

    context: dict
    timeout: int
    until: float


class Tokens:
    """The tokens of one engine.

    :param keystone: a :class:`qinling.external.keystone.Keystone`, or
        ``None``.
    :param later: runs a function of an argument in the background.
    """

    def __init__(self, keystone, later):
        self._keystone = keystone
        self._later = later
        self._lock = threading.Lock()
        self._plugins = collections.OrderedDict()
        self._renewing = set()
        #: trust id -> Ready
        self._ready = {}

    def auth(self, target):
        """The keystoneauth plugin of a target's trust, or ``None``."""
        if self._keystone is None or target.trust_id is None:
            return None
        with self._lock:
            plugin = self._plugins.get(target.trust_id)
            if plugin is not None:
                self._plugins.move_to_end(target.trust_id)
                return plugin
        return self._keep(target.trust_id)

    def _keep(self, trust_id):
        plugin = self._keystone.trustee(trust_id)
        with self._lock:
            self._plugins[trust_id] = plugin
            if len(self._plugins) > MOST:
                self._ready.pop(self._plugins.popitem(last=False)[0], None)
        return plugin

    def context(self, target):
        """What the context of an execution says of OpenStack.

        :raises NoToken: the function has a trust, and it opens nothing.
        """
        if target.trust_id is None:
            return NOTHING
        if self._keystone is None:
            raise NoToken('The function acts for its owner, but this engine '
                          'has no account in Keystone.')
        ready = self._ready.get(target.trust_id)
        if (ready is None or target.timeout > ready.timeout
                or time.time() >= ready.until):
            ready = self._make_ready(target)
        return ready.context

    def _make_ready(self, target):
        access = self._open(target)
        needed = target.timeout + MARGIN
        early = _early(access, needed)
        if access.will_expire_soon(early):
            self._renew_later(target.trust_id, needed)
        ready = Ready(self._describe(access), target.timeout,
                      access.expires.timestamp() - early)
        self._ready[target.trust_id] = ready
        return ready

    def _describe(self, access):
        return {'auth_url': self._keystone.public_url,
                'token': access.auth_token, 'user_id': access.user_id,
                'region': self._keystone.region,
                'expires_at': access.expires.strftime('%Y-%m-%dT%H:%M:%SZ'),
                'os_session': None}

    def _open(self, target):
        try:
            return self._keystone.open(
                self.auth(target), target.timeout + MARGIN)
        except exception.TemporaryError as e:
            LOG.error('No token for function %s: %s', target.function_id, e)
            raise NoToken('The function acts for its owner, but Keystone '
                          'does not answer; try again later.') from e
        except exception.PermanentError as e:
            with self._lock:
                self._plugins.pop(target.trust_id, None)
                self._ready.pop(target.trust_id, None)
            raise NoToken(
                'The function acts for its owner, but its trust gives '
                f'nothing any more: {e}. It has expired, or its owner has '
                'lost the roles that it gives. An update of the function '
                'with trust=true makes another.') from e

    def _renew_later(self, trust_id, needed):
        with self._lock:
            if trust_id in self._renewing:
                return
            self._renewing.add(trust_id)
        try:
            self._later(self._renew, trust_id, needed)
        except RuntimeError:  # the engine is stopping
            self._renewing.discard(trust_id)

    def _renew(self, trust_id, needed):
        """Have another token in the place of one that expires soon."""
        try:
            plugin = self._keystone.trustee(trust_id)
            self._keystone.open(plugin, needed)
            with self._lock:
                if trust_id in self._plugins:
                    self._plugins[trust_id] = plugin
        finally:
            self._renewing.discard(trust_id)


def _early(access, needed):
    """Seconds before its end at which a token is renewed; short-lived ones
    are not renewed all the time."""
    life = (access.expires - access.issued).total_seconds()
    return min(needed + EARLY, life * 3 / 4)
