# SPDX-License-Identifier: Apache-2.0
"""Heartbeats of engines, and the addresses at which they listen.

Only engines with workers of their own have a heartbeat.  Where all engines
share the workers, as pods, the table of heartbeats is empty.
"""

from collections.abc import Sequence
import contextlib
import dataclasses
import datetime
import hashlib
import os
import socket
import typing
import uuid

from qinling.db import crud
from qinling.db import models
from qinling.db import periodic_queries
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
    _record(db, _MODEL, name)


def unregister(db: session.Database, name: str) -> None:
    """Delete the row of an engine that stops."""
    db.write(lambda tx: crud.delete(tx, _MODEL, name), durable=False)


def list_alive(db: session.Database, seconds: float) -> list[str]:
    """Return the names of engines with a heartbeat within ``seconds``."""
    return [row.id for row in _select_alive(db, _MODEL, seconds)]


def prune_stalled(db: session.Database, seconds: float) -> None:
    """Delete the engines without a heartbeat for ``seconds``."""
    until = models.now() - datetime.timedelta(seconds=seconds)
    db.write(lambda tx: periodic_queries.delete_stalled(tx, until),
             durable=False)


def publish_address(db: session.Database, address: Address) -> None:
    """Record that an engine listens at an address."""
    _record(db, _ADDRESS, address.owner, host=address.host,
            port=address.port, secret=address.secret, tls=address.tls)


def withdraw_address(db: session.Database, owner: str) -> None:
    """Delete the address of an engine that stops."""
    db.write(lambda tx: crud.delete(tx, _ADDRESS, owner), durable=False)


def list_addresses(db: session.Database, seconds: float) -> list[Address]:
    """Return the addresses of engines seen within ``seconds``."""
    return [_read_address(row) for row in _select_alive(db, _ADDRESS, seconds)]


def list_heartbeats(db: session.Database
                    ) -> list[tuple[Address, datetime.datetime]]:
    """Return the address of each engine, and its clock at the heartbeat."""
    return [(_read_address(row), row.seen_at)
            for row in db.read(periodic_queries.list_addresses)]


def _read_address(row: typing.Any) -> Address:
    return Address(row.id, row.host, row.port, row.secret, row.tls)


def rank(owner: str, function_id: str, version: int) -> bytes:
    """Return the place of an engine in the order of a function.

    The first engine runs the executions, as long as it is not much busier
    than the others (rendezvous hashing).
    """
    return hashlib.sha256(
        f'{function_id} {version} {owner}'.encode()).digest()


def _record(db: session.Database, model: typing.Any, id: str,
            **columns: typing.Any) -> None:
    """Record that an engine is alive; insert the row if necessary."""
    def write(tx: session.Connection) -> None:
        now = models.now()
        if not crud.update(tx, model, id, {'seen_at': now}, params={}):
            crud.insert(tx, model, id=id, seen_at=now, **columns)
    # Another thread of the engine may insert the row first.
    with contextlib.suppress(crud.DuplicateEntry):
        db.write(write, durable=False)


def _select_alive(db: session.Database, model: typing.Any, seconds: float
                  ) -> Sequence[typing.Any]:
    limit = models.now() - datetime.timedelta(seconds=seconds)
    rows: Sequence[typing.Any] = db.read(
        crud.select, model, model.seen_at > limit, order=(model.id,))
    return rows
