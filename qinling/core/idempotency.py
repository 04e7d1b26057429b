# SPDX-License-Identifier: Apache-2.0
"""Requests that take effect but once, however often they come.

The key of such a request is written in the transaction that makes what it
asks for, so that there is never one without the other, whatever process
dies; and the database lets but one of two through that come at once.  A
repeat is answered from what the first one has made.
"""

import dataclasses
import datetime
import hashlib

from qinling.db import crud
from qinling.db import models
from qinling import exception

_MODEL = models.IdempotencyKey
#: How long a key is remembered.
KEPT = datetime.timedelta(hours=24)
#: Keys that are forgotten in one transaction.
BATCH = 1000


@dataclasses.dataclass
class Once:
    """A request with a key: ``id`` is the key among all keys, and
    ``fingerprint`` what the request asks for.  ``repeated`` becomes true
    when it has been answered from the first one."""

    id: str
    fingerprint: str
    repeated: bool = False


def once(key, scope, content=()):
    """The :class:`Once` of a request.

    :param key: text that the sender has chosen.
    :param scope: texts that tell who may use the key, and what for.
    :param content: bytes that are the same when the request is; none, when
        the key alone says so.
    """
    return Once(_digest([key.encode(), *(text.encode() for text in scope)]),
                _digest(content))


def _digest(parts):
    made = hashlib.sha256()
    for part in parts:
        made.update(b'%d:' % len(part))
        made.update(part)
    return made.hexdigest()


def run(db, once, make, repeat):
    """What ``make()`` returns, or ``repeat(id)`` of what the first request
    with the same key has made.

    ``make`` must call :func:`reserve` in the transaction that makes it.

    :param once: ``None`` for a request without a key.
    :raises IdempotencyKeyReused: the first request asked for another thing.
    """
    if once is None:
        return make()
    first = _first(db, once)
    if first is None:
        try:
            return make()
        except crud.DuplicateEntry:
            first = _first(db, once)
            if first is None:
                raise
    once.repeated = True
    return repeat(first)


def reserve(tx, once, resource_id):
    """Write down what a request is about to make.

    :raises DuplicateEntry: another one with its key was first.
    """
    if once is not None:
        crud.insert(tx, _MODEL, id=once.id, fingerprint=once.fingerprint,
                    resource_id=resource_id)


def release(tx, once):
    """Forget a key whose request came to nothing."""
    if once is not None:
        crud.delete(tx, _MODEL, once.id)


def _first(db, once):
    """The id of what the first request has made, or ``None``."""
    found = db.read(lambda tx: crud.find(tx, _MODEL, _MODEL.id == once.id))
    if not found:
        return None
    if found[0].created_at <= models.now() - KEPT:
        # Not purged yet; it stands in the way of this one.
        db.write(lambda tx: crud.delete_all(
            tx, _MODEL, _MODEL.id == once.id,
            _MODEL.created_at == found[0].created_at))
        return None
    if found[0].fingerprint != once.fingerprint:
        raise exception.IdempotencyKeyReused()
    return found[0].resource_id


def purge(db):
    """Forget the keys that are too old; a batch in each transaction."""
    while db.write(_purge_batch) == BATCH:
        pass


def _purge_batch(tx):
    old = crud.find(tx, _MODEL, _MODEL.created_at <= models.now() - KEPT,
                    limit=BATCH, order=[_MODEL.created_at],
                    only=[_MODEL.id])
    if not old:
        return 0
    return crud.delete_all(
        tx, _MODEL, _MODEL.id.in_([row.id for row in old]))
