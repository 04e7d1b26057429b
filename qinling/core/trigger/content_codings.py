# SPDX-License-Identifier: Apache-2.0
"""Compressed bodies of webhooks."""

import zlib

from qinling import exception
from qinling import printable

#: Zlib and gzip headers are recognised.
_ANY_HEADER = 47
_STEP_BYTES = 4096
_CODINGS = ('gzip', 'x-gzip', 'deflate')


def decode(data: bytes, coding: str, max_size: int) -> bytes:
    """Return a body without its compression.

    :param coding: the header ``Content-Encoding``.
    :param max_size: bytes of the result.
    :raises Invalid: the coding is unknown, or the body is damaged.
    :raises TooLarge: the result exceeds ``max_size`` bytes.
    """
    coding = coding.strip().lower()
    if coding in ('', 'identity'):
        return data
    if coding not in _CODINGS:
        raise exception.Invalid(
            'The body has the Content-Encoding '
            f'{printable.shorten(coding, 64)}; send the body unencoded, with '
            'gzip or with deflate, or give the webhook the payload '
            '"request".')
    try:
        return _decompress(data, max_size)
    except zlib.error:
        raise exception.Invalid(
            f'The body is not {coding}, as its Content-Encoding says.')


def _decompress(data: bytes, max_size: int) -> bytes:
    """Return the content of all members."""
    parts: list[bytes] = []
    size = 0
    decoder = zlib.decompressobj(_ANY_HEADER)
    # Each member copies what follows it, so a long body comes in steps.
    for start in range(0, len(data), _STEP_BYTES):
        rest = data[start:start + _STEP_BYTES]
        while rest:
            if decoder.eof:
                decoder = zlib.decompressobj(_ANY_HEADER)
            part = decoder.decompress(rest, max_size - size + 1)
            size += len(part)
            if size > max_size:
                raise exception.TooLarge(
                    'The decompressed body is too large: at most '
                    f'{max_size} bytes are allowed.')
            parts.append(part)
            rest = decoder.unused_data
    if data and not decoder.eof:
        raise zlib.error('The body is cut off.')
    return b''.join(parts)
