# SPDX-License-Identifier: Apache-2.0
"""Text from outside in logs and error sentences."""

import re

#: Control characters except the tab, line ends, invisible characters,
#: characters that change the direction of text, and lone surrogates.
_UNSAFE = re.compile(
    '[\x00-\x08\x0a-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f'
    '\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb'
    '\U000e0000-\U000e0fff]')


def escape(text: str) -> str:
    r"""Return a text in one line, with escapes such as ``\n`` or ``\x1b``.

    Backslashes remain, so a second call changes nothing.
    """
    # Nearly all texts take this way, which costs less than a regex.
    if text.isprintable():
        return text
    return _UNSAFE.sub(_escape_character, text)


def _escape_character(match: re.Match[str]) -> str:
    return match.group().encode('unicode_escape').decode('ascii')


def shorten(text: str, limit: int) -> str:
    """Return at most about ``limit`` characters, with both ends."""
    if len(text) <= limit:
        return text
    tail = limit // 3
    return f'{text[:limit - tail]} [...] {text[-tail:]}'
