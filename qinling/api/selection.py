# SPDX-License-Identifier: Apache-2.0
"""Query key ``fields``: attributes of resources to answer with."""

import typing

from wsme import types as wtypes

from qinling.api import pecan_patches
from qinling import exception
from qinling import printable
from qinling import strict_json
from qinling import suggestions


def parse(datatype: typing.Any, text: str) -> frozenset[str]:
    """Return the attributes that a query selects.

    :param datatype: WSME type of the answer, of one resource or a list.
    :param text: names separated by commas.
    :raises Invalid: the resource has no such attribute.
    """
    items = _find_items(datatype)
    allowed = {attribute.name for attribute in wtypes.list_attributes(
        items.datatype.item_type if items else datatype)}
    names = frozenset(name.strip() for name in text.split(','))
    if unallowed := sorted(names - allowed):
        name = printable.shorten(unallowed[0], 64)
        raise exception.Invalid(
            f'fields: there is no attribute "{name}".'
            f'{suggestions.suggest(allowed, unallowed[0][:64])} Allowed: '
            f'{", ".join(sorted(allowed))}.')
    return names


def encode(datatype: typing.Any, answer: typing.Any, names: frozenset[str]
           ) -> bytes:
    """Return the JSON of an answer with the selected attributes only.

    A list keeps the link to the next page.
    """
    encoder = pecan_patches.create_encoder(datatype)
    value = encoder(answer) if encoder else answer
    items = _find_items(datatype)
    if items is None:
        value = _select(value, names)
    else:
        value[items.name] = [_select(item, names)
                             for item in value[items.name]]
    return strict_json.dumps(value)


def _find_items(datatype: typing.Any) -> typing.Any:
    """Return the attribute with the resources of a list."""
    if datatype._has_etag:
        return None
    return next(attribute for attribute in wtypes.list_attributes(datatype)
                if isinstance(attribute.datatype, wtypes.ArrayType))


def _select(value: dict[str, typing.Any], names: frozenset[str]
            ) -> dict[str, typing.Any]:
    return {name: value[name] for name in value if name in names}
