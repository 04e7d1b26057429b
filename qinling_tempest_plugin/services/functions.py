# SPDX-License-Identifier: Apache-2.0
"""Client of functions."""

import json
import typing

from urllib3 import filepost

from qinling_tempest_plugin.services import base


class FunctionClient(base.Client):
    """Client of functions, which sends forms."""

    path = '/v1/functions'

    def create(self, code: dict[str, typing.Any] | None = None,
               package: bytes | None = None,
               **fields: typing.Any) -> base.Row:
        """Create a function.

        :param code: for instance ``{'source': 'package'}``.
        :param package: bytes of a ZIP file.
        """
        return self._send_form(self.post, self.path, 201, dict(
            fields, code=code), package)

    def update(self, id: str, package: bytes | None = None,
               **fields: typing.Any) -> base.Row:
        """Change a function; parameters as in :meth:`create`."""
        return self._send_form(self.put, f'{self.path}/{id}', 200, fields,
                               package)

    def _send_form(self, send: typing.Any, path: str, status: int,
                   form: dict[str, typing.Any],
                   package: bytes | None) -> base.Row:
        code = form.pop('code', None)
        if code is not None:
            form['code'] = json.dumps(code)
        parts: list[tuple[str, typing.Any]] = [
            (name, str(value)) for name, value in form.items()]
        if package is not None:
            parts.append(('package', ('package.zip', package)))
        form_body, content_type = filepost.encode_multipart_formdata(parts)
        response, body = send(path, form_body, headers=dict(
            self.get_headers(), **{'Content-Type': content_type}))
        self.expected_success(status, response.status)
        return self.decode_body(response, body)

    def download(self, id: str) -> bytes:
        """Return the bytes of the package."""
        return self.get_body(f'{self.path}/{id}', download='true')

    def list_workers(self, id: str) -> list[base.Row]:
        """Return the workers of a function (administrators only)."""
        return self.get_body(f'{self.path}/{id}/workers')['workers']

    def detach(self, id: str) -> None:
        """Remove the workers of a function (administrators only)."""
        response, _ = self.post(f'{self.path}/{id}/detach', '')
        self.expected_success(202, response.status)
