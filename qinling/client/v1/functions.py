# SPDX-License-Identifier: Apache-2.0
"""Functions, their packages and their workers."""

from collections.abc import Callable
from collections.abc import Iterator
import json
import typing

from qinling.client import http
from qinling.client.v1 import base
from qinling.client.v1 import code as codes

#: Fields that a form holds as JSON.
JSON_FIELDS = {'code', 'async_policy', 'environment', 'secrets',
               'secret_modes', 'input_schema', 'output_schema', 'flow_control'}
#: Receiver of the number of uploaded bytes and of the total.
Progress = Callable[[int, int], None]


class Functions(codes.CodeCollection):
    """Functions."""

    key = 'functions'
    noun = 'Function'

    def create(self, code: dict[str, typing.Any],
               package: bytes | None = None,
               progress: Progress | None = None,
               **fields: typing.Any) -> base.Resource:
        """Create a function.

        :param code: such as ``{'source': 'package'}``.
        :param package: bytes of a ZIP file.
        :param progress: called with the number of bytes sent, and the total.
        :param fields: ``runtime_id``, ``name``, ``description``, ``entry``,
            ``cpu``, ``memory_size``, ``timeout``, ``async_policy`` (reaction
            to a failed asynchronous execution), ``environment`` and
            ``secrets`` (both name -> text; answers only contain the names of
            secrets, as ``secret_names``, and ``None`` removes a secret),
            ``secret_modes`` (name -> ``pinned`` or ``latest``),
            ``input_schema`` and ``output_schema`` (JSON Schema; ``{}``
            removes a schema), ``flow_control`` (which executions may start,
            and when; ``{}`` for none),
            ``keep_versions`` (0 for all).
        """
        return self._call('POST', **build_form(
            dict(fields, code=code), package, progress))

    def update(self, *address: str | int, if_match: str | None = None,
               package: bytes | None = None,
               progress: Progress | None = None,
               **fields: typing.Any) -> base.Resource:
        """Change a function; parameters as in :meth:`create`."""
        return self._call('PUT', *address, if_match=if_match,
                          **build_form(fields, package, progress))

    def get_build(self, id: str, version: int = 0) -> base.Resource:
        """Return the installed dependencies of a function or version."""
        return self._call('GET', id, *_build_path(version))

    def retry_build(self, id: str, version: int = 0) -> None:
        """Retry a failed installation of dependencies."""
        self._send('POST', id, *_build_path(version))

    def list_workers(self, id: str,
                     version: int | None = None) -> base.Rows:
        """Return the workers of a function, or of a version."""
        return self._call('GET', id, 'workers', params=http.drop_none(
            {'function_version': version}))['workers']


def _build_path(version: int) -> tuple[str | int, ...]:
    return ('versions', version, 'build') if version else ('build',)


class Upload:
    """Request body that reports progress.

    Iterable more than once: keystoneauth1 repeats a request with a new token
    when the token has expired.
    """

    def __init__(self, data: bytes, progress: Progress) -> None:
        self.data = data
        self.progress = progress

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, len(self.data), codes.CHUNK_BYTES):
            self.progress(start, len(self.data))
            yield self.data[start:start + codes.CHUNK_BYTES]
        self.progress(len(self.data), len(self.data))


def build_form(fields: dict[str, typing.Any], package: bytes | None,
               progress: Progress | None = None) -> dict[str, typing.Any]:
    """Return the arguments of a request with a form."""
    fields = http.drop_none(fields)
    for name in JSON_FIELDS.intersection(fields):
        fields[name] = json.dumps(fields[name])
    if package is None:
        return {'data': fields, 'log': 'secrets' not in fields}
    # Only uploads need the encoder.
    from urllib3 import filepost

    parts: dict[str, typing.Any] = {
        name: str(value) for name, value in fields.items()}
    parts['package'] = ('package.zip', package, 'application/zip')
    data, content_type = filepost.encode_multipart_formdata(parts)
    return {'data': Upload(data, progress) if progress else data,
            'headers': {'Content-Type': content_type}, 'log': False}
