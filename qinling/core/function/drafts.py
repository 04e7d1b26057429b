# SPDX-License-Identifier: Apache-2.0
"""Drafts: versions before their publication."""

from collections.abc import Mapping
import dataclasses
import typing

from qinling.core.function import tags
from qinling.core import validation

_Values = Mapping[str, typing.Any]


@dataclasses.dataclass(frozen=True)
class Draft:
    """Version before its publication.

    ``code`` is the hash of the content of ``package``; ``columns`` are from
    the user.
    """

    package: str | None
    code: str
    columns: dict[str, typing.Any]


def validate(values: _Values) -> dict[str, typing.Any]:
    """Return the columns of the fields of a user.

    :raises Invalid: a field is not valid.
    """
    columns: dict[str, typing.Any] = {
        name: validation.text(name, values[name])
        for name in ('description', 'message') if name in values}
    if 'tags' in values:
        columns['tags'] = tags.parse(values['tags'])
    return columns
