# SPDX-License-Identifier: Apache-2.0
"""Output as JSON lines, with the names and values of the API."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from collections.abc import Sequence
import json
import typing

from cliff.formatters import base

from qinling.client.commands import options

#: Name of the format.
NAME = 'jsonl'
#: Values of the option ``-o``, and the formats.
FORMATS = {'json': NAME}


def read_format(text: str) -> str:
    """Return the format for a value of the option."""
    if text not in FORMATS and text != NAME:
        raise argparse.ArgumentTypeError(
            f'{text!r} is not a format; write -o {" or -o ".join(FORMATS)}')
    return FORMATS.get(text, text)


#: Option of commands with and without other formats.
OPTION = options.Argument(
    '-o', dest='formatter', metavar='json', type=read_format,
    choices=tuple(FORMATS.values()),
    help='Print JSON lines: one object per line, as soon as it is known, with '
         'all fields of the API.')


def encode(value: typing.Any) -> str:
    """Return the line of a value."""
    return json.dumps(value, ensure_ascii=False)


class Formatter(base.ListFormatter, base.SingleFormatter):
    """Formatter of JSON lines for lists and for one resource."""

    def add_argument_group(self, parser: argparse.ArgumentParser) -> None:
        """Add no options."""

    def emit_list(self, column_names: Sequence[str],
                  data: Iterable[Sequence[typing.Any]],
                  stdout: typing.TextIO, parsed_args: argparse.Namespace
                  ) -> None:
        """Print a line for each row, while rows arrive."""
        names = [name.lower().replace(' ', '_') for name in column_names]
        for row in data:
            stdout.write(encode(dict(zip(names, row))) + '\n')
            stdout.flush()

    def emit_one(self, column_names: Sequence[str],
                 data: Sequence[typing.Any], stdout: typing.TextIO,
                 parsed_args: argparse.Namespace) -> None:
        """Print the line of one resource."""
        self.emit_list(column_names, [data], stdout, parsed_args)
