# SPDX-License-Identifier: Apache-2.0
"""Results of functions in Python without a form in JSON."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CONTAINERS = (dict, list, tuple)
TEXT_TYPES = frozenset((str,))
CONSTANTS = {True: 'true', False: 'false', None: 'null'}
REPEATED_KEY = ('The result of the function, of type %s, cannot be written as '
                'JSON: two keys of a dict become %r; use keys of one type.')


def find_repeated_key(value: Any) -> str | None:
    """Return a key that a dict would have twice in JSON, such as 1 and "1".

    :param value: a value that can be written as JSON.
    """
    if type(value) not in CONTAINERS and not isinstance(value, CONTAINERS):
        return None
    pending = [value]
    while pending:
        container = pending.pop()
        items = container
        if isinstance(container, dict):
            if not TEXT_TYPES.issuperset(map(type, container)):
                key = _find_key(container)
                if key is not None:
                    return key
            items = container.values()
        pending.extend([item for item in items
                        if isinstance(item, CONTAINERS)])
    return None


def _find_key(container: dict[Any, Any]) -> str | None:
    """Return a key that a dict would have twice in JSON."""
    names = set()
    for key in container:
        name = _write_key(key)
        if name in names:
            return name
        names.add(name)
    return None


def _write_key(key: Any) -> str:
    """Return a key as the encoder of JSON writes it."""
    if isinstance(key, str):
        return str.__str__(key)
    if key is None or key is True or key is False:
        return CONSTANTS[key]
    return (float if isinstance(key, float) else int).__repr__(key)
