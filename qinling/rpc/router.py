# SPDX-License-Identifier: Apache-2.0
"""Choice of the engine that runs a synchronous execution.

A function has an order of engines (rendezvous hashing), so that its
executions meet the workers that are warm, as long as the first engine is not
much busier than the others.
"""

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
from qinling.rpc import verbs

LOG = log.getLogger(__name__)

#: Seconds between two looks at the engines.
REFRESH_SECONDS = 2
#: Seconds between the first two tries to reach an engine, and at most; the
#: pause doubles.
MIN_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 1, 60
#: Requests of this process that an engine may have in any case, and in
#: relation to the mean of all engines.
MIN_BUSY, BUSY_RATIO = 8, 1.25
#: Seconds in which one engine gets at most MIN_BUSY asynchronous executions
#: of a function, before others get more.
RECENT_SECONDS = 1
#: Orders of engines to keep, one for each version of a function.
MAX_ORDERS = 4096


class Engine:
    """An engine, and the connections to it.

    A thread of its own connects at the beginning and after each fault, so
    that no execution waits for an engine that cannot be reached.
    """

    def __init__(self, address: engines.Address,
                 tls: ssl.SSLContext | None) -> None:
        self.address = address
        self.channel = channel.Channel(roads.TcpRoad(
            address.owner, address.host, address.port, address.secret, tls))
        self.is_reached = False
        self._closed = threading.Event()
        self._lock = threading.Lock()

    def rank(self, target: targets.Target) -> bytes:
        """Return the place of the engine in the order of a function."""
        return engines.rank(self.address.owner, target.function_id,
                            target.version)

    def is_listening(self) -> bool | None:
        """Return whether the engine answers; ``None`` if that is not known.

        A road may be closed although the engine lives.
        """
        try:
            self.channel.connect()
        except verbs.NotAnswered as e:
            return False if isinstance(
                e.__cause__, ConnectionError) else None
        return True

    def connect(self) -> None:
        """Connect in the background, as often as necessary."""
        threading.Thread(target=self._connect, name='connect',
                         daemon=True).start()

    def give_up(self) -> None:
        """Close the idle connections, and connect in the background."""
        with self._lock:
            if not self.is_reached:
                return
            self.is_reached = False
        self.channel.close()
        self.connect()

    def close(self) -> None:
        """Close the idle connections for good."""
        self._closed.set()
        self.channel.close()

    def _connect(self) -> None:
        pause = MIN_PAUSE_SECONDS
        while not self._closed.is_set():
            try:
                self.channel.connect()
            except verbs.NotAnswered as e:
                LOG.warning(
                    'Cannot reach engine %s at %s:%s directly, trying again '
                    'in %d s: %s', self.address.owner, self.address.host,
                    self.address.port, pause, e)
            else:
                if self._closed.is_set():
                    self.channel.close()
                    return
                self.is_reached = True
                LOG.info('Reached engine %s directly.', self.address.owner)
                return
            self._closed.wait(pause)
            pause = min(2 * pause, MAX_PAUSE_SECONDS)


class Router:
    """Orders the engines for executions.

    :raises ValueError: an option is not valid.
    """

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database) -> None:
        self._db = db
        self._seconds = conf.engine.lease
        self._tls = direct_tls.create_client(conf)
        self._lock = threading.Lock()
        self._engines: dict[engines.Address, Engine] = {}
        self._orders: dict[tuple[str, int], list[Engine]] = {}
        self._recent: dict[tuple[str, int], tuple[float, int]] = {}
        self._refresh_at = 0.0

    def has_engines(self) -> bool:
        """Return whether an engine is reached.

        :raises Unavailable: the database is away.
        """
        now = time.monotonic()
        if now >= self._refresh_at and self._lock.acquire(blocking=False):
            try:
                self._refresh_at = now + REFRESH_SECONDS
                self._refresh()
            finally:
                self._lock.release()
        return any(engine.is_reached for engine in self._engines.values())

    def choose(self, target: targets.Target) -> list[Engine]:
        """Return the engines to ask, the best first."""
        key = target.function_id, target.version
        order = self._orders.get(key)
        if order is None:
            if len(self._orders) >= MAX_ORDERS:
                self._orders.clear()
            order = self._orders[key] = sorted(
                self._engines.values(), key=lambda engine: (
                    engine.rank(target)))
        able = [engine for engine in order if engine.is_reached]
        if len(able) > 1:
            able.sort(key=self._find_busy(able).__contains__)
        return able

    def is_listening(self, owner: str) -> bool | None:
        """Return whether an engine answers; ``None`` if that is not known."""
        engine = self._find(owner)
        return None if engine is None else engine.is_listening()

    def prefer(self, target: targets.Target) -> list[Engine]:
        """Return the engines for an asynchronous execution, best first.

        :returns: empty if any engine may run it, since the function has
            more executions than one engine should run.
        :raises Unavailable: the database is away.
        """
        if not self.has_engines() or not self._count_recent(target):
            return []
        return self.choose(target)

    def _count_recent(self, target: targets.Target) -> bool:
        """Count an execution; return whether there are few per second."""
        key, now = (target.function_id, target.version), time.monotonic()
        since, count = self._recent.get(key, (now, 0))
        if now - since >= RECENT_SECONDS:
            since, count = now, 0
            if len(self._recent) >= MAX_ORDERS:
                self._recent.clear()
        self._recent[key] = since, count + 1
        return count < MIN_BUSY

    def find(self, owner: str) -> Engine | None:
        """Return an engine by its name, if the engine is reached."""
        engine = self._find(owner)
        return engine if engine is not None and engine.is_reached else None

    def _find(self, owner: str) -> Engine | None:
        # The list is a copy, since a thread adds and removes engines.
        return next((engine for engine in list(self._engines.values())
                     if engine.address.owner == owner), None)

    def give_up(self, engine: Engine) -> None:
        """Use an engine no more until it is reached again."""
        engine.give_up()
        # The engine may have a successor.
        self._refresh_at = 0.0

    def close(self) -> None:
        """Close the idle connections."""
        for engine in self._engines.values():
            engine.close()

    @staticmethod
    def _find_busy(able: list[Engine]) -> set[Engine]:
        """Return the engines that are much busier than the others."""
        counts = [engine.channel.busy for engine in able]
        limit = max(MIN_BUSY, BUSY_RATIO * (sum(counts) + 1) / len(able))
        return {engine for engine, count in zip(able, counts)
                if count >= limit}

    def _refresh(self) -> None:
        addresses = engines.list_addresses(self._db, self._seconds)
        if set(addresses) == set(self._engines):
            return
        engines_now = {address: self._engines.get(address)
                       or self._create(address) for address in addresses}
        removed = [engine for address, engine in self._engines.items()
                   if address not in engines_now]
        self._engines, self._orders = engines_now, {}
        for engine in removed:
            engine.close()

    def _create(self, address: engines.Address) -> Engine:
        engine = Engine(address, self._tls if address.tls else None)
        engine.connect()
        return engine
