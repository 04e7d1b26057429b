# SPDX-License-Identifier: Apache-2.0
"""Check of the option ``-c`` before a command sends a request."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
import typing

from cliff import show

from qinling.client import exceptions
from qinling import suggestions

#: Field of the state of a resource, beside the fields of the answer.
ETAG = 'etag'


def normalize(word: str) -> str:
    """Return the name of a column for a word of the command line."""
    return word.lower().strip().replace(' ', '_')


def check(words: Iterable[str], columns: Sequence[str],
          name: Callable[[str], str] = normalize) -> None:
    """Raise ``ClientError`` for a word without a column.

    :param name: returns the column for a word.
    """
    for word in words:
        if name(word) not in columns:
            hint = suggestions.suggest(columns, name(word)) or (
                f' Columns: {", ".join(columns)}.')
            raise exceptions.ClientError(
                f'There is no column {word!r}.{hint}')


class CheckedShow(show.ShowOne):
    """Fields of one resource, with a check of ``-c``."""

    columns: tuple[str, ...] = ()
    detail_columns: tuple[str, ...] = ()

    def list_columns(self, args: argparse.Namespace) -> Sequence[str]:
        """Return the names of all printable fields."""
        return *self.columns, *self.detail_columns, ETAG

    def run(self, args: argparse.Namespace) -> int:
        """Run the command, unless an option names an unknown column."""
        check(args.columns, self.list_columns(args))
        return super().run(args)

    def produce_output(self, args: argparse.Namespace,
                       column_names: Sequence[str],
                       data: Sequence[typing.Any]) -> int:
        """Print the fields; a field missing in the answer is empty."""
        absent = [name for name in map(normalize, args.columns)
                  if name not in column_names]
        return super().produce_output(
            args, [*column_names, *absent], [*data, *('' for _ in absent)])
