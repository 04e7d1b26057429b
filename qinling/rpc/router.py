# SPDX-License-Identifier: Apache-2.0
"""Choice of the engine that runs a synchronous execution.

A function has an order of engines (rendezvous hashing), so that its
executions meet the workers that are warm, as long as the first engine is not
much busier than the others.
"""

from collections.abc import Iterator
import hashlib
import ssl
import threading
import time

from oslo_config import cfg
from oslo_log import log

from qinling.core import targets
from qinling.db import engines
from qinling.db import session
from qinling.rpc import channel
from qinling.rpc import direct_tls
from qinling.rpc import roads

LOG = log.getLogger(__name__)

#: Seconds between two looks at the engines.
REFRESH_SECONDS = 2
#: Seconds without requests to an engine that did not answer.
PAUSE_SECONDS = 5
#: Requests of this process that an engine may have in any case, and in
#: relation to the mean of all engines.
MIN_BUSY, BUSY_RATIO = 8, 1.25


class _Engine:
    """An engine, and the connections to it."""

    def __init__(self, address: engines.Address,
                 tls: ssl.SSLContext | None) -> None:
        self.address = address
        self.channel = channel.Channel(roads.TcpRoad(
            address.owner, address.host, address.port, address.secret, tls))
        self.paused_until = 0.0

    def rank(self, target: targets.Target) -> bytes:
        """Return the place of the engine in the order of a function."""
        return hashlib.sha256(
            f'{target.function_id} {target.version} {self.address.owner}'
            .encode()).digest()


class Router:
    """Orders the engines for executions.

    :raises ValueError: an option is not valid.
    """

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database) -> None:
        self._db = db
        self._seconds = conf.engine.lease
        self._tls = direct_tls.create_client(conf)
        self._lock = threading.Lock()
        self._engines: dict[engines.Address, _Engine] = {}
        self._orders: dict[tuple[str, int], list[_Engine]] = {}
        self._refresh_at = 0.0

    def has_engines(self) -> bool:
        """Return whether an engine may be reached.

        :raises Unavailable: the database is away.
        """
        now = time.monotonic()
        if now >= self._refresh_at and self._lock.acquire(blocking=False):
            try:
                self._refresh_at = now + REFRESH_SECONDS
                self._refresh()
            finally:
                self._lock.release()
        return bool(self._engines)

    def choose(self, target: targets.Target) -> Iterator[_Engine]:
        """Yield the engines to ask, the best first."""
        key = target.function_id, target.version
        order = self._orders.get(key)
        if order is None:
            order = self._orders[key] = sorted(
                self._engines.values(), key=lambda engine: (
                    engine.rank(target)))
        if len(order) > 1:
            yield from self._balance(order)
        elif order and order[0].paused_until <= time.monotonic():
            yield order[0]

    def pause(self, engine: _Engine) -> None:
        """Ask an engine no more for some seconds, but look for new ones."""
        engine.paused_until = time.monotonic() + PAUSE_SECONDS
        engine.channel.close()
        self._refresh_at = 0.0

    def close(self) -> None:
        """Close the idle connections."""
        for engine in self._engines.values():
            engine.channel.close()

    def _balance(self, order: list[_Engine]) -> Iterator[_Engine]:
        now = time.monotonic()
        able = [engine for engine in order if engine.paused_until <= now]
        counts = [engine.channel.busy for engine in able]
        limit = max(MIN_BUSY, BUSY_RATIO * (sum(counts) + 1) / len(order))
        late = []
        for engine, count in zip(able, counts):
            if count < limit:
                yield engine
            else:
                late.append(engine)
        yield from late

    def _refresh(self) -> None:
        addresses = engines.list_addresses(self._db, self._seconds)
        if set(addresses) == set(self._engines):
            return
        engines_now = {}
        for address in addresses:
            engines_now[address] = self._engines.get(address) or _Engine(
                address, self._tls if address.tls else None)
        removed = [engine for address, engine in self._engines.items()
                   if address not in engines_now]
        self._engines, self._orders = engines_now, {}
        for engine in removed:
            engine.channel.close()
        LOG.info('Engines with direct connections: %s.', ', '.join(
            address.owner for address in addresses) or 'none')
