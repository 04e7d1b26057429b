# SPDX-License-Identifier: Apache-2.0
"""Output of the quickstart, with colours on a terminal."""

import os
import sys

COLOURED = (sys.stdout.isatty() and 'NO_COLOR' not in os.environ
            and os.environ.get('TERM') != 'dumb')


def add_colour(code: int, text: str) -> str:
    """Return the text with an escape sequence, if the output has colours."""
    return f'\033[{code}m{text}\033[0m' if COLOURED else text


def print_title(text: str) -> None:
    print(f'\n{add_colour(1, text)}')


def print_field(name: str, text: str, note: str = '') -> None:
    print(f'  {name:<9} {add_colour(36, text)}'
          + (f'  {add_colour(2, note)}' if note else ''))
