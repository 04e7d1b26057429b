# SPDX-License-Identifier: Apache-2.0
"""Request bodies: read with a limit; packages go to temporary files.

:class:`qinling.api.pecan_patches.Request` hides the body from Pecan, so only
this module reads a body.
"""

from collections.abc import Iterable
from collections.abc import Set
import io
import typing
import urllib.parse

import multipart

from qinling.api import field_names
from qinling.api import pecan_patches
from qinling import exception
from qinling import printable
from qinling import strict_json

JSON = 'application/json'
FORM = 'application/x-www-form-urlencoded'
MULTIPART = 'multipart/form-data'
#: Bytes of a part that stay in memory; larger parts go to a temporary file.
MAX_PART_MEMORY_BYTES = 256 * 1024
CHUNK_BYTES = 64 * 1024
MAX_FIELDS = 100
MAX_PART_HEADERS = 16


class _Body(typing.NamedTuple):
    """Unread body of a request; ``length`` is ``None`` when chunked."""

    stream: typing.Any
    content_type: str
    media_type: str
    length: int | None


def _body(req: pecan_patches.Request) -> _Body:
    """Return the body of a request.

    :raises Invalid: the Content-Length is not valid.
    """
    stream, content_type, length = req.environ['qinling.body']
    media_type = content_type.partition(';')[0].strip().lower()
    try:
        length = None if length is None else int(length)
        if length is not None and length < 0:
            raise ValueError
    except ValueError:
        raise exception.Invalid('Content-Length is not a number.')
    if length is None and req.environ.get('HTTP_TRANSFER_ENCODING') is None:
        length = 0
    return _Body(stream, content_type, media_type, length)


class _BoundedStream(io.RawIOBase):
    """Stream that ends after the length of a body.

    :param max_size: bytes; a larger body raises ``TooLarge``.
    """

    def __init__(self, body: _Body, max_size: int) -> None:
        self._stream = body.stream
        self.remaining = body.length
        self._max_size = self._remaining_limit = max_size
        if body.length is not None and body.length > max_size:
            raise _too_large(max_size)

    def read(self, size: int = -1) -> bytes:
        """Return at most ``size`` bytes, empty at the end."""
        if self.remaining is not None:
            size = self.remaining if size < 0 else min(size, self.remaining)
        elif size < 0:
            size = self._remaining_limit + 1
        if not size:
            return b''
        data: bytes = self._stream.read(size)
        if self.remaining is not None:
            self.remaining -= len(data)
            if len(data) == 0:
                raise exception.Invalid(
                    'The request body is shorter than its Content-Length.')
        self._remaining_limit -= len(data)
        if self._remaining_limit < 0:
            raise _too_large(self._max_size)
        return data


def _too_large(max_size: int) -> exception.TooLarge:
    return exception.TooLarge(
        f'The request body is too large: at most {max_size} bytes are '
        'allowed.')


def read_json(req: pecan_patches.Request) -> bytes:
    """Return the bytes of a JSON body.

    :raises TooLarge: the body exceeds ``[api] max_body_size``.
    :raises UnsupportedMediaType: the Content-Type is not JSON, or the body
        is encoded.
    """
    _check_encoding(req)
    body = _body(req)
    data = _read_all(_BoundedStream(body, req.limits.max_body_size))
    if data and body.media_type != JSON:
        raise _unsupported(body.media_type, JSON)
    return data


def _check_encoding(req: pecan_patches.Request) -> None:
    """Raise an error for a compressed body, which would not parse."""
    if 'HTTP_CONTENT_ENCODING' not in req.environ:
        return
    coding = req.environ['HTTP_CONTENT_ENCODING'].strip().lower()
    if coding not in ('', 'identity'):
        raise exception.UnsupportedMediaType(
            'The body has the Content-Encoding '
            f'{printable.shorten(coding, 64)}; send the body unencoded.')


def _unsupported(media_type: str, supported: str
                 ) -> exception.UnsupportedMediaType:
    return exception.UnsupportedMediaType(
        media_type=media_type or '(none)', supported=supported)


def content_type(req: pecan_patches.Request) -> str:
    """Return the Content-Type of the body, with all parameters."""
    value: str = req.environ['qinling.body'][1]
    return value


def read_raw(req: pecan_patches.Request, max_size: int) -> bytes:
    """Return the bytes of any body.

    :raises TooLarge: the body exceeds ``max_size`` bytes.
    """
    return _read_all(_BoundedStream(_body(req), max_size))


def _read_all(stream: _BoundedStream) -> bytes:
    data = stream.read(CHUNK_BYTES)
    if not data or stream.remaining == 0:
        return data
    chunks = [data]
    while chunk := stream.read(CHUNK_BYTES):
        chunks.append(chunk)
    return b''.join(chunks)


def read_form(req: pecan_patches.Request, max_file_size: int,
              repeatable: Set[str] = frozenset()
              ) -> tuple[dict[str, typing.Any], dict[str, typing.Any]]:
    """Return the fields of a form.

    The form is multipart, urlencoded, or a JSON object with the same keys.

    :param max_file_size: bytes of an attached file.
    :param repeatable: fields that may occur more than once.
    :returns: (field -> text or JSON value, field -> file).  The files are
        temporary and seekable.
    :raises Invalid, TooLarge: the form is not valid or too large.
    :raises UnsupportedMediaType: the Content-Type is no form, or the body is
        encoded.
    """
    _check_encoding(req)
    body = _body(req)
    max_size = req.limits.max_body_size
    if body.media_type == MULTIPART:
        texts, files = _parse_multipart(
            _BoundedStream(body, max_file_size + max_size),
            body.content_type, max_file_size, max_size)
        for pairs in (texts, files):
            field_names.check_repeats(pairs, repeatable)
        return dict(texts), dict(files)
    data = _read_all(_BoundedStream(body, max_size))
    if body.media_type == FORM or not data:
        texts = _parse_urlencoded(data)
        field_names.check_repeats(texts, repeatable)
        return dict(texts), {}
    if body.media_type == JSON:
        return _parse_form_object(data), {}
    raise _unsupported(body.media_type, f'{MULTIPART}, {FORM} or {JSON}')


def check_files(files: Iterable[str], name: str) -> None:
    """Raise an error for a file in a field with a text.

    A long text counts as a file.

    :param files: names of fields with a file.
    :param name: of the field with a file.
    """
    for field in sorted(set(files) - {name}):
        raise exception.Invalid(
            f'{field} must be a text of at most {MAX_PART_MEMORY_BYTES} '
            'bytes, not a file.', attributes=[field])


def parse_object(data: bytes) -> dict[str, typing.Any]:
    """Return the JSON object in a body.

    :raises Invalid: the body is no JSON object, or cannot be stored.
    """
    values = parse_json('Request', data)
    if not isinstance(values, dict):
        raise exception.Invalid('Request must be a JSON object.')
    return values


def is_json(req: pecan_patches.Request) -> bool:
    """Return whether the body is JSON."""
    return _body(req).media_type == JSON


def parse_json(name: str, text: str | bytes) -> typing.Any:
    """Return the value of a JSON text.

    :param name: subject of the sentence of the error.
    :raises Invalid: the text is no JSON, or cannot be stored.
    """
    try:
        return strict_json.loads(text)
    except strict_json.NotStorable as e:
        raise exception.Invalid(f'{name} cannot be stored. {e}')
    except ValueError as e:
        raise exception.Invalid(f'{name} is not in valid JSON format. {e}')


def _parse_urlencoded(data: bytes) -> field_names.Fields:
    try:
        return urllib.parse.parse_qsl(
            data.decode(), keep_blank_values=True, errors='strict',
            max_num_fields=MAX_FIELDS)
    except (UnicodeDecodeError, ValueError):
        raise exception.Invalid('The form is not valid.')


def _parse_form_object(data: bytes) -> dict[str, typing.Any]:
    return {key: value for key, value in parse_object(data).items()
            if value is not None}


def _parse_multipart(stream: _BoundedStream, content_type: str,
                     max_file_size: int, max_fields_size: int
                     ) -> tuple[field_names.Fields, field_names.Fields]:
    _, options = multipart.parse_options_header(content_type)
    values: field_names.Fields = []
    files: field_names.Fields = []
    try:
        for part in multipart.MultipartParser(
                stream, options.get('boundary', ''),
                spool_limit=MAX_PART_MEMORY_BYTES,
                memory_limit=max_fields_size,
                disk_limit=max_file_size + max_fields_size,
                part_limit=MAX_FIELDS, header_limit=MAX_PART_HEADERS):
            if part.filename is None and part.is_buffered():
                values.append((part.name, part.value))
            else:
                files.append((part.name, part.file))
    except multipart.ParserLimitReached as e:
        if str(e).startswith('Disk'):
            raise _too_large(max_file_size)
        if str(e).startswith('Memory'):
            raise exception.TooLarge(
                'The fields of the form are too large: at most '
                f'{max_fields_size} bytes are allowed.')
        raise exception.TooLarge(
            f'The form is too large: at most {MAX_FIELDS} fields are '
            'allowed, with short names and headers.')
    except (multipart.MultipartError, UnicodeError, LookupError) as e:
        raise exception.Invalid(f'The multipart form is not valid: {e}')
    return values, files
