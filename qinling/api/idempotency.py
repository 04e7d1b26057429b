# SPDX-License-Identifier: Apache-2.0
"""``Idempotency-Key``: a request that shall take effect but once.

Without the header nothing is done, and nothing looked up.
"""

from qinling.core import idempotency
from qinling import exception

#: Tells a client that nothing was done: it sees what was done before.
REPLAYED = 'Idempotent-Replayed'
#: Characters of a key.
MOST = 255


def once(req, data):
    """What the core wants to know of a request with a key; ``None`` for one
    without.

    The key is good for the project of the caller and the path, and the
    request is the same when its body is, byte by byte.

    :raises Invalid: the header is no key.
    """
    key = req.headers.get('Idempotency-Key')
    if key is None:
        return None
    if not 0 < len(key) <= MOST:
        raise exception.Invalid(
            f'Idempotency-Key must have 1 to {MOST} characters.')
    return idempotency.once(
        key, ('project', req.ctx.project_id, req.method, req.path), (data,))


def mark(answer, once):
    """Tell in an answer that it is that of an earlier request."""
    if once is not None and once.repeated:
        answer.headers[REPLAYED] = 'true'
