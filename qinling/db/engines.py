# SPDX-License-Identifier: Apache-2.0
"""The engines that have workers of their own, and whether they live.

Where all engines share the workers, as pods, there is none of them here.
"""

import datetime

from qinling.db import crud
from qinling.db import models

_MODEL = models.Engine


def name(owner):
    """What the owner of executions is called on the message bus."""
    return owner.replace(':', '-')


def tell(db, name):
    """An engine lives."""
    def write(tx):
        now = models.now()
        if not crud.update_all(
                tx, _MODEL, {'seen_at': now}, _MODEL.id == name):
            crud.insert(tx, _MODEL, id=name, seen_at=now)
    db.write(write, durable=False)


def forget(db, name):
    """An engine ends."""
    db.write(lambda tx: crud.delete(tx, _MODEL, name), durable=False)


def living(db, seconds):
    """The names of those that gave a sign of life within so many seconds."""
    limit = models.now() - datetime.timedelta(seconds=seconds)
    rows = db.read(lambda tx: crud.find(
        tx, _MODEL, _MODEL.seen_at > limit, order=(_MODEL.id,)))
    return [row.id for row in rows]


def bury(db, seconds):
    """Forget those that gave none for so long."""
    limit = models.now() - datetime.timedelta(seconds=seconds)
    db.write(lambda tx: crud.delete_all(
        tx, _MODEL, _MODEL.seen_at <= limit), durable=False)
