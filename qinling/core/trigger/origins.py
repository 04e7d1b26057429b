# SPDX-License-Identifier: Apache-2.0
"""Origins of web pages that may use a webhook (CORS).

A browser sends the origin of a page as ``https://host`` or
``https://host:port``.
"""

from collections.abc import Sequence
import re
import typing

from qinling import exception

#: Stands for the pages of all origins.
ANY = '*'
MAX_ORIGINS = 32
MAX_LENGTH = 255
_ORIGIN = re.compile(
    r'(https?)://([0-9a-z._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?')
_DEFAULT_PORTS = {'http': 80, 'https': 443}


def parse(value: typing.Any) -> list[str] | None:
    """Return the origins in the form of browsers, without duplicates.

    :returns: ``None`` for no origins.
    :raises Invalid: the origins are not valid.
    """
    if not isinstance(value, list) or len(value) > MAX_ORIGINS:
        raise exception.Invalid(
            f'origins must be a list of at most {MAX_ORIGINS} origins.',
            attributes=('origins',))
    return list(dict.fromkeys(map(_normalize, value))) or None


def _normalize(value: typing.Any) -> str:
    """Return an origin as browsers send it.

    :raises Invalid: the value is no origin.
    """
    if value == ANY:
        return ANY
    match = (_ORIGIN.fullmatch(value.lower())
             if isinstance(value, str) and len(value) <= MAX_LENGTH else None)
    port = int(match[3] or _DEFAULT_PORTS[match[1]]) if match else 0
    if match is None or not 0 < port < 1 << 16:
        raise exception.Invalid(
            'origins must have the form https://host or https://host:port, '
            'without a path and in ASCII, or *; one of them is '
            f'{str(value)[:MAX_LENGTH]!r}.', attributes=('origins',))
    origin = f'{match[1]}://{match[2]}'
    return origin if port == _DEFAULT_PORTS[match[1]] else f'{origin}:{port}'


def find_allowed(origins: Sequence[str] | None, origin: str | None
                 ) -> str | None:
    """Return the member of the origins that allows an origin, or ``None``.

    :param origin: header ``Origin`` of a request.
    """
    for allowed in (origin, ANY):
        if origin and origins and allowed in origins:
            return allowed
    return None
