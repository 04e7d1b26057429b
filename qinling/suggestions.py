# SPDX-License-Identifier: Apache-2.0
"""Suggestions for mistyped names, for client and service."""

from collections.abc import Iterable

MAX_SUGGESTIONS = 3
#: Similarity from which a word may be meant.
MIN_SIMILARITY = 0.7


def suggest(choices: Iterable[str], *words: str) -> str:
    """Return a sentence with the choices most similar to words, or nothing."""
    # Only mistakes need the module.
    import difflib

    names = sorted(set(choices))
    similar = [name for word in words for name in names
               if word and name.startswith(word)]
    similar += [name for word in words for name in difflib.get_close_matches(
        word, names, MAX_SUGGESTIONS, MIN_SIMILARITY)]
    similar = list(dict.fromkeys(similar))[:MAX_SUGGESTIONS]
    return f' Did you mean: {", ".join(similar)}?' if similar else ''
