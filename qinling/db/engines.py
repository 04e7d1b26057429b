# SPDX-License-Identifier: Apache-2.0
"""Heartbeats of the engines that have workers of their own.

Where all engines share the workers, as pods, the table is empty.
"""

import datetime
import os
import socket
import uuid

from qinling.db import crud
from qinling.db import models
from qinling.db import session

_MODEL = models.Engine


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
    db.write(lambda tx: crud.delete_all(
        tx, _MODEL, _MODEL.seen_at <= limit), durable=False)
