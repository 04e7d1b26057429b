#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

"""Tokens for executions: opened with the trust of their function.

Opening one takes Keystone a third of a second, so it is kept for the
executions that follow, in memory only.
"""

import collections
import threading

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
                self._plugins.popitem(last=False)
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
        access = self._open(target)
        return {'auth_url': self._keystone.public_url,
                'token': access.auth_token, 'user_id': access.user_id,
                'region': self._keystone.region,
                'expires_at': access.expires.strftime('%Y-%m-%dT%H:%M:%SZ'),
                'os_session': None}

    def _open(self, target):
        needed = target.timeout + MARGIN
        try:
            access = self._keystone.open(self.auth(target), needed)
        except exception.TemporaryError as e:
            LOG.error('No token for function %s: %s', target.function_id, e)
            raise NoToken('The function acts for its owner, but Keystone '
                          'does not answer; try again later.') from e
        except exception.PermanentError as e:
            with self._lock:
                self._plugins.pop(target.trust_id, None)
            raise NoToken(
                'The function acts for its owner, but its trust gives '
                f'nothing any more: {e}. It has expired, or its owner has '
                'lost the roles that it gives. An update of the function '
                'with trust=true makes another.') from e
        if access.will_expire_soon(_early(access, needed)):
            self._renew_later(target.trust_id, needed)
        return access

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
