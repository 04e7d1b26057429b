# SPDX-License-Identifier: Apache-2.0
"""Header ``Idempotency-Key``: a repeated request has no further effect.

A request without the header costs nothing.
"""

import typing

import webob

from qinling.api import version_choice
from qinling.core import idempotency
from qinling import exception

#: Header of an answer that comes from an earlier request.
REPLAYED = 'Idempotent-Replayed'
MAX_KEY_LENGTH = 255


def parse(req: typing.Any, data: bytes
          ) -> idempotency.IdempotentRequest | None:
    """Return the idempotent request, ``None`` without a key.

    The key belongs to the project of the caller and the path; equal requests
    have equal bodies, byte by byte, and ask for the same version.

    :raises Invalid: the key is empty or too long.
    """
    key = req.environ.get('HTTP_IDEMPOTENCY_KEY')
    if key is None:
        return None
    if not 0 < len(key) <= MAX_KEY_LENGTH:
        raise exception.Invalid(
            f'Idempotency-Key must have 1 to {MAX_KEY_LENGTH} characters.')
    return idempotency.create_request(
        key, ('project', req.ctx.project_id, req.method, req.path),
        (data, *(version.encode() for version in (
            req.environ.get(version_choice.HEADER),) if version)))


def mark(answer: webob.Response,
         request: idempotency.IdempotentRequest | None) -> None:
    """Mark the answer to a repeated request."""
    if request is not None and request.repeated:
        answer.headers[REPLAYED] = 'true'
