# SPDX-License-Identifier: Apache-2.0
"""Heartbeats of engines, and the addresses at which they listen.

Only engines with workers of their own have a heartbeat.  Where all engines
share the workers, as pods, the table of heartbeats is empty.
"""

import dataclasses
import datetime
import os
import socket
import uuid

from qinling.db import crud
from qinling.db import models
from qinling.db import session

_MODEL, _ADDRESS = models.Engine, models.EngineAddress


@dataclasses.dataclass(frozen=True)
class Address:
    """Where an engine listens for direct connections.

    :param owner: name of the engine.
    :param secret: that only the service knows.
    :param tls: whether the engine speaks TLS.
    """

    owner: str
    host: str
    port: int
    secret: str = dataclasses.field(repr=False)
    tls: bool


def create_owner() -> str:
    """Return a new name of an engine for the column ``owner``."""
    return (f'{socket.gethostname()[:60]}:{os.getpid()}:'
            f'{uuid.uuid4().hex[:8]}')


def bus_name(owner: str) -> str:
    """Return the name on the message bus of the owner of executions."""
    return owner.replace(':', '-')


def heartbeat(db: session.Database, name: str) -> None:
    """Record that an engine is alive."""
    def write(tx: session.Connection) -> None:
        now = models.now()
        if not crud.update_all(
                tx, _MODEL, {'seen_at': now}, _MODEL.id == name):
            crud.insert(tx, _MODEL, id=name, seen_at=now)
    db.write(write, durable=False)


def unregister(db: session.Database, name: str) -> None:
    """Delete the row of an engine that stops."""
    db.write(lambda tx: crud.delete(tx, _MODEL, name), durable=False)


def list_alive(db: session.Database, seconds: float) -> list[str]:
    """Return the names of engines with a heartbeat within ``seconds``."""
    limit = models.now() - datetime.timedelta(seconds=seconds)
    rows = db.read(crud.select, _MODEL, _MODEL.seen_at > limit,
                   order=(_MODEL.id,))
    return [row.id for row in rows]


def prune_stalled(db: session.Database, seconds: float) -> None:
    """Delete the engines without a heartbeat for ``seconds``."""
    limit = models.now() - datetime.timedelta(seconds=seconds)

    def write(tx: session.Connection) -> None:
        for model in (_MODEL, _ADDRESS):
            crud.delete_all(tx, model, model.seen_at <= limit)
    db.write(write, durable=False)


def publish_address(db: session.Database, address: Address) -> None:
    """Record that an engine listens at an address."""
    def write(tx: session.Connection) -> None:
        now = models.now()
        if not crud.update_all(tx, _ADDRESS, {'seen_at': now},
                               _ADDRESS.id == address.owner):
            crud.insert(tx, _ADDRESS, id=address.owner, seen_at=now,
                        host=address.host, port=address.port,
                        secret=address.secret, tls=address.tls)
    db.write(write, durable=False)


def withdraw_address(db: session.Database, owner: str) -> None:
    """Delete the address of an engine that stops."""
    db.write(lambda tx: crud.delete(tx, _ADDRESS, owner), durable=False)


def list_addresses(db: session.Database, seconds: float) -> list[Address]:
    """Return the addresses of engines seen within ``seconds``."""
    limit = models.now() - datetime.timedelta(seconds=seconds)
    rows = db.read(crud.select, _ADDRESS, _ADDRESS.seen_at > limit,
                   order=(_ADDRESS.id,))
    return [Address(row.id, row.host, row.port, row.secret, row.tls)
            for row in rows]
