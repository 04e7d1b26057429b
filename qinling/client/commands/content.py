# SPDX-License-Identifier: Apache-2.0
"""Results in files, also binary ones."""

from collections.abc import Iterable
import os
import typing

from qinling.client.commands import base
from qinling.client.commands import options
from qinling.client import exceptions

OUTPUT = options.Argument(
    '--output', '-o', metavar='FILE',
    help='Write the result to a file, or - for standard output. A result '
         'with "body" and "is_base64" is decoded.')
#: Encoding of texts, with half surrogates escaped.
ESCAPED = ('utf-8', 'backslashreplace')


def decode(output: typing.Any) -> bytes:
    """Return the bytes of the result of a function.

    A result in the form of an HTTP answer, with ``body`` and optionally
    ``is_base64``, stands for its body.

    :raises ClientError: if the body is not base64.
    """
    import base64
    import json

    if isinstance(output, dict) and isinstance(output.get('body'), str):
        body = output['body']
        if not output.get('is_base64'):
            return body.encode(*ESCAPED)
        try:
            return base64.b64decode(body, validate=True)
        except ValueError:
            raise exceptions.ClientError(
                'The member "body" of the result is not base64.')
    if isinstance(output, str):
        return output.encode(*ESCAPED)
    return json.dumps(output, ensure_ascii=False).encode(*ESCAPED) + b'\n'


def write(command: base.Command, name: str, data: bytes) -> None:
    """Write a result to a file, or to standard output for ``-``."""
    write_chunks(command, name, [data])
    if name != '-':
        command.note(f'Wrote {len(data)} bytes to {os.path.abspath(name)}')


def write_chunks(command: base.Command, name: str,
                 chunks: Iterable[bytes]) -> None:
    """Write bytes to a file, or to standard output for ``-``.

    :raises ClientError: if the file cannot be written; an incomplete file
        is deleted.
    """
    if name == '-':
        stream = command.app.stdout.buffer
        stream.writelines(chunks)
        stream.flush()
        return
    path = os.path.abspath(name)
    try:
        with open(path, 'wb') as target:
            try:
                target.writelines(chunks)
            except BaseException:
                os.unlink(path)
                raise
    except OSError as e:
        raise exceptions.ClientError(
            f'Cannot write {exceptions.describe_failure(e)}')
