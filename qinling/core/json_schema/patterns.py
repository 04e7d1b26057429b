# SPDX-License-Identifier: Apache-2.0
"""Regular expressions in linear time, by RE2."""

import typing

import re2

#: Characters of an expression.
MAX_LENGTH = 1000
#: Bytes for the states of an expression.
MAX_MEMORY_BYTES = 1 << 20
#: Characters times instructions that cost one step: RE2 at its slowest needs
#: about 1 ns for one.
CHARACTERS_PER_STEP = 256


class BadPattern(ValueError):
    """Expression that RE2 does not accept; the message is a sentence."""


class Pattern:
    """A compiled expression."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_LENGTH:
            raise BadPattern(f'has more than {MAX_LENGTH} characters')
        options = re2.Options()
        options.log_errors = False
        options.never_capture = True
        options.max_mem = MAX_MEMORY_BYTES
        try:
            self._pattern: typing.Any = re2.compile(text, options)
        except (re2.error, UnicodeError) as e:
            raise BadPattern(
                'is no regular expression of RE2, which has no look-around '
                f'and no back-references ({_describe(e)})')
        self._size: int = self._pattern.programsize

    def cost(self, text: str) -> int:
        """Return the steps of a search in a text."""
        return 1 + len(text) * self._size // CHARACTERS_PER_STEP

    def is_in(self, text: str) -> bool:
        """Return whether the expression matches anywhere in a text."""
        try:
            return self._pattern.search(text) is not None
        except UnicodeError:
            # Half a surrogate pair is no character of any expression.
            return False


def _describe(error: Exception) -> str:
    text = error.args[0] if error.args else ''
    return text.decode('utf-8', 'replace') if isinstance(text, bytes) else (
        str(text))
