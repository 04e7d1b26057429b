# SPDX-License-Identifier: Apache-2.0
"""Texts in requests of strangers: any charset, and nothing is lost."""

import base64
import contextlib
import functools
import json
import typing
import urllib.parse

import multipart

from qinling import exception
from qinling import text_encodings

#: Number of fields in a query or a form.
MAX_FIELDS = 10000
_SIGNS = b'a1=&+'
#: Characters of a Content-Type with a charset.
MAX_CONTENT_TYPE_LENGTH = 1000


@functools.lru_cache(maxsize=64)
def charset(content_type: str) -> str | None:
    """Return the charset in a Content-Type if Python knows the charset."""
    if len(content_type) > MAX_CONTENT_TYPE_LENGTH:
        return None
    _, options = multipart.parse_options_header(content_type)
    return text_encodings.find(options.get('charset', ''))


def decode(data: bytes, content_type: str = '') -> str:
    """Return the text of some bytes.

    A wrong or missing charset falls back to UTF-8, then to Windows-1252, then
    to Latin-1, which has a character for each byte.
    """
    for name in (charset(content_type) if content_type else None,
                 'utf-8', 'windows-1252'):
        if name is not None:
            try:
                return data.decode(name)
            except ValueError:
                continue
    return data.decode('latin-1')


def decode_json(data: bytes, content_type: str) -> str:
    """Return a JSON text; without a charset, its zero bytes tell."""
    encoding = json.detect_encoding(data)
    if encoding.startswith(('utf-16', 'utf-32')) and not (
            charset(content_type)):
        with contextlib.suppress(ValueError):
            return data.decode(encoding)
    return decode(data, content_type)


def parse_urlencoded(data: bytes, content_type: str = ''
                     ) -> list[tuple[str, str]]:
    """Return the (name, value) pairs of a query or a form.

    :raises Invalid: there are too many fields.
    """
    if not _has_ascii(charset(content_type)):
        data = decode(data, content_type).encode(errors='replace')
        content_type = ''
    fields = [field for field in data.split(b'&', MAX_FIELDS + 1) if field]
    if len(fields) > MAX_FIELDS:
        raise exception.Invalid(
            f'The form has more than {MAX_FIELDS} fields; send fewer, or a '
            'JSON body.')
    pairs = []
    for field in fields:
        name, _, value = field.replace(b'+', b' ').partition(b'=')
        pairs.append((decode(urllib.parse.unquote_to_bytes(name),
                             content_type),
                      decode(urllib.parse.unquote_to_bytes(value),
                             content_type)))
    return pairs


@functools.lru_cache(maxsize=64)
def _has_ascii(name: str | None) -> bool:
    """Return whether a charset writes the signs of a form as ASCII does.

    Those of UTF-16 and EBCDIC, for instance, are other bytes.
    """
    return name is None or _SIGNS.decode(name, 'replace') == _SIGNS.decode()


def content(data: bytes) -> dict[str, typing.Any]:
    """Return ``body`` and ``is_base64``: UTF-8 text, else base64."""
    try:
        return {'body': data.decode(), 'is_base64': False}
    except UnicodeDecodeError:
        return {'body': base64.b64encode(data).decode(), 'is_base64': True}
