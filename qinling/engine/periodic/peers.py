# SPDX-License-Identifier: Apache-2.0
"""Detection of dead engines, long before their leases end.

Engines with direct connections write a heartbeat each second.  Like the
Leases of Kubernetes, no engine compares the clocks of two machines: a
heartbeat counts when it changes.  A silent engine is asked directly before it
counts as dead.
"""

import dataclasses
import datetime
import time
import typing

from oslo_config import cfg
from oslo_log import log

from qinling.core import targets
from qinling.db import engines
from qinling.db import models
from qinling.db import session
from qinling.engine.periodic import heartbeat as heartbeat_module
from qinling.engine.periodic import reaper as reaper_module
from qinling.rpc import direct_tls
from qinling.rpc import roads

LOG = log.getLogger(__name__)

#: Seconds between two heartbeats, and between two looks at those of others.
INTERVAL_SECONDS = 1
#: Seconds without a heartbeat after which an engine is dead if nothing
#: listens at its address, and if nothing answers there.
REFUSED_SECONDS, SILENT_SECONDS = 3, 6


@dataclasses.dataclass
class _Peer:
    """Another engine; ``since`` is a time of ``time.monotonic()``."""

    seen_at: datetime.datetime
    since: float
    died_at: datetime.datetime | None = None


class Peers:
    """The engines of the deployment, as one engine sees them."""

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database,
                 heartbeat: heartbeat_module.Heartbeat,
                 reaper: reaper_module.Reaper, owner: str) -> None:
        self._db = db
        self._heartbeat = heartbeat
        self._reaper = reaper
        self._owner = owner
        self._conf = conf
        self._peers: dict[str, _Peer] = {}
        self._read_at = 0.0

    def list_turns(self) -> list[tuple[typing.Any, ...]]:
        """Return name, interval and task of each thread."""
        return [('presence', INTERVAL_SECONDS, self._heartbeat.announce),
                ('peers', INTERVAL_SECONDS, self.run)]

    def run(self) -> bool:
        """Take over the executions of dead engines.

        :returns: whether dead engines have more executions.
        """
        if not self._heartbeat.is_published:
            return False
        addresses = self._read()
        is_behind = False
        for owner, peer in self._peers.items():
            if peer.died_at is None and self._is_dead(
                    addresses[owner], time.monotonic() - peer.since):
                LOG.warning('Engine %s is dead; taking over its executions.',
                            owner)
                peer.died_at = models.now()
            if peer.died_at is not None:
                if self._reaper.take_over(owner, peer.died_at):
                    is_behind = True
                else:
                    engines.withdraw_address(self._db, owner)
        return is_behind

    def _read(self) -> dict[str, engines.Address]:
        """Read the heartbeats; return the addresses of other engines."""
        now = time.monotonic()
        if now - self._read_at > REFUSED_SECONDS:
            # After an outage of the database, engines need time to write.
            self._peers = {}
        self._read_at = now
        addresses = {}
        peers: dict[str, _Peer] = {}
        for address, seen_at in engines.list_heartbeats(self._db):
            if address.owner != self._owner:
                addresses[address.owner] = address
                peer = self._peers.get(address.owner)
                if peer is None or peer.seen_at != seen_at:
                    peer = _Peer(seen_at, now)
                peers[address.owner] = peer
        self._peers = peers
        return addresses

    def _is_dead(self, address: engines.Address, silence: float) -> bool:
        if silence < REFUSED_SECONDS:
            return False
        try:
            roads.TcpRoad(
                address.owner, address.host, address.port, address.secret,
                direct_tls.create_client(self._conf) if address.tls else None
                ).open()[0].close()
        except ConnectionError:
            return True
        except OSError:
            return silence >= SILENT_SECONDS
        return False

    def is_home(self, target: targets.Target) -> bool:
        """Return whether this engine is the first one of a function."""
        def rank(owner: str) -> bytes:
            return engines.rank(owner, target.function_id, target.version)
        mine = rank(self._owner)
        return all(mine <= rank(owner)
                   for owner, peer in self._peers.items()
                   if peer.died_at is None)
