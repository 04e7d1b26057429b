# SPDX-License-Identifier: Apache-2.0
"""Checks of the names of fields in forms and JSON bodies."""

import collections
from collections.abc import Iterable
from collections.abc import Set
import typing

from qinling import exception
from qinling import suggestions

#: Names and values of a form, in order.
Fields = list[tuple[str, typing.Any]]


def check_names(values: Iterable[str], names: Set[str],
                read_only: Set[str] = frozenset()) -> None:
    """Raise an error for unknown names, with the most similar names.

    WSME would list any number of them, and in quadratic time.

    :param names: all names, including ``read_only``.
    :raises Invalid: with the first unknown names.
    """
    unknown = sorted(set(values) - names)
    if not unknown:
        return
    first = [name[:64] for name in unknown[:3]]
    rest = f' and {len(unknown) - 3} more' if len(unknown) > 3 else ''
    allowed = sorted(names - read_only)
    raise exception.Invalid(
        f'Unknown attribute for argument body: {", ".join(first)}{rest}.'
        f'{suggestions.suggest(allowed, *first)} Allowed: '
        f'{", ".join(allowed)}.', attributes=first)


def check_repeats(fields: Fields, repeatable: Set[str]) -> None:
    """Raise an error for a field that occurs more than once.

    Silence would hide which of the values counts.

    :param repeatable: names without the check.
    :raises Invalid: with the first such name.
    """
    counts = collections.Counter(name for name, _value in fields)
    for name, count in counts.items():
        if count > 1 and name not in repeatable:
            name = name[:64]
            raise exception.Invalid(
                f'{name} must occur only once in the form.',
                attributes=[name])
