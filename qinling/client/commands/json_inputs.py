# SPDX-License-Identifier: Apache-2.0
"""Checks of inputs with the look of JSON."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from qinling.client import exact_json
from qinling.client import exceptions

#: First characters of objects and lists in JSON.
BRACKETS = ('{', '[')


def refuse_argument(word: str) -> None:
    """Raise ``ClientError`` if JSON takes the place of ``KEY=VALUE``."""
    if word.startswith(BRACKETS) and ('=' not in word or _is_json(word)):
        raise exceptions.ClientError(
            f'Invalid argument: {word}; write KEY=VALUE, or --input and '
            'JSON.')


def warn(args: argparse.Namespace, text: object,
         note: Callable[[str], None]) -> None:
    """Print a warning if the text of ``--input`` resembles JSON.

    :param text: the text, or an object for arguments.
    """
    if args.input and isinstance(text, str) and text.lstrip().startswith(
            BRACKETS) and not _is_json(text):
        note(f'Warning: the input begins with {text.lstrip()[0]} and is not '
             'valid JSON; the function receives a text.')


def _is_json(text: str) -> bool:
    try:
        exact_json.loads(text)
    except ValueError:
        return False
    return True
