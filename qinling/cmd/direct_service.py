# SPDX-License-Identifier: Apache-2.0
"""Direct connections of an engine of a cloud deployment."""

import secrets

from oslo_config import cfg
from oslo_log import log

from qinling.db import engines
from qinling.engine import endpoint
from qinling.engine import service
from qinling.rpc import direct_server
from qinling.rpc import direct_tls

LOG = log.getLogger(__name__)


class DirectService:
    """Server for the API, whose address is in the database."""

    def __init__(self, conf: cfg.ConfigOpts, engine: service.Engine,
                 receiver: endpoint.Endpoint) -> None:
        tls = direct_tls.create_server(conf)
        listener = direct_tls.listen(conf)
        host, port = listener.getsockname()[:2]
        # A certificate has a name, not the address behind it.
        host = conf.direct.host or host
        self._heartbeat = engine.heartbeat
        self._address = engines.Address(
            engine.owner, host, port, secrets.token_hex(), tls is not None)
        self._server = direct_server.Server(
            listener, receiver, engine.owner, self._address.secret, tls)

    def start(self) -> None:
        """Accept connections from now on."""
        self._server.start()
        self._heartbeat.publish(self._address)
        LOG.info('Accepting direct connections at %s:%s%s.',
                 self._address.host, self._address.port,
                 ' with TLS' if self._address.tls else '')

    def leave(self, timeout: float) -> None:
        """Accept no more executions, and wait for the running ones."""
        self._heartbeat.publish(None)
        self._server.leave(timeout)

    def stop(self) -> None:
        """End all connections; no execution runs any more."""
        self._server.stop()


def create(conf: cfg.ConfigOpts, engine: service.Engine,
           receiver: endpoint.Endpoint) -> DirectService | None:
    """Return the direct connections, unless they are off.

    :raises ValueError: an option is not valid.
    """
    return (DirectService(conf, engine, receiver) if conf.direct.enabled
            else None)
