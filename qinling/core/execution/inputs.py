# SPDX-License-Identifier: Apache-2.0
"""Input of an execution: stored, shown, and passed to the function.

The members of a JSON object become keyword arguments; the member
``__function_input`` becomes the positional argument.  Any other input is one
positional text.
"""

import json
import typing

from qinling import exception
from qinling import strict_json

POSITIONAL = '__function_input'


def normalise(value: typing.Any) -> str | None:
    """Return the text to store for the input of a user.

    :param value: text, or any JSON value.
    :returns: ``None`` without input.
    :raises Invalid: the input cannot be stored or shown.
    """
    if value is None:
        return None
    try:
        stored = _to_text(value)
        # Escapes in JSON may form half a surrogate pair.
        (to_show(stored) or '').encode()
    except RecursionError:
        raise exception.Invalid('input is nested too deeply.')
    except UnicodeEncodeError:
        raise exception.Invalid('input is not valid Unicode.')
    return stored


def _to_text(value: typing.Any) -> str | None:
    if not isinstance(value, str):
        return json.dumps(value)
    try:
        members = _parse_object(value)
    except strict_json.NotStorable as e:
        raise exception.Invalid(f'input cannot be stored. {e}')
    if members is not None:
        return json.dumps(members)
    if '\0' in value:
        # PostgreSQL refuses NUL in texts, but not its escape in JSON.
        return json.dumps({POSITIONAL: value})
    return None if value.strip() == 'null' else value


def arguments(stored: str | None
              ) -> tuple[list[typing.Any], dict[str, typing.Any]]:
    """Return the positional and keyword arguments of the function."""
    if stored is None:
        return [], {}
    keywords = _parse_object(stored)
    if keywords is None:
        return [stored], {}
    if POSITIONAL in keywords:
        return [keywords.pop(POSITIONAL)], keywords
    return [], keywords


def argument(stored: str | None) -> typing.Any:
    """Return the value that the function receives, for its schema.

    An execution without input passes no arguments, which is an empty object.
    """
    positional, keywords = arguments(stored)
    if positional and keywords:
        return {POSITIONAL: positional[0], **keywords}
    return positional[0] if positional else keywords


def to_show(stored: str | None) -> str | None:
    """Return the text that the API shows.

    Of an input with a positional member, show only that member.
    """
    if not stored or POSITIONAL not in stored:
        return stored
    keywords = _parse_object(stored)
    if keywords is None or POSITIONAL not in keywords:
        return stored
    value = keywords[POSITIONAL]
    return value if isinstance(value, str) else json.dumps(value)


def _parse_object(text: str) -> dict[str, typing.Any] | None:
    """Return the JSON object in a text, or ``None``.

    :raises NotStorable: the object has a value that cannot be stored.
    """
    if not text.lstrip().startswith('{'):
        return None
    try:
        value = strict_json.loads(text, any_unicode=True)
    except strict_json.NotStorable:
        raise
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
