# SPDX-License-Identifier: Apache-2.0
"""Colours, on terminals only."""

import os
import typing


class Style:
    """Colours of texts on a stream.

    Without a terminal, or with a variable ``NO_COLOR``, the texts stay
    plain; see https://no-color.org.
    """

    def __init__(self, stream: typing.TextIO) -> None:
        self._is_on = (stream.isatty() and not os.environ.get('NO_COLOR')
                       and os.environ.get('TERM') != 'dumb')

    def red(self, text: str) -> str:
        """Return a text about a failure."""
        return self._paint('31', text)

    def green(self, text: str) -> str:
        """Return a text about a success."""
        return self._paint('32', text)

    @staticmethod
    def strip(text: str) -> str:
        """Return a text without colours."""
        return text.replace('\033[31m', '').replace(
            '\033[32m', '').replace('\033[0m', '')

    def _paint(self, code: str, text: str) -> str:
        return f'\033[{code}m{text}\033[0m' if self._is_on and text else text
