# SPDX-License-Identifier: Apache-2.0
"""Client of function versions."""

import typing

from qinling_tempest_plugin.services import base


class VersionClient(base.Client):
    """Client of function versions, addressed by function id and number."""

    @staticmethod
    def _build_path(function_id: str, number: int | None = None) -> str:
        path = f'/v1/functions/{function_id}/versions'
        return path if number is None else f'{path}/{number}'

    def create(self, function_id: str, **values: typing.Any) -> base.Row:
        """Publish the latest code of a function."""
        return self.send_json('POST', self._build_path(function_id), 201,
                              values)

    def list(self, function_id: str) -> list[base.Row]:
        return self.get_body(self._build_path(function_id))[
            'function_versions']

    def show(self, function_id: str, number: int) -> base.Row:
        return self.get_body(self._build_path(function_id, number))

    def update(self, function_id: str, number: int,
               **values: typing.Any) -> base.Row:
        """Change the description."""
        return self.send_json('PUT', self._build_path(function_id, number),
                              200, values)

    def download(self, function_id: str, number: int) -> bytes:
        """Return the bytes of the package."""
        return self.get_body(self._build_path(function_id, number),
                             download='true')

    def destroy(self, function_id: str, number: int) -> None:
        self.delete_path(self._build_path(function_id, number))
