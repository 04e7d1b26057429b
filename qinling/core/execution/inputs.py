# SPDX-License-Identifier: Apache-2.0
"""The input of an execution: what is stored, shown and passed on.

A JSON object becomes keyword arguments; its member ``__function_input``
becomes the positional one.  Whatever else is one positional text.
"""

import json

from qinling import exception

POSITIONAL = '__function_input'


def normalise(value):
    """The text to store for what a user sent.

    :param value: text, or any JSON value.
    :returns: text, or ``None`` for no input.
    :raises Invalid: it cannot be stored or shown.
    """
    if value is None:
        return None
    try:
        stored = _text(value)
        # Escapes in JSON can make half a character.
        (shown(stored) or '').encode()
    except RecursionError:
        raise exception.Invalid('input is nested too deeply.')
    except UnicodeEncodeError:
        raise exception.Invalid('input is not valid Unicode.')
    return stored


def _text(value):
    if not isinstance(value, str):
        return json.dumps(value)
    parsed = _object(value)
    if parsed is not None:
        return json.dumps(parsed)
    return None if value.strip() == 'null' else value


def arguments(stored):
    """(positional list, keyword dict) for the function."""
    if stored is None:
        return [], {}
    keywords = _object(stored)
    if keywords is None:
        return [stored], {}
    if POSITIONAL in keywords:
        return [keywords.pop(POSITIONAL)], keywords
    return [], keywords


def shown(stored):
    """The text that the API shows: of an input with a positional member,
    that member."""
    if not stored or POSITIONAL not in stored:
        return stored
    keywords = _object(stored)
    if keywords is None or POSITIONAL not in keywords:
        return stored
    value = keywords[POSITIONAL]
    return value if isinstance(value, str) else json.dumps(value)


def _object(text):
    """The JSON object that a text holds, else ``None``."""
    if not text.lstrip().startswith('{'):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
