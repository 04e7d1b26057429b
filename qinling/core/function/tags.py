# SPDX-License-Identifier: Apache-2.0
"""Tags of versions: short names, such as ``reviewed`` or ``2026.3``."""

import re
import typing

from qinling.db import models
from qinling.db import queries
from qinling import exception
from qinling import printable

#: Lower case, since SQLite ignores the case when it searches.
NAME = re.compile('[a-z0-9][a-z0-9._-]{0,62}')
MAX_TAGS = 20


def parse(value: typing.Any) -> list[str] | None:
    """Return the tags of a request in their order, ``None`` without any.

    :raises Invalid: the tags are not valid.
    """
    if not isinstance(value, list):
        raise exception.Invalid('tags must be a list of texts.')
    if len(value) > MAX_TAGS:
        raise exception.Invalid(
            f'There are {len(value)} tags, at most {MAX_TAGS} are allowed.')
    for name in value:
        _check(name)
    duplicates = sorted({name for name in value if value.count(name) > 1})
    if duplicates:
        raise exception.Invalid(f'The tag {duplicates[0]} is there twice.')
    return value or None


def _check(name: typing.Any) -> None:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        text = printable.shorten(repr(name), 100)
        raise exception.Invalid(
            f'{text} cannot be a tag: a tag has at most 63 lower-case '
            'letters, digits, dots, dashes and underscores, and begins with '
            'a letter or digit.')


def filter_condition(text: str) -> typing.Any:
    """Return the condition of a filter ``has:TAG``.

    :raises Invalid: the filter has another form.
    """
    operator, colon, name = text.partition(':')
    if operator != 'has' or not colon:
        raise exception.Invalid(
            'tags is a list: search it by has:TAG.')
    _check(name)
    return queries.has_item(models.FunctionVersion.tags, name)
