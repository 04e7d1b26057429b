# SPDX-License-Identifier: Apache-2.0
"""Reading request bodies: bounded, and packages never into memory.

:class:`qinling.api.pecan_patches.Request` has put the body aside, so that nothing
else reads it first.
"""

import io
import urllib.parse

import multipart
import orjson

from qinling import exception

JSON = 'application/json'
FORM = 'application/x-www-form-urlencoded'
MULTIPART = 'multipart/form-data'
#: Bytes of a part that stay in memory before it goes to a temporary file.
IN_MEMORY = 256 * 1024
PIECE = 64 * 1024


def _body(req):
    stream, kind, length = req.environ['qinling.body']
    media = kind.partition(';')[0].strip().lower()
    try:
        length = None if length is None else int(length)
        if length is not None and length < 0:
            raise ValueError
    except ValueError:
        raise exception.Invalid('Content-Length is not a number.')
    if length is None and req.environ.get('HTTP_TRANSFER_ENCODING') is None:
        length = 0
    return stream, kind, media, length


class _Bounded(io.RawIOBase):
    """A stream that ends after ``length`` bytes, and refuses more than
    ``most``."""

    def __init__(self, stream, length, most):
        self._stream = stream
        self._left = length
        self._most = self._allowed = most
        if length is not None and length > most:
            self._drain(length, most)
            raise _too_large(most)

    def _drain(self, length, most):
        """Read what is not wildly too much, since many clients do not look
        for an answer before they have sent everything."""
        if length > 4 * most:
            return
        while length and (data := self._stream.read(min(length, PIECE))):
            length -= len(data)

    def read(self, size=-1):
        if self._left is not None:
            size = self._left if size < 0 else min(size, self._left)
        elif size < 0:
            size = self._most + 1
        if not size:
            return b''
        data = self._stream.read(size)
        if self._left is not None:
            self._left -= len(data)
            if len(data) == 0:
                raise exception.Invalid(
                    'The request body is shorter than its Content-Length.')
        self._most -= len(data)
        if self._most < 0:
            raise _too_large(self._allowed)
        return data


def _too_large(most):
    return exception.TooLarge(
        f'The request body is too large: at most {most} bytes are allowed.')


def read_json(req):
    """The bytes of a JSON body.

    :raises TooLarge: beyond ``[api] max_body_size``.
    """
    stream, _, media, length = _body(req)
    data = _whole(_Bounded(stream, length, req.limits.max_body_size))
    if data and media != JSON:
        error = exception.Invalid(
            f'Content-Type {media or "(none)"} is not supported here; send '
            f'{JSON}.')
        error.http_code = 415
        raise error
    return data


def content_type(req):
    """What the sender says that the body is, with all parameters."""
    return req.environ['qinling.body'][1]


def read_raw(req, most):
    """The bytes of any body.

    :raises TooLarge: there are more than ``most``.
    """
    stream, _, _, length = _body(req)
    return _whole(_Bounded(stream, length, most))


def _whole(stream):
    pieces = []
    while piece := stream.read(PIECE):
        pieces.append(piece)
    return b''.join(pieces)


def read_form(req, most):
    """The fields of a form: multipart, urlencoded, or a JSON object with
    the same keys.

    :param most: bytes that an attached file may have.
    :returns: (dict of field -> text or JSON value, dict of field -> file).
        The files are temporary and seekable.
    """
    stream, kind, media, length = _body(req)
    small = req.limits.max_body_size
    if media == MULTIPART:
        return _multipart(_Bounded(stream, length, most + small), kind, most,
                          small)
    data = _whole(_Bounded(stream, length, small))
    if media == FORM or not data:
        try:
            pairs = urllib.parse.parse_qsl(
                data.decode(), keep_blank_values=True, errors='strict',
                max_num_fields=100)
        except (UnicodeDecodeError, ValueError):
            raise exception.Invalid('The form is not valid.')
        return dict(pairs), {}
    if media == JSON:
        return _object(data), {}
    error = exception.Invalid(
        f'Content-Type {media or "(none)"} is not supported here; send '
        f'{MULTIPART}, {FORM} or {JSON}.')
    error.http_code = 415
    raise error


def _object(data):
    try:
        values = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise exception.Invalid('Request is not in valid JSON format')
    if not isinstance(values, dict):
        raise exception.Invalid('Request must be a JSON object.')
    return {key: value for key, value in values.items()
            if value is not None}


def _multipart(stream, kind, most, small):
    _, options = multipart.parse_options_header(kind)
    fields, files = {}, {}
    try:
        for part in multipart.MultipartParser(
                stream, options.get('boundary', ''), spool_limit=IN_MEMORY,
                memory_limit=small, disk_limit=most + small,
                part_limit=100, header_limit=16):
            if part.filename is None and part.is_buffered():
                fields[part.name] = part.value
            else:
                files[part.name] = part.file
    except multipart.ParserLimitReached:
        raise _too_large(most)
    except (multipart.MultipartError, UnicodeError, LookupError) as e:
        raise exception.Invalid(f'The multipart form is not valid: {e}')
    return fields, files
