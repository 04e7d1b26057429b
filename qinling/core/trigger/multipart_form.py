# SPDX-License-Identifier: Apache-2.0
"""Multipart forms of webhooks."""

from collections.abc import Iterator
import io
import itertools
import re
import typing

import multipart

from qinling.core.trigger import texts

#: Parts of a form.
MAX_PARTS = 1000
#: Headers of a part.
MAX_HEAD_BYTES = 8192
#: RFC 2046, section 5.1.1, permits 70 characters.
BOUNDARY_LENGTHS = range(1, 201)
_BLANK_LINE = re.compile(rb'\n\r?\n')


def parse(data: bytes, content_type: str
          ) -> list[tuple[str, typing.Any]]:
    """Return the (name, value) pairs of a form.

    The value of a file is a dict with ``filename``, ``content_type``,
    ``body`` and ``is_base64``.  Parts without a name are left out.
    """
    try:
        return _parse_strictly(data, content_type)
    except (multipart.MultipartError, UnicodeError, LookupError, ValueError):
        return list(_parse_leniently(data, content_type))


def _parse_strictly(data: bytes, content_type: str
                    ) -> list[tuple[str, typing.Any]]:
    _, options = multipart.parse_options_header(content_type)
    size = len(data) + 1
    return [(part.name, _value(part.raw, part.filename, part.content_type,
                               part.headers.get('Content-Type', '')))
            for part in multipart.MultipartParser(
                io.BytesIO(data), options.get('boundary', ''),
                spool_limit=size, memory_limit=size, disk_limit=size,
                part_limit=MAX_PARTS)]


def _parse_leniently(data: bytes, content_type: str
                     ) -> Iterator[tuple[str, typing.Any]]:
    """Yield the pairs of a form that breaks RFC 7578.

    Some senders end lines with LF, forget the last boundary, or have parts
    without names.
    """
    _, options = multipart.parse_options_header(content_type)
    boundary = options.get('boundary', '').encode('latin-1', 'replace')
    if (len(boundary) not in BOUNDARY_LENGTHS
            or _is_cut_off(data, boundary)):
        return
    for part in _split(data, boundary):
        head, content = _split_head(part)
        headers = _read_headers(head)
        kind, fields = multipart.parse_options_header(
            headers.get('content-disposition', ''),
            unquote=multipart.content_disposition_unquote)
        if kind == 'form-data' and 'name' in fields:
            content_type = headers.get('content-type', '')
            yield fields['name'], _value(
                content, fields.get('filename'),
                content_type.partition(';')[0].strip().lower()
                or 'text/plain', content_type)


def _is_cut_off(data: bytes, boundary: bytes) -> bool:
    """Return whether the data ends within a boundary."""
    line = data[data.rfind(b'\n') + 1:]
    return bool(line) and len(line) < len(boundary) + 2 and (
        b'--' + boundary).startswith(line)


def _split(data: bytes, boundary: bytes) -> Iterator[bytes]:
    """Yield the parts of a form."""
    delimiter = re.compile(rb'(?:(?<=\n)|\A)--' + re.escape(boundary)
                           + rb'(--)?[ \t]*\r?(?:\n|\Z)')
    matches = list(itertools.islice(delimiter.finditer(data), MAX_PARTS + 1))
    for match, following in itertools.zip_longest(
            matches[:MAX_PARTS], matches[1:]):
        if match is None or match[1]:
            return
        end = following.start() if following else len(data)
        yield _strip_line_end(data[match.end():end])


def _strip_line_end(data: bytes) -> bytes:
    return data.removesuffix(b'\n').removesuffix(b'\r')


def _split_head(part: bytes) -> tuple[bytes, bytes]:
    """Return the headers and the content of a part."""
    if part.startswith((b'\n', b'\r\n')):
        return b'', part[part.index(b'\n') + 1:]
    match = _BLANK_LINE.search(part)
    if match is None:
        return b'', part
    return part[:match.start()], part[match.end():]


def _read_headers(head: bytes) -> dict[str, str]:
    """Return the headers of a part by their names in lower case."""
    headers: dict[str, str] = {}
    if len(head) <= MAX_HEAD_BYTES:
        for line in head.decode('utf-8', 'replace').split('\n'):
            name, _, value = line.partition(':')
            headers.setdefault(name.strip().lower(), value.strip())
    return headers


def _value(raw: bytes, filename: str | None, media_type: str,
           content_type: str) -> typing.Any:
    if filename is None:
        return texts.decode(raw, content_type)
    return {'filename': filename, 'content_type': media_type,
            **texts.content(raw)}
