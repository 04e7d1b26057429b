# SPDX-License-Identifier: Apache-2.0
"""Encodings of text that users may name.

The codec registry imports a module for each unknown name and caches the name
without a limit, so names of users are looked up here first.
"""

import encodings
import encodings.aliases
import pkgutil

#: Modules that are no encodings of text, or take quadratic time.
_EXCLUDED = frozenset((
    'aliases', 'base64_codec', 'bz2_codec', 'charmap', 'hex_codec', 'idna',
    'mbcs', 'oem', 'punycode', 'quopri_codec', 'raw_unicode_escape', 'rot_13',
    'undefined', 'unicode_escape', 'uu_codec', 'zlib_codec'))
_NAMES = frozenset(
    [module.name for module in pkgutil.iter_modules(encodings.__path__)]
    + list(encodings.aliases.aliases.values())) - _EXCLUDED
MAX_NAME_LENGTH = 40


def find(name: str) -> str | None:
    """Return the codec of an encoding, ``None`` for unknown encodings."""
    if len(name) > MAX_NAME_LENGTH:
        return None
    key = name.strip().lower().replace('-', '_').replace(
        ' ', '_').replace('.', '_')
    key = encodings.aliases.aliases.get(key, key)
    return key if key in _NAMES else None
