# SPDX-License-Identifier: Apache-2.0
"""Server-sent events of the service."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
import json
import typing

#: Name and data of an event.
Event = tuple[str, dict[str, typing.Any]]


def parse(chunks: Iterable[bytes]) -> Iterator[Event]:
    """Yield the events in the body of an answer, each after its last byte.

    Comments, which keep the connection alive, are left out.
    """
    data = b''
    for chunk in chunks:
        *blocks, data = (data + chunk).split(b'\n\n')
        for block in blocks:
            fields = dict(_split_fields(block.decode()))
            if 'event' in fields:
                yield fields['event'], json.loads(fields['data'])


def _split_fields(block: str) -> Iterator[tuple[str, str]]:
    for line in block.split('\n'):
        name, _colon, value = line.partition(': ')
        yield name, value
