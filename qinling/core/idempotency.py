# SPDX-License-Identifier: Apache-2.0
"""Idempotent requests: repeats have no further effect.

The transaction that creates the resource writes the key as well, so neither
exists alone, even after a crash; a unique index lets the first of two
simultaneous requests through.  The answer to a repeat comes from the
resource of the first request.
"""

from collections.abc import Callable
from collections.abc import Iterable
import dataclasses
import datetime
import hashlib
import typing

from oslo_log import log

from qinling import context
from qinling.db import crud
from qinling.db import models
from qinling.db import session
from qinling import exception

LOG = log.getLogger(__name__)

_MODEL = models.IdempotencyKey
_ANYONE = context.admin()
RETENTION = datetime.timedelta(hours=24)
#: Tries of a request whose first request is withdrawn meanwhile.
MAX_TRIES = 3

_T = typing.TypeVar('_T')


class KeyTaken(crud.DuplicateEntry):  # type: ignore[misc]
    """Another request with the key was first."""


@dataclasses.dataclass
class IdempotentRequest:
    """A request with a key.

    ``id`` is a hash of key and scope, ``fingerprint`` a hash of the content.
    ``repeated`` becomes true when the answer comes from the first request.
    """

    id: str
    fingerprint: str
    repeated: bool = False


def create_request(key: str, scope: Iterable[str],
                   content: Iterable[bytes] = ()) -> IdempotentRequest:
    """Return the idempotent request for a key.

    :param key: text chosen by the sender.
    :param scope: texts that name the owner and the use of the key.
    :param content: bytes that equal requests share; empty when the key
        alone identifies the request.
    """
    return IdempotentRequest(
        _digest([key.encode(), *(text.encode() for text in scope)]),
        _digest(content))


def _digest(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(b'%d:' % len(part))
        digest.update(part)
    return digest.hexdigest()


def run(db: session.Database, request: IdempotentRequest | None,
        create: Callable[[], _T], repeat: Callable[[str], _T]) -> _T:
    """Return ``create()``, or ``repeat(id)`` for a repeated request.

    ``create`` calls :func:`reserve` in the transaction that writes the
    resource.

    :param request: ``None`` for a request without a key.
    :raises IdempotencyKeyReused: the first request had another content.
    :raises Unavailable: other requests with the key begin and are withdrawn
        again and again.
    """
    if request is None:
        return create()
    for _ in range(MAX_TRIES):
        resource_id = _find_resource(db, request)
        request.repeated = resource_id is not None
        try:
            return create() if resource_id is None else repeat(resource_id)
        except KeyTaken:
            LOG.debug('Another request with the same key was first.')
        except exception.ExecutionDeleted:
            # The request has run, and keeps its key.
            raise
        except exception.NotFound:
            # A first request that was withdrawn has run nothing, and has
            # left no key.
            if resource_id == _find_resource(db, request):
                raise
    raise exception.Unavailable(
        reason='requests with the same key began and were withdrawn '
               'meanwhile. Try again.')


def reserve(tx: session.Connection, request: IdempotentRequest | None,
            resource_id: str) -> None:
    """Write the key of a request within the transaction of its resource.

    :raises KeyTaken: another request with the key was first.
    """
    if request is None:
        return
    try:
        crud.insert(tx, _MODEL, id=request.id,
                    fingerprint=request.fingerprint, resource_id=resource_id)
    except crud.DuplicateEntry as e:
        raise KeyTaken(inner_exception=e)


def release(tx: session.Connection, request: IdempotentRequest | None
            ) -> None:
    """Delete the key of a request without a resource."""
    if request is not None:
        crud.delete(tx, _MODEL, request.id)


def _find_resource(db: session.Database, request: IdempotentRequest
                   ) -> str | None:
    """Return the id of the resource of the first request, or ``None``."""
    row = db.read(crud.get, _ANYONE, _MODEL, id=request.id)
    if row is None:
        return None
    if row.created_at <= models.now() - RETENTION:
        # An expired key that is not purged yet must not block the request.
        db.write(lambda tx: crud.delete_all(
            tx, _MODEL, _MODEL.id == request.id,
            _MODEL.created_at == row.created_at))
        return None
    if row.fingerprint != request.fingerprint:
        raise exception.IdempotencyKeyReused()
    return str(row.resource_id)


def purge(db: session.Database, limit: int) -> int:
    """Delete expired keys; return the number of keys.

    :param limit: most keys of the one transaction.
    """
    def delete(tx: session.Connection) -> int:
        rows = crud.select(
            tx, _MODEL, _MODEL.created_at <= models.now() - RETENTION,
            limit=limit, order=[_MODEL.created_at], only=[_MODEL.id])
        if not rows:
            return 0
        return crud.delete_all(
            tx, _MODEL, _MODEL.id.in_([row.id for row in rows]))
    return db.write(delete)
