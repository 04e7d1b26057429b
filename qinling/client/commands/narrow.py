# SPDX-License-Identifier: Apache-2.0
"""Tables on terminals that are narrower than the table.

Columns would be cut in the middle of words and ids.  Instead, the table loses
its borders, and if that does not suffice, every row becomes a block of lines.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from collections.abc import Sequence
import typing

from cliff import utils

#: Characters of the borders of a table beside the columns, and per column.
OUTER_BORDER, COLUMN_BORDER = 1, 3
INDENT, GAP = '  ', '  '


def read_width(args: argparse.Namespace) -> int | None:
    """Return the width of the terminal.

    :returns: ``None`` without a terminal, or if an option sets the width.
    """
    if args.max_width > 0 or args.fit_width:
        return None
    return utils.terminal_width()


def list_lines(headings: Sequence[str], rows: Sequence[Sequence[typing.Any]],
               width: int) -> Iterator[str] | None:
    """Return the lines of a table that is too wide.

    :returns: columns without borders if these fit, else blocks; ``None`` if
        the table fits.
    """
    widths = [max(len(line) for cell in column
                  for line in str(cell).splitlines() or [''])
              for column in zip(headings, *rows)]
    if OUTER_BORDER + sum(widths) + COLUMN_BORDER * len(widths) <= width:
        return None
    is_plain = all('\n' not in str(cell) for row in rows for cell in row)
    if is_plain and sum(widths) + len(GAP) * (len(widths) - 1) <= width:
        return _list_columns([headings, *rows], widths)
    return _list_blocks(headings, rows, width)


def _list_columns(rows: Sequence[Sequence[typing.Any]], widths: Sequence[int]
                  ) -> Iterator[str]:
    for row in rows:
        yield GAP.join(f'{cell!s:<{width}}' for cell, width in zip(
            row, widths)).rstrip()


def _list_blocks(headings: Sequence[str],
                 rows: Sequence[Sequence[typing.Any]], width: int
                 ) -> Iterator[str]:
    """Yield the first value of each row, then all other values with names."""
    for row in rows:
        yield str(row[0])
        line = ''
        for heading, cell in zip(headings[1:], row[1:]):
            if cell in (None, ''):
                continue
            text = f'{heading}: {cell}'
            if line and len(INDENT + line + GAP + text) > width:
                yield INDENT + line
                line = ''
            line += GAP + text if line else text
        if line:
            yield INDENT + line
