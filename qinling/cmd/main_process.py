# SPDX-License-Identifier: Apache-2.0
"""What a standalone server has once: the engine, and counts of all processes.

The further processes reach the main process through these clients.
"""

import dataclasses
import typing

from qinling.api import identity
from qinling.core.trigger import rate_limit
from qinling.engine import endpoint
from qinling.engine import service
from qinling.rpc import direct

_Json = dict[str, typing.Any]


class Endpoint(endpoint.Endpoint):
    """Verbs of the engine, and methods of the main process."""

    def __init__(self, engine: service.Engine, strategy: identity.Strategy,
                 limit: rate_limit.Limit) -> None:
        super().__init__(engine, None)
        self._strategy: typing.Any = strategy
        self._limit = limit

    def hit_rate_limit(self, _ctx: _Json, key: str) -> _Json | None:
        """Count one delivery.

        :raises RateLimited: the limit is reached.
        """
        usage = self._limit.hit(key)
        return None if usage is None else dataclasses.asdict(usage)

    def verify_password(self, _ctx: _Json, name: str, password: str,
                        address: str) -> bool:
        """Return whether a password is right.

        :param password: in hexadecimal form.
        :raises RateLimited: after many wrong passwords.
        """
        return bool(self._strategy.verifier.verify(
            name, bytes.fromhex(password), address))


class SharedLimit:
    """The rate limit of the main process."""

    def __init__(self, client: direct.EngineClient) -> None:
        self._client = client

    def hit(self, key: str) -> rate_limit.Usage | None:
        """Count one delivery.

        :raises RateLimited: the limit is reached.
        """
        usage = self._client.call('hit_rate_limit', key=key)
        return None if usage is None else rate_limit.Usage(**usage)


def share_passwords(client: direct.EngineClient, strategy: identity.Strategy
                    ) -> None:
    """Let the main process verify new passwords, and count wrong ones.

    :param strategy: only changed if callers have passwords.
    """
    def verify(name: str, password: bytes, address: str) -> bool:
        return bool(client.call('verify_password', name=name,
                                password=password.hex(), address=address))

    verifier = getattr(strategy, 'verifier', None)
    if verifier is not None:
        verifier.delegate = verify
